/// Scenarios to start from, with comments, for `ubarfs new`.
[<RequireQualifiedAccess>]
module UbarFs.Scenario.Starter

/// A scenario to start from: its name on the command line, what it is for, and its text without the name.
type Starter = { Template: string; Summary: string; Body: string }

let private minimal =
    { Template = "minimal"
      Summary = "one run: the keys that must be there, and little else"
      Body =
        """data:     { dataset: digits }                # 'ubarfs list datasets' shows the others
model:    softmax                            # or mlp, { mlp: { hidden: 30 } }, cnn, …
network:  { benign: 12, byzantine: 25% }     # a quarter of all nodes is Byzantine: 4 join the 12 benign ones
training: { epochs: 10 }                     # or iterations: 200
rule:     ubar                               # how a node aggregates what it receives
attack:   bit-flip                           # what Byzantine nodes send
""" }

let private sweep =
    { Template = "sweep"
      Summary = "rules against each other, with growing numbers of Byzantine nodes and several seeds"
      Body =
        """data:     { dataset: digits, partition: iid }
model:    mlp
network:  { topology: { random: 0.6 }, benign: 12 }
training: { batch: 16, epochs: 10, rate: 0.2 }
measure:  { every: 2 epochs }

# Every combination is a run. Any key can be swept by its path; a component stands with or without parameters.
sweep:
  network.byzantine: [20%, 25%, 40%]
  attack: [absent, bit-flip]                 # absent: the Byzantine nodes are left out; the baseline of the verdicts
  rule: [average, dmedian, ubar, { ubar: { rho: 0.3 } }]

# What the others are compared with where nobody lies is 'average', unless 'baseline: RULE' names another rule.
repeat: 5                                    # seeds 1 to 5: fewer decide nothing; or list them, as in 'seeds: [1, 5, 9]'
""" }

let private attackStudy =
    { Template = "attack-study"
      Summary = "several attacks against several rules, each with its baseline; zips, variants and exclusions"
      Body =
        """data:     { dataset: digits }
model:    mlp
network:  { topology: { random: 0.6 }, benign: 12, byzantine: 25% }
training: { batch: 16, epochs: 10, rate: 0.2 }
measure:  { every: 2 epochs }

sweep:
  rule: [average, dmedian, bridge, ubar]

  # A variant sets several keys at once. Its name tells the runs apart in the results.
  variants:
    quiet:         { attack: absent }        # Byzantine nodes are left out: the baseline of the next two
    noisy:         { attack: { gaussian: { sigma: 1 } } }
    flipped:       { attack: bit-flip }
    # More Byzantine nodes leave each node fewer images, so these have a baseline of their own.
    quiet-crowd:   { attack: absent, network.byzantine: 40% }
    flipped-crowd: { attack: bit-flip, network.byzantine: 40% }

  # Lists side by side, where all combinations would be too many:
  # zip: { training.rate: [0.2, 0.1], training.batch: [16, 32] }

  # Runs that have all of these values are left out.
  exclude:
    - { rule: dmedian, variant: flipped-crowd }

repeat: 5                                    # verdicts take five seeds: fewer decide nothing
""" }

let private paper =
    { Template = "paper"
      Summary = "the setting of the paper's figures: 30 benign nodes, MNIST, its CNN (takes hours)"
      Body =
        """data:     { dataset: mnist, partition: iid }     # 'ubarfs data get mnist' downloads it
model:    cnn
network:  { topology: { random: 0.4 }, benign: 30 }
training: { batch: 256, epochs: 50, rate: 0.05, fading: 20 }    # the rate fades: 0.05·20/(20 + epoch)
measure:  { every: 1 epoch }

sweep:
  network.byzantine: [0.1, 0.3, 0.5]
  attack: [absent, bit-flip]                 # absent: the baseline, without the Byzantine nodes
  rule: [average, dkrum, dmedian, dbulyan, bridge, ubar]

  # Of the baseline only averaging is wanted.
  exclude:
    - { attack: absent, rule: dkrum }
    - { attack: absent, rule: dmedian }
    - { attack: absent, rule: dbulyan }
    - { attack: absent, rule: bridge }
    - { attack: absent, rule: ubar }

# repeat: 5                                  # one seed, as in the paper, decides nothing: verdicts take five
""" }

let all = [ minimal; sweep; attackStudy; paper ]

/// The text of a starter under a name.
let text (name: string) (starter: Starter) : string =
    [ $"# {starter.Summary}"
      $"# ubarfs check {name}.yaml    shows its runs, memory and time"
      $"# ubarfs {name}.yaml          runs it"
      ""
      $"name: {name}"
      starter.Body ]
    |> String.concat "\n"
