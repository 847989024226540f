using System;
using System.Collections.Generic;

namespace UbarFs.Kernels.Vectors;

/// <summary>
/// How many bits the vectors have in which the kernels compute. Sums are taken in another order with another width, and
/// rounded otherwise: who wants the same numbers on another processor chooses a width that both have.
/// </summary>
public static class VectorBits
{
    private static readonly (int Bits, LaneWidth Width)[] s_widths =
        [(128, LaneWidth.Narrow), (256, LaneWidth.Middle), (512, LaneWidth.Wide)];

    /// <summary>The environment variable that chooses the width.</summary>
    public static string Variable => "UBARFS_VECTOR_BITS";

    /// <summary>The width in use.</summary>
    public static int Current => Array.Find(s_widths, width => width.Width == Lanes.Chosen).Bits;

    /// <summary>The widths that this machine has, ascending.</summary>
    public static IReadOnlyList<int> Available =>
        [.. Array.ConvertAll(Array.FindAll(s_widths, width => width.Width <= Lanes.Widest), width => width.Bits)];

    /// <summary>Chooses a width for this process; whether this machine has it.</summary>
    public static bool TryChoose(int bits)
    {
        foreach (var width in s_widths)
        {
            if (width.Bits == bits && width.Width <= Lanes.Widest)
            {
                Lanes.Chosen = width.Width;
                return true;
            }
        }

        return false;
    }
}
