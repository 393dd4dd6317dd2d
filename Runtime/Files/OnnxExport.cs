namespace NeuralPlugin;

/// <summary>Writes networks as ONNX models, for the tools and engines that run those.</summary>
public static class OnnxExport
{
    /// <summary>
    /// Writes the network as an ONNX model of operator set 17. Dense becomes Gemm, y = x·W + b, and an activation the operator of its name; the input is
    /// <c>features</c> [batch × inputs] with a batch of any size, the output <c>logits</c> [batch × outputs], or
    /// <c>probabilities</c> [batch × outputs], their softmax. The parameters have the names of <see cref="Network.Parameters"/>:
    /// weights are [inputs × units], biases [units], as 32-bit floats. Waits for the GPU; allocates twice the parameters' bytes.
    /// </summary>
    /// <param name="network">The network, exported with its committed parameters.</param>
    /// <param name="path">The file; an existing one is replaced once the new one is complete.</param>
    /// <param name="softmax">Whether the model ends with a softmax, giving probabilities rather than logits.</param>
    /// <param name="classNames">
    /// A name for each output, stored in the model's metadata under <c>classes</c> as a JSON array of strings; null for none.
    /// </param>
    /// <exception cref="ArgumentException">
    /// The path is empty, the number of class names is not that of the outputs, or a name is null, blank, duplicate or not valid Unicode.
    /// </exception>
    /// <exception cref="NotSupportedException">The model would be longer than the 2³¹ − 1 bytes that the format allows.</exception>
    /// <exception cref="ObjectDisposedException">The network or its device was disposed.</exception>
    /// <exception cref="WrongContextException">The device's context is not current on this thread.</exception>
    /// <exception cref="IOException">The file cannot be written; the previous file is intact.</exception>
    /// <exception cref="UnauthorizedAccessException">Writing to the folder or the file is not permitted.</exception>
    public static void ExportOnnx(this Network network, string path, bool softmax = false, IReadOnlyList<string>? classNames = null)
    {
        ArgumentNullException.ThrowIfNull(network);
        ArgumentException.ThrowIfNullOrWhiteSpace(path);
        OnnxModel.Check(network.Stack, classNames);
        WholeFile.Write(path, OnnxModel.Of(network, softmax, classNames).WriteTo);
    }

    /// <summary>Writes a network whose outputs are not logits.</summary>
    internal static void ExportOutputs(Network network, string path)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(path);
        OnnxModel.Check(network.Stack, classNames: null);
        WholeFile.Write(path, OnnxModel.Of(network, softmax: false, classNames: null, OnnxModel.Outputs).WriteTo);
    }
}
