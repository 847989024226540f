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
    /// <summary>
    /// An ordering of <paramref name="count"/> rows by a network. Of the places it fills only <paramref name="first"/> …
    /// <paramref name="end"/> − 1.
    /// </summary>
    public static Ordering Compile(int count, ReadOnlySpan<Comparator> network, int first, int end)
    {
        Type[] parameters = [typeof(float**), typeof(nint), typeof(float*)];
        var method = new DynamicMethod("Order", null, parameters, typeof(TLanes).Module, skipVisibility: true);
        var code = method.GetILGenerator();
        var stop = code.DeclareLocal(typeof(nint));
        var loop = code.DefineLabel();
        code.Emit(OpCodes.Ldarg_1);
        code.Emit(OpCodes.Ldc_I4, ColumnRun.Length);
        code.Emit(OpCodes.Add);
        code.Emit(OpCodes.Stloc, stop);

        code.MarkLabel(loop);
        var values = Load(code, count);
        Compare(code, network, values);
        Store(code, values, first, end);
        Advance(code, 1, TLanes.Floats);
        Advance(code, 2, TLanes.Floats * sizeof(float));
        code.Emit(OpCodes.Ldarg_1);
        code.Emit(OpCodes.Ldloc, stop);
        code.Emit(OpCodes.Blt, loop);
        code.Emit(OpCodes.Ret);
        return method.CreateDelegate<Ordering>();
    }

    private static LocalBuilder[] Load(ILGenerator code, int count)
    {
        var values = new LocalBuilder[count];
        for (var row = 0; row < count; row++)
        {
            values[row] = code.DeclareLocal(typeof(TFloat));
            code.Emit(OpCodes.Ldarg_0);
            code.Emit(OpCodes.Ldc_I4, row);
            code.Emit(OpCodes.Ldarg_1);
            code.Emit(OpCodes.Call, ((Func<nint, int, nint, TFloat>)Value).Method);
            code.Emit(OpCodes.Stloc, values[row]);
        }

        return values;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        static TFloat Value(nint rows, int row, nint column) =>
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

    private static void Store(ILGenerator code, LocalBuilder[] values, int first, int end)
    {
        for (var place = first; place < end; place++)
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

    private static void Advance(ILGenerator code, short parameter, int by)
    {
        code.Emit(OpCodes.Ldarg, parameter);
        code.Emit(OpCodes.Ldc_I4, by);
        code.Emit(OpCodes.Add);
        code.Emit(OpCodes.Starg, parameter);
    }
}
