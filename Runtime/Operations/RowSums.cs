using System.Numerics;

namespace NeuralPlugin;

/// <summary>
/// How the invocations of the <see cref="WorkgroupTiledFamily"/> that share a row of a last layer share its sums, in one of the two orders of Shaders/Include/row_lanes.glsl: few outputs by
/// all invocations together, more in the parts of the layer's product.
/// </summary>
/// <param name="OutputTexels">Texels of outputs: up to <see cref="MostTexelsInRegisters"/> stay in registers, more in shared memory.</param>
/// <param name="Parts">Parts of a sum; 0 for few outputs.</param>
/// <param name="PartLength">Their length.</param>
internal readonly record struct RowSums(int OutputTexels, int Parts, int PartLength)
{
    /// <summary>Texels of outputs that an invocation keeps in registers.</summary>
    public const int MostTexelsInRegisters = 8;

    /// <summary>Parts that are in shared memory at a time.</summary>
    private const int MostPartsAtATime = 16, MostPartsOfManyOutputs = 4;

    /// <summary>The constants of the shader.</summary>
    public (string Name, int Value)[] Constants =>
        Parts == 0 ? []
            :
            [
                ("PARTS_OF_Z", Parts), ("Z_PART_LENGTH", PartLength), ("PARTS_AT_A_TIME", PartsAtATime),
                .. IsInSharedMemory ? [("OUTPUTS_IN_SHARED_MEMORY", 1)] : Array.Empty<(string, int)>(),
            ];

    private bool IsInSharedMemory => OutputTexels > MostTexelsInRegisters;

    private int PartsAtATime => Math.Min(Parts, IsInSharedMemory ? MostPartsOfManyOutputs : MostPartsAtATime);

    /// <summary>
    /// The invocations of a row that have something to add, a power of two. Few outputs have the same bits with any greater one; more outputs need one for each of their texels.
    /// </summary>
    public int UsefulLanes(int hiddenTexels) => (int)BitOperations.RoundUpToPowerOf2((uint)(Parts == 0 ? hiddenTexels : PartsAtATime * OutputTexels));

    /// <summary>Texels of shared memory that a row takes with this many invocations.</summary>
    public int TexelsOfRow(int lanes) => OutputTexels * (Parts == 0 ? lanes : IsInSharedMemory ? PartsAtATime + 1 : PartsAtATime);

    /// <summary>At least as many iterations as an invocation of a row runs for sums in parts.</summary>
    public int IterationsOfRow(int lanes)
    {
        int rounds = MatrixShape.CeilingDivide(Parts, PartsAtATime), tasks = MatrixShape.CeilingDivide(PartsAtATime * OutputTexels, lanes);
        return OutputTexels + Parts + (rounds * (1 + (tasks * (1 + MatrixShape.Texels(PartLength)))));
    }
}
