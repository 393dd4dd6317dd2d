using System.Runtime.InteropServices;

namespace NeuralPlugin;

/// <summary>
/// What the steps of a trainer find, kept on the GPU until it is read back: for each of the last <see cref="Slots"/> steps its
/// loss and its right predictions, and the first step whose loss was not finite, which keeps itself and all later ones from
/// changing the weights. Shaders/Include/record.glsl says how.
/// </summary>
internal sealed class StepRecord : IDisposable
{
    /// <summary>Steps whose results are kept.</summary>
    public const int Slots = 64;

    /// <summary>Step numbers come again after so many, so that a float holds each.</summary>
    public const int Numbers = 1 << 20;

    /// <summary>The texture unit at which updates look the dropped step up.</summary>
    public const int TextureUnit = 1;

    /// <summary>Image units and storage buffers that <see cref="Guard"/> adds to the kernel of the losses, which reads and writes the record.</summary>
    public const int BindingsOfLosses = 2;

    /// <summary>What it adds to a small network's step, which writes the record already.</summary>
    public const int BindingsOfSmallStep = 1;

    private const string RecordName = "RECORD";

    private readonly MatrixTexture texture;
    private readonly Part dropped;

    public StepRecord(NeuralDevice device)
    {
        texture = new MatrixTexture(device, device.Shape(Slots + 1, MatrixShape.ColumnsPerTexel, "The record of a trainer"));
        dropped = new Part(texture);
        Results = new Part(texture);
    }

    /// <summary>The rows of the steps. Its other part has another owner, so that the one does not wait for the other.</summary>
    public Operand Results { get; }

    public MatrixTexture Texture => texture;

    /// <summary>The number of a step as kernels get it: from 1 on, never 0.</summary>
    public static int NumberOf(long step) => (int)((step - 1) % Numbers) + 1;

    /// <summary>The row of a step.</summary>
    public static int SlotOf(long step) => NumberOf(step) % Slots;

    /// <summary>The dispatches of a step, so that they keep the record and heed it.</summary>
    public IEnumerable<Dispatch> Guard(IEnumerable<Dispatch> dispatches)
    {
        foreach (Dispatch dispatch in dispatches)
        {
            (string, int)[] constants = [("RECORD_SLOTS", Slots)];
            int results = Array.FindIndex(dispatch.Matrices, matrix => matrix.Operand == Results);
            if (dispatch.Source.FileName == Fusion.SmallStepFile)
            {
                MatrixBinding[] matrices = [.. dispatch.Matrices];
                matrices[results] = matrices[results] with { Access = MatrixAccess.ReadWrite };
                yield return dispatch.With(matrices, constants);
            }
            else if (dispatch.Source.FileName is SoftmaxCrossEntropy.ForwardFile or Fusion.RowsFile)
            {
                yield return dispatch.With([.. dispatch.Matrices, new MatrixBinding(RecordName, dropped, MatrixAccess.ReadWrite)], constants);
            }
            else if (dispatch.Source.Has(Optimizer.UpdateConstant))
            {
                yield return dispatch.WithTexture(TextureUnit, dropped, [.. constants, ("RECORD_TEXTURE", TextureUnit)]);
            }
            else
            {
                yield return results < 0 ? dispatch : dispatch.With(dispatch.Matrices, constants);
            }
        }
    }

    /// <summary>No step is dropped any more.</summary>
    public void ForgetDrop() => texture.Upload<float>(stackalloc float[MatrixShape.ColumnsPerTexel], firstRow: Slots);

    public void Dispose() => texture.Dispose();

    private sealed class Part(Operand whole) : Operand
    {
        public override MatrixShape Shape => whole.Shape;

        public override TexelFormat Format => whole.Format;

        public override MatrixStorage Storage => whole.Storage;
    }
}

/// <summary>A copy of a record in memory.</summary>
internal sealed class StepRecordCopy
{
    private readonly float[] values = new float[(StepRecord.Slots + 1) * MatrixShape.ColumnsPerTexel];

    /// <summary>The number of the step that was dropped; 0 where none was.</summary>
    public int DroppedStep => (int)values[^MatrixShape.ColumnsPerTexel];

    public void Read(Readback readback) => readback.Read(0, values);

    /// <summary>What a step found; false where it has not run, or was too long ago.</summary>
    public bool TryGet(long step, out StepResult result)
    {
        result = MemoryMarshal.Cast<float, StepResult>(values)[StepRecord.SlotOf(step)];
        return (int)result.Number == StepRecord.NumberOf(step);
    }
}

/// <summary>A row of a record: the mean loss, the right predictions, the rows and the number of a step.</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly record struct StepResult(float Loss, float Correct, float Rows, float Number);
