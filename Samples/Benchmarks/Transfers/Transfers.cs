using Silk.NET.OpenGL;

namespace NeuralPlugin.Benchmarks;

/// <summary>How numbers get into a buffer on the GPU.</summary>
internal enum UploadWay
{
    /// <summary>glBufferSubData, as the plugin does.</summary>
    Direct,

    /// <summary>The same into storage that is allocated anew, so that no earlier dispatch holds it.</summary>
    Orphaned,

    /// <summary>Written into client storage that stays mapped, and copied from there.</summary>
    Mapped,
}

/// <summary>How numbers get back.</summary>
internal enum ReadingWay
{
    /// <summary>glGetBufferSubData, as the plugin does in calls that wait.</summary>
    Direct,

    /// <summary>Copied into a buffer that is mapped each time.</summary>
    MappedEachTime,

    /// <summary>Copied into client storage that stays mapped, behind a fence, as the plugin does in calls that do not wait.</summary>
    Mapped,
}

/// <summary>A dispatch that adds one to the first numbers of an upload, with its upload and its readback by each way.</summary>
internal sealed unsafe class Transfers : IDisposable
{
    private const int GroupSize = 64;

    /// <summary>Uploads that may be under way: the GPU must have copied one before its place is written again, and each is waited for.</summary>
    private const int Slots = 3;

    private const string Text = """
        #version 430
        layout(local_size_x = 64) in;
        layout(std430, binding = 0) readonly buffer Sent { float sent[]; };
        layout(std430, binding = 1) writeonly buffer Found { float found[]; };
        void main()
        {
            uint i = gl_GlobalInvocationID.x;
            if (i < uint(found.length())) found[i] = sent[i % uint(sent.length())] + 1.0;
        }
        """;

    private readonly GL gl;
    private readonly float[] values;
    private readonly float[] results;
    private readonly uint sent, found, staging, reading, lasting, program;
    private readonly float* stagingAt;
    private readonly float* lastingAt;
    private int slot;

    public Transfers(GL gl, int sentCount, int foundCount)
    {
        this.gl = gl;
        values = [.. Enumerable.Range(0, sentCount).Select(i => i % 1000 / 8f)];
        results = new float[foundCount];
        sent = Buffer(values.Length, BufferUsageARB.DynamicCopy);
        found = Buffer(results.Length, BufferUsageARB.DynamicCopy);
        reading = Buffer(results.Length, BufferUsageARB.StreamRead);
        if (gl.IsExtensionPresent("GL_ARB_buffer_storage"))
        {
            (staging, nint writtenAt) = MappedStorage(Slots * values.Length, BufferStorageMask.MapWriteBit, MapBufferAccessMask.WriteBit);
            (lasting, nint readAt) = MappedStorage(results.Length, BufferStorageMask.MapReadBit, MapBufferAccessMask.ReadBit);
            stagingAt = (float*)writtenAt;
            lastingAt = (float*)readAt;
        }

        uint shader = gl.CreateShader(ShaderType.ComputeShader);
        gl.ShaderSource(shader, Text);
        gl.CompileShader(shader);
        program = gl.CreateProgram();
        gl.AttachShader(program, shader);
        gl.LinkProgram(program);
        gl.DeleteShader(shader);
    }

    private nuint SentBytes => (nuint)(values.Length * sizeof(float));

    private nuint FoundBytes => (nuint)(results.Length * sizeof(float));

    /// <summary>Whether the driver has buffers that stay mapped, if these ways need them.</summary>
    public bool Has(UploadWay up, ReadingWay back) => stagingAt is not null || (up != UploadWay.Mapped && back != ReadingWay.Mapped);

    /// <summary>Up, a dispatch, and back; waits for the results.</summary>
    public void Run(UploadWay up, ReadingWay back)
    {
        Upload(up);
        gl.UseProgram(program);
        gl.BindBufferBase(BufferTargetARB.ShaderStorageBuffer, 0, sent);
        gl.BindBufferBase(BufferTargetARB.ShaderStorageBuffer, 1, found);
        gl.DispatchCompute((uint)((results.Length + GroupSize - 1) / GroupSize), 1, 1);
        gl.MemoryBarrier(MemoryBarrierMask.BufferUpdateBarrierBit | MemoryBarrierMask.ShaderStorageBarrierBit);
        Read(back);
    }

