using System;
using System.Reflection.Emit;
using System.Runtime.CompilerServices;
using UbarFs.Kernels.Vectors;

namespace UbarFs.Kernels.Estimates;

/// <summary>
/// Writes code for one network: its comparisons one after the other, between which values stay in registers. The runtime
/// compiles it with full optimisation at once.
/// </summary>
internal static unsafe class NetworkCompiler<TLanes, TFloat, TDouble>
    where TLanes : struct, ILanes<TFloat, TDouble>
    where TFloat : struct
    where TDouble : struct
{
    /// <summary>What becomes of the values that a network has ordered.</summary>
    private delegate void Ending(ILGenerator code, LocalBuilder[] values);

    /// <summary>Takes <paramref name="count"/> rows through a network, each to its place.</summary>
    public static NetworkCode Order(int count, ReadOnlySpan<Comparator> network) => Compile(count, network, Store);

    /// <summary>
    /// Takes <paramref name="count"/> rows through a network and results in the mean of what comes to the places
    /// <paramref name="first"/> … <paramref name="end"/> − 1 and, if asked for, of the row behind those rows.
    /// </summary>
    public static NetworkCode Mean(int count, ReadOnlySpan<Comparator> network, int first, int end, bool withNext) =>
        Compile(count, network, (code, values) =>
        {
            LocalBuilder[] next = withNext ? [Load(code, count)] : [];
            StoreMean(code, [.. next, .. values[first..end]]);
        });

    private static NetworkCode Compile(int count, ReadOnlySpan<Comparator> network, Ending ending)
    {
        Type[] parameters = [typeof(float**), typeof(nint), typeof(float*), typeof(float*)];
        var method = new DynamicMethod("Network", null, parameters, typeof(TLanes).Module, skipVisibility: true);
        var code = method.GetILGenerator();
        var stop = code.DeclareLocal(typeof(nint));
        var loop = code.DefineLabel();
        code.Emit(OpCodes.Ldarg_1);
        code.Emit(OpCodes.Ldc_I4, ColumnRun.Length);
        code.Emit(OpCodes.Add);
        code.Emit(OpCodes.Stloc, stop);

        code.MarkLabel(loop);
        var values = new LocalBuilder[count];
        for (var row = 0; row < count; row++)
        {
            values[row] = Load(code, row);
        }

        Compare(code, network, values);
        ending(code, values);
        Advance(code, 1, TLanes.Floats);
        Advance(code, 2, TLanes.Floats * sizeof(float));
        Advance(code, 3, TLanes.Floats * sizeof(float));
        code.Emit(OpCodes.Ldarg_1);
        code.Emit(OpCodes.Ldloc, stop);
        code.Emit(OpCodes.Blt, loop);
        code.Emit(OpCodes.Ret);
        return method.CreateDelegate<NetworkCode>();
    }

    private static LocalBuilder Load(ILGenerator code, int row)
    {
        var value = code.DeclareLocal(typeof(TFloat));
        code.Emit(OpCodes.Ldarg_0);
        code.Emit(OpCodes.Ldc_I4, row);
        code.Emit(OpCodes.Ldarg_1);
        code.Emit(OpCodes.Call, ((Func<nint, int, nint, TFloat>)Get).Method);
        code.Emit(OpCodes.Stloc, value);
        return value;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        static TFloat Get(nint rows, int row, nint column) =>
            TLanes.NanToInfinity(TLanes.Load(((float**)rows)[row] + column));
    }

    // Places are names of locals: the smaller value goes to a free one, which gets the place, and frees that of its place.
    private static void Compare(ILGenerator code, ReadOnlySpan<Comparator> network, LocalBuilder[] values)
    {
        var free = code.DeclareLocal(typeof(TFloat));
        foreach (var (low, high, exchange) in network)
        {
            var (one, other) = (values[low], values[high]);
            if (exchange != Exchange.Larger)
            {
                Choose(code, TLanes.Min, one, other, free);
                (values[low], free) = (free, one);
            }

            if (exchange != Exchange.Smaller)
            {
                Choose(code, TLanes.Max, one, other, other);
            }
        }
    }

    private static void Choose(
        ILGenerator code, Func<TFloat, TFloat, TFloat> choice, LocalBuilder one, LocalBuilder other, LocalBuilder result)
    {
        code.Emit(OpCodes.Ldloc, one);
        code.Emit(OpCodes.Ldloc, other);
        code.Emit(OpCodes.Call, choice.Method);
        code.Emit(OpCodes.Stloc, result);
    }

    private static void Store(ILGenerator code, LocalBuilder[] values)
    {
        for (var place = 0; place < values.Length; place++)
        {
            code.Emit(OpCodes.Ldarg_2);
            code.Emit(OpCodes.Ldc_I4, place);
            code.Emit(OpCodes.Ldloc, values[place]);
            code.Emit(OpCodes.Call, ((Action<nint, int, TFloat>)Put).Method);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        static void Put(nint places, int place, TFloat value) =>
            TLanes.Store((float*)places + (place * ColumnRun.Length), value);
    }

    // In float64, one summand after the other.
    private static void StoreMean(ILGenerator code, LocalBuilder[] summands)
    {
        Func<TFloat, TDouble>[] halves = [TLanes.WidenLower, TLanes.WidenUpper];
        code.Emit(OpCodes.Ldarg_3);
        foreach (var half in halves)
        {
            for (var index = 0; index < summands.Length; index++)
            {
                code.Emit(OpCodes.Ldloc, summands[index]);
                code.Emit(OpCodes.Call, half.Method);
                if (index > 0)
                {
                    code.Emit(OpCodes.Call, ((Func<TDouble, TDouble, TDouble>)TLanes.Add).Method);
                }
            }
        }

        code.Emit(OpCodes.Ldc_R8, 1.0 / summands.Length);
        code.Emit(OpCodes.Call, ((Action<nint, TDouble, TDouble, double>)PutMean).Method);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        static void PutMean(nint result, TDouble lower, TDouble upper, double share)
        {
            var shares = TLanes.Broadcast(share);
            TLanes.Store((float*)result, TLanes.Narrow(TLanes.Multiply(lower, shares), TLanes.Multiply(upper, shares)));
        }
    }

    private static void Advance(ILGenerator code, short parameter, int by)
    {
        code.Emit(OpCodes.Ldarg, parameter);
        code.Emit(OpCodes.Ldc_I4, by);
        code.Emit(OpCodes.Add);
        code.Emit(OpCodes.Starg, parameter);
    }
}
