using Silk.NET.OpenGL;

namespace NeuralPlugin;

/// <summary>Runs dispatches: sets their bindings, sends the numbers that changed, and orders writes by barriers.</summary>
internal sealed class OpenGLDispatcher(OpenGLContext context, KernelCache kernels, OpenGLHostTextures hostTextures)
{
    private const MemoryBarrierMask ShaderWritesVisibleToShaders =
        MemoryBarrierMask.ShaderStorageBarrierBit | MemoryBarrierMask.ShaderImageAccessBarrierBit | MemoryBarrierMask.TextureFetchBarrierBit;

    private const MemoryBarrierMask ShaderWritesVisibleToAll = ShaderWritesVisibleToShaders | MemoryBarrierMask.BufferUpdateBarrierBit;

    private readonly GL gl = context.Gl;

    /// <summary>Runs dispatches in order; their writes are visible to all that follows.</summary>
    public void Run(ReadOnlySpan<Dispatch> dispatches, int rows)
    {
        using OpenGLContext.Scope scope = context.Enter(HostStateParts.Dispatches);
        foreach (Dispatch dispatch in dispatches) Run(dispatch, rows, 0, dispatch.Grid.Lines(rows));
        MakeWritesVisible();
    }

    /// <summary>Runs some lines of one dispatch. If it needs a barrier, the GPU waits for the writes of earlier ones.</summary>
    public void Run(Dispatch dispatch, int rows, int firstLine, int lines)
    {
        using OpenGLContext.Scope scope = context.Enter(dispatch.Source.Fetches ? HostStateParts.Dispatches | HostStateParts.Fetching : HostStateParts.Dispatches);
        if (dispatch.Kernel is not OpenGLKernel { IsRetired: false } kernel) dispatch.Kernel = kernel = kernels.Get(dispatch);
        (int firstX, int firstY, int x, int y) = dispatch.Grid.Part(rows, firstLine, lines);
        if (dispatch.NeedsBarrier && firstLine == 0) gl.MemoryBarrier(ShaderWritesVisibleToShaders);
        gl.UseProgram(kernel.Program);
        kernel.SetInteger(gl, OpenGLKernel.RowsLocation, rows);
        kernel.SetInteger(gl, OpenGLKernel.FirstGroupXLocation, firstX);
        kernel.SetInteger(gl, OpenGLKernel.FirstGroupYLocation, firstY);
        SetArguments(kernel, dispatch);
        BindMatrices(dispatch);
        BindTextures(dispatch.Textures);
        gl.DispatchCompute((uint)x, (uint)y, 1);
        UnbindSamplers(dispatch.Textures);
    }

    /// <summary>Makes the writes of dispatches visible to all that follows.</summary>
    public void MakeWritesVisible()
    {
        using OpenGLContext.Scope scope = context.Enter(HostStateParts.None);
        gl.MemoryBarrier(ShaderWritesVisibleToAll);
    }

    /// <summary>Waits until the GPU has finished all enqueued work.</summary>
    public void Finish()
    {
        using OpenGLContext.Scope scope = context.Enter(HostStateParts.None);
        gl.Finish();
    }

    /// <summary>Sets the sizes and then the scalars, at the locations that <see cref="Dispatch"/> passed to the kernel.</summary>
    private void SetArguments(OpenGLKernel kernel, Dispatch dispatch)
    {
        int location = OpenGLKernel.FirstArgument;
        foreach (KernelArguments<int> sizes in dispatch.Sizes)
        {
            foreach (int size in sizes.Values) kernel.SetInteger(gl, location++, size);
        }

        foreach (KernelArguments<float> scalars in dispatch.Scalars)
        {
            foreach (float scalar in scalars.Values) kernel.SetScalar(gl, location++, scalar);
        }
    }

    private void BindMatrices(Dispatch dispatch)
    {
        uint image = 0, buffer = 0;
        int unit = dispatch.Textures.Length;
        foreach (MatrixBinding binding in dispatch.Matrices)
        {
            OpenGLMatrix matrix = (OpenGLMatrix)binding.Operand.Storage;
            if (binding.IsFetchedBy(dispatch.Source.Fetches))
            {
                gl.ActiveTexture(TextureUnit.Texture0 + unit++);
                gl.BindTexture(TextureTarget.TextureBuffer, matrix.Texture);
            }
            else if (binding.IsRead)
            {
                gl.BindImageTexture(image++, matrix.Texture, 0, false, 0, BufferAccessARB.ReadOnly, matrix.Format);
            }

            if (binding.IsWritten) gl.BindBufferBase(BufferTargetARB.ShaderStorageBuffer, buffer++, matrix.Buffer);
        }
    }

    private void BindTextures(TextureBinding[] textures)
    {
        for (int i = 0; i < textures.Length; i++)
        {
            Operand operand = textures[i].Operand;
            gl.ActiveTexture(TextureUnit.Texture0 + i);
            if (operand.Storage is OpenGLTexture texture)
            {
                gl.BindTexture(TextureTarget.Texture2D, texture.Name);
                gl.BindSampler((uint)i, hostTextures.NearestSampler);
            }
            else
            {
                gl.BindTexture(TextureTarget.TextureBuffer, ((OpenGLMatrix)operand.Storage).Texture);
            }
        }
    }

    /// <summary>All other dispatches rely on no sampler being bound.</summary>
    private void UnbindSamplers(TextureBinding[] textures)
    {
        for (int i = 0; i < textures.Length; i++)
        {
            if (textures[i].Operand.Storage is OpenGLTexture) gl.BindSampler((uint)i, 0);
        }
    }
}