    /// <summary>What came back last is what was sent, and one.</summary>
    /// <exception cref="WrongResultException">It is something else.</exception>
    public void Check()
    {
        for (int i = 0; i < results.Length; i++)
        {
            float expected = values[i % values.Length] + 1;
            if (results[i] != expected) throw new WrongResultException($"A transfer is wrong: element {i} is {results[i]:G9}, and not {expected:G9}.");
        }

        Array.Clear(results);
    }

    public void Dispose()
    {
        foreach (uint buffer in new[] { sent, found, staging, reading, lasting }.Where(buffer => buffer != 0)) gl.DeleteBuffer(buffer);
        gl.DeleteProgram(program);
    }

    private void Upload(UploadWay way)
    {
        gl.BindBuffer(BufferTargetARB.CopyWriteBuffer, sent);
        switch (way)
        {
            case UploadWay.Direct:
                gl.BufferSubData<float>(BufferTargetARB.CopyWriteBuffer, 0, values);
                break;
            case UploadWay.Orphaned:
                gl.BufferData(BufferTargetARB.CopyWriteBuffer, SentBytes, null, BufferUsageARB.DynamicCopy);
                gl.BufferSubData<float>(BufferTargetARB.CopyWriteBuffer, 0, values);
                break;
            default:
                slot = (slot + 1) % Slots;
                values.CopyTo(new Span<float>(stagingAt + (slot * values.Length), values.Length));
                gl.BindBuffer(BufferTargetARB.CopyReadBuffer, staging);
                gl.CopyBufferSubData(CopyBufferSubDataTarget.CopyReadBuffer, CopyBufferSubDataTarget.CopyWriteBuffer, (nint)((nuint)slot * SentBytes), 0, SentBytes);
                break;
        }
    }

    private void Read(ReadingWay way)
    {
        gl.BindBuffer(BufferTargetARB.CopyReadBuffer, found);
        if (way == ReadingWay.Direct)
        {
            gl.GetBufferSubData<float>(BufferTargetARB.CopyReadBuffer, 0, results);
            return;
        }

        gl.BindBuffer(BufferTargetARB.CopyWriteBuffer, way == ReadingWay.Mapped ? lasting : reading);
        gl.CopyBufferSubData(CopyBufferSubDataTarget.CopyReadBuffer, CopyBufferSubDataTarget.CopyWriteBuffer, 0, 0, FoundBytes);
        nint fence = gl.FenceSync(SyncCondition.SyncGpuCommandsComplete, SyncBehaviorFlags.None);
        gl.ClientWaitSync(fence, SyncObjectMask.Bit, ulong.MaxValue);
        gl.DeleteSync(fence);
        float* at = way == ReadingWay.Mapped ? lastingAt : (float*)gl.MapBufferRange(BufferTargetARB.CopyWriteBuffer, 0, FoundBytes, MapBufferAccessMask.ReadBit);
        new ReadOnlySpan<float>(at, results.Length).CopyTo(results);
        if (way == ReadingWay.MappedEachTime) gl.UnmapBuffer(BufferTargetARB.CopyWriteBuffer);
    }

    private uint Buffer(int count, BufferUsageARB usage)
    {
        uint buffer = gl.GenBuffer();
        gl.BindBuffer(BufferTargetARB.CopyWriteBuffer, buffer);
        gl.BufferData(BufferTargetARB.CopyWriteBuffer, (nuint)(count * sizeof(float)), null, usage);
        return buffer;
    }

    private (uint Buffer, nint At) MappedStorage(int count, BufferStorageMask storage, MapBufferAccessMask access)
    {
        nuint bytes = (nuint)(count * sizeof(float));
        uint buffer = gl.GenBuffer();
        gl.BindBuffer(BufferTargetARB.CopyWriteBuffer, buffer);
        gl.BufferStorage(
            BufferStorageTarget.CopyWriteBuffer, bytes, null, storage | BufferStorageMask.MapPersistentBit | BufferStorageMask.MapCoherentBit | BufferStorageMask.ClientStorageBit);
        void* at = gl.MapBufferRange(BufferTargetARB.CopyWriteBuffer, 0, bytes, access | MapBufferAccessMask.PersistentBit | MapBufferAccessMask.CoherentBit);
        return (buffer, (nint)at);
    }
}
