using System.Numerics;
using System.Runtime.InteropServices;

namespace NeuralPlugin;

/// <summary>
/// The rectified linear unit: y = max(x, 0), element by element. Backward: dx = dy where x &gt; 0, else 0; the derivative at
/// zero, which is undefined, is taken as 0.
/// </summary>
public sealed class Relu : Activation
{
    internal override string Name => "relu";

    internal override string OnnxOperator => "Relu";

    internal override string Include => "relu.glsl";

    /// <summary>Not the maximum: a NaN must stay NaN, so that a non-finite loss is noticed.</summary>
    internal override void Activate(Span<float> values)
    {
        ref float first = ref MemoryMarshal.GetReference(values);
        int i = 0;
        for (; i <= values.Length - Vector<float>.Count; i += Vector<float>.Count)
        {
            Vector<float> x = Vector.LoadUnsafe(ref first, (nuint)i);
            Vector.ConditionalSelect(Vector.LessThan(x, Vector<float>.Zero), Vector<float>.Zero, x).StoreUnsafe(ref first, (nuint)i);
        }

        for (; i < values.Length; i++) values[i] = values[i] < 0 ? 0 : values[i];
    }

    internal override void Backward(Span<float> gradients, ReadOnlySpan<float> outputs)
    {
        ref float gradient = ref MemoryMarshal.GetReference(gradients), output = ref MemoryMarshal.GetReference(outputs);
        int i = 0;
        for (; i <= gradients.Length - Vector<float>.Count; i += Vector<float>.Count)
        {
            Vector<int> isPositive = Vector.GreaterThan(Vector.LoadUnsafe(ref output, (nuint)i), Vector<float>.Zero);
            Vector.ConditionalSelect(isPositive, Vector.LoadUnsafe(ref gradient, (nuint)i), Vector<float>.Zero).StoreUnsafe(ref gradient, (nuint)i);
        }

        for (; i < gradients.Length; i++) gradients[i] = outputs[i] > 0 ? gradients[i] : 0;
    }

    /// <summary>He et al., 2015.</summary>
    internal override double InitialFanBefore(int inputs, int outputs) => inputs;
}
