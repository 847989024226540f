/// Everything that a scenario can name. Adding a component touches its own file and one line here.
[<RequireQualifiedAccess>]
module UbarFs.Core.Catalogue

let rules: Component<Rule> list =
    [ Average.rule
      Krum.dkrum
      Krum.multiKrum
      Median.dmedian
      Median.geometricMedian
      Bulyan.dbulyan
      Trimmed.bridge
      Trimmed.slsgd
      Ubar.rule
      Byrdie.rule
      RdSvm.rule
      TvNorm.rule
      Zeno.zeno
      FlTrust.rule
      Afa.rule
      Trimmed.trimmedMean
      Meamed.rule
      Mda.rule
      Cge.rule
      Nna.rule
      Rfa.rule
      CenteredClipping.rule
      Dnc.rule
      ClippedGossip.clippedGossip
      ClippedGossip.csPlus
      ClippedGossip.rtc
      Gts.rule
      Ios.ios
      Ios.faba
      Balance.rule
      SketchGuard.rule
      SignGuard.rule
      Flame.rule
      FoolsGold.rule
      WfAgg.rule
      Draco.rule
      Election.rule
      Gaavernor.rule
      TrustedWeights.rule ]

let stages: Component<PipelineStage> list =
    [ WithOwn.stage; Clip.stage; Arc.stage; Nnm.stage; Bucketing.stage ]

let private behaviours: Component<Behaviour> list =
    SimpleAttacks.all
    @ [ SignFlip.attack; LabelFlip.attack; Backdoor.attack ]
    @ Faults.all
    @ [ Mhamdi.attack; LittleIsEnough.attack; Fang.attack; InnerProduct.attack ]
    @ MinMax.all
    @ Mimic.all
    @ Dissensus.all
    @ [ Spectral.attack; TheoremOne.attack ]

let attacks: Component<Attack> list =
    SimpleAttacks.absent :: List.map Attack.timed (behaviours @ [ Strongest.attack behaviours ])

let topologies: Component<Topology> list =
    [ RandomTopology.topology
      RingTopology.topology
      CompleteTopology.topology
      StarTopology.topology
      TorusTopology.topology
      RegularTopology.topology
      SmallWorldTopology.topology
      DumbbellTopology.topology
      GeometricTopology.topology
      FileTopology.topology ]

let placements: Component<Placement> list = Placements.all

let datasets: Component<Dataset> list = Datasets.known @ Cifar.all @ Datasets.own
let models: Component<Model> list = Models.all
let layers: Component<int -> Layer> list = Layers.all

let partitions: Component<Partition> list =
    let ofAll =
        [ Iid.partition
          Dirichlet.partition
          Similarity.partition
          ClassHoldings.partition
          Shards.partition
          Groups.partition
          Sizes.partition ]

    ofAll @ [ LongTail.before ofAll; Replicated.partition; ListedShares.partition ]

let decays: Component<float option -> Decay> list = TrainingChoices.decays
let starts: Component<Start> list = TrainingChoices.starts
let protocols: Component<Protocol> list = Protocols.all
