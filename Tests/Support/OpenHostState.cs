using Silk.NET.OpenGL;

namespace NeuralPlugin.Tests;

/// <summary>
/// Something that a host may legally have open, running or half deleted while it calls us. It is opened once, may be checked after each call, and is
/// closed at the end; anything left then is the host's own business.
/// </summary>
internal abstract class OpenHostState(GL gl)
{
    /// <summary>Whether the driver skips dispatches, so that calls have no result.</summary>
    public virtual bool Skips => false;

    protected GL Gl => gl;

    /// <summary>Whether a binding may have become none, because another context deleted its object, which cannot be bound again.</summary>
    public virtual bool MayLose(string binding) => false;

    public abstract void Open();

    /// <summary>State that the host notices and that is not a binding; the same number before and after our calls.</summary>
    public virtual long Look() => 0;

    public abstract void Close();

    /// <summary>All of them, by name.</summary>
    public static IEnumerable<(string Name, Func<HostContext, OpenHostState> Make)> All()
    {
        yield return ("nothing", host => new NothingOpen(GL.GetApi(host)));
        foreach (ConditionalRenderMode mode in Enum.GetValues<ConditionalRenderMode>().Distinct())
        {
            foreach (bool passes in (bool[])[false, true])
                yield return ($"a conditional render, {mode}, of a query that {(passes ? "found samples" : "found none")}", host => new OpenConditionalRender(GL.GetApi(host), mode, passes));
        }

        foreach (bool paused in (bool[])[false, true])
        {
            foreach (bool own in (bool[])[false, true])
            {
                foreach (bool separable in (bool[])[false, true])
                {
                    foreach (bool deleted in (bool[])[false, true])
                    {
                        yield return (
                            $"transform feedback{(paused ? ", paused," : "")} {(own ? "of an object" : "of the default object")} with {(deleted ? "a deleted" : "a")} " +
                            $"program{(separable ? " of a pipeline object" : "")}",
                            host => new OpenTransformFeedback(GL.GetApi(host), paused, own, separable, deleted));
                    }
                }
            }
        }

        yield return ("a current program that is deleted", host => new DeletedProgram(GL.GetApi(host), separable: false));
        yield return ("deleted programs of a pipeline object", host => new DeletedProgram(GL.GetApi(host), separable: true));
        yield return ("open queries", host => new OpenQueries(GL.GetApi(host)));
        yield return ("mapped buffers", host => new MappedBuffers(GL.GetApi(host), persistent: false));
        yield return ("buffers that stay mapped", host => new MappedBuffers(GL.GetApi(host), persistent: true));
        yield return ("ranges beyond the end of their buffers", host => new ShrunkBuffers(GL.GetApi(host)));
        yield return ("bound objects that were deleted", host => new DeletedObjects(GL.GetApi(host)));
        yield return ("bound objects that another context has deleted", host => new ObjectsDeletedElsewhere(host));
        yield return ("debug groups", host => new DebugGroups(GL.GetApi(host)));
    }

    protected uint Program(bool separable, params (ShaderType Stage, string Text)[] stages) => Program(separable, [], stages);

    protected uint Program(bool separable, string[] captured, params (ShaderType Stage, string Text)[] stages)
    {
        uint program = gl.CreateProgram();
        if (separable) gl.ProgramParameter(program, ProgramParameterPName.Separable, 1);
        foreach ((ShaderType stage, string text) in stages)
        {
            uint shader = gl.CreateShader(stage);
            gl.ShaderSource(shader, $"#version 430 core\n{text}");
            gl.CompileShader(shader);
            gl.AttachShader(program, shader);
            gl.DeleteShader(shader);
        }

        if (captured.Length > 0) gl.TransformFeedbackVaryings(program, (uint)captured.Length, captured, GLEnum.InterleavedAttribs);
        gl.LinkProgram(program);
        gl.GetProgram(program, ProgramPropertyARB.LinkStatus, out int linked);
        return linked != 0 ? program : throw new InvalidOperationException(gl.GetProgramInfoLog(program));
    }

    private sealed class NothingOpen(GL gl) : OpenHostState(gl)
    {
        public override void Open()
        {
        }

        public override void Close()
        {
        }
    }
}

/// <summary>A conditional render, on a query whose result is available or, if the driver takes its time, pending.</summary>
internal sealed class OpenConditionalRender(GL gl, ConditionalRenderMode mode, bool passes, bool isPending = false) : OpenHostState(gl)
{
    private uint query;

    public override bool Skips => passes == mode.ToString().Contains("Inverted", StringComparison.Ordinal);

    public override void Open()
    {
        query = Gl.GenQuery();
        if (passes) DrawPoint();
        else Ask(() => { });
        if (!isPending)
        {
            Gl.GetQueryObject(query, QueryObjectParameterName.Result, out int samples);
            if (samples > 0 != passes) throw new InvalidOperationException($"The query found {samples} samples.");
        }

        Gl.BeginConditionalRender(query, mode);
    }

    public override void Close()
    {
        Gl.EndConditionalRender();
        Gl.DeleteQuery(query);
    }

    private void Ask(Action draw)
    {
        Gl.BeginQuery(QueryTarget.SamplesPassed, query);
        draw();
        Gl.EndQuery(QueryTarget.SamplesPassed);
    }

    /// <summary>Draws into a framebuffer of its own, and leaves nothing bound.</summary>
    private void DrawPoint()
    {
        uint program = Program(
            false,
            (ShaderType.VertexShader, "void main() { gl_Position = vec4(0, 0, 0, 1); }"),
            (ShaderType.FragmentShader, "out vec4 color; void main() { color = vec4(1); }"));
        uint framebuffer = Gl.GenFramebuffer(), texture = Gl.GenTexture(), vertices = Gl.GenVertexArray();
        Gl.BindTexture(TextureTarget.Texture2D, texture);
        Gl.TexStorage2D(TextureTarget.Texture2D, 1, SizedInternalFormat.Rgba8, 1, 1);
        Gl.BindFramebuffer(FramebufferTarget.Framebuffer, framebuffer);
        Gl.FramebufferTexture2D(FramebufferTarget.Framebuffer, FramebufferAttachment.ColorAttachment0, TextureTarget.Texture2D, texture, 0);
        Gl.BindVertexArray(vertices);
        Gl.Viewport(0, 0, 1, 1);
        Gl.UseProgram(program);
        Ask(() => Gl.DrawArrays(PrimitiveType.Points, 0, 1));
        Gl.UseProgram(0);
        Gl.DeleteProgram(program);
        Gl.DeleteFramebuffer(framebuffer);
        Gl.DeleteTexture(texture);
        Gl.DeleteVertexArray(vertices);
    }
}

/// <summary>Transform feedback in which the host continues after each of our calls: each look captures another vertex.</summary>
internal sealed unsafe class OpenTransformFeedback(GL gl, bool paused, bool own, bool separable, bool deleted) : OpenHostState(gl)
{
    private const string Capturing =
        "layout(location = 0) uniform ivec3 numbers; layout(location = 3) uniform float last; out float captured;\n" +
        "out gl_PerVertex { vec4 gl_Position; };\n" +
        "void main() { gl_Position = vec4(0, 0, 0, 1); captured = float(numbers.x * 100 + numbers.y * 10 + numbers.z) + last; }";

    private const float Captured = 789.5f;
    private const int Vertices = 4_096;

    private uint program;
    private uint pipeline;
    private uint feedback;
    private uint buffer;
    private uint vertices;
    private uint framebuffer;
    private int looks;

    public override void Open()
    {
        program = Program(separable, ["captured"], (ShaderType.VertexShader, Capturing));
        Gl.ProgramUniform3(program, 0, 7, 8, 9);
        Gl.ProgramUniform1(program, 3, 0.5f);
        buffer = Gl.GenBuffer();
        vertices = Gl.GenVertexArray();
        Gl.BindVertexArray(vertices);
        framebuffer = Gl.GenFramebuffer();
        Gl.BindFramebuffer(FramebufferTarget.DrawFramebuffer, framebuffer);
        Gl.FramebufferParameter(FramebufferTarget.DrawFramebuffer, FramebufferParameterName.Width, 1);
        Gl.FramebufferParameter(FramebufferTarget.DrawFramebuffer, FramebufferParameterName.Height, 1);
        if (own)
        {
            feedback = Gl.GenTransformFeedback();
            Gl.BindTransformFeedback(BindTransformFeedbackTarget.TransformFeedback, feedback);
        }

        Gl.BindBufferBase(BufferTargetARB.TransformFeedbackBuffer, 0, buffer);
        Gl.BufferData(BufferTargetARB.TransformFeedbackBuffer, Vertices * sizeof(float), null, BufferUsageARB.DynamicRead);
        if (separable)
        {
            pipeline = Gl.GenProgramPipeline();
            Gl.UseProgramStages(pipeline, UseProgramStageMask.VertexShaderBit, program);
            Gl.BindProgramPipeline(pipeline);
        }
        else
        {
            Gl.UseProgram(program);
        }

        Gl.Enable(EnableCap.RasterizerDiscard);
        Gl.BeginTransformFeedback(PrimitiveType.Points);
        if (deleted) Gl.DeleteProgram(program);
        if (paused) Gl.PauseTransformFeedback();
        looks = 0;
    }

    /// <summary>Rebinds, for the host's draws, what our calls may have bound.</summary>
    public void BindAgain() => Gl.BindFramebuffer(FramebufferTarget.DrawFramebuffer, framebuffer);

    /// <summary>Active, paused, deleted; and the values captured so far are those that the program computes from its own uniforms.</summary>
    public override long Look()
    {
        int active = Gl.GetInteger((GetPName)GLEnum.TransformFeedbackActive), isPaused = Gl.GetInteger((GetPName)GLEnum.TransformFeedbackPaused);
        if (paused) Gl.ResumeTransformFeedback();
        Gl.DrawArrays(PrimitiveType.Points, 0, 1);
        if (paused) Gl.PauseTransformFeedback();
        looks++;
        Gl.GetProgram(program, ProgramPropertyARB.DeleteStatus, out int isDeleted);
        GLEnum error = Gl.GetError();
        return error == GLEnum.NoError ? (((active * 2) + isPaused) * 2) + isDeleted : throw new InvalidOperationException($"The host's draw is {error}.");
    }

    public override void Close()
    {
        if (paused) Gl.ResumeTransformFeedback();
        Gl.EndTransformFeedback();
        float[] captured = new float[looks + 1];
        Gl.GetBufferSubData<float>(BufferTargetARB.TransformFeedbackBuffer, 0, captured.AsSpan(0, looks));
        if (captured[..looks].Any(value => value != Captured)) throw new InvalidOperationException($"It captured {string.Join(", ", captured[..looks].Distinct())}.");
        Gl.Disable(EnableCap.RasterizerDiscard);
        Gl.BindBufferBase(BufferTargetARB.TransformFeedbackBuffer, 0, 0);
        Gl.UseProgram(0);
        if (separable) Gl.DeleteProgramPipeline(pipeline);
        if (!deleted) Gl.DeleteProgram(program);
        if (own) Gl.DeleteTransformFeedback(feedback);
        Gl.DeleteBuffer(buffer);
        Gl.DeleteFramebuffer(framebuffer);
        Gl.DeleteVertexArray(vertices);
    }
}

/// <summary>A program that lives on only because it is in use.</summary>
internal sealed class DeletedProgram(GL gl, bool separable) : OpenHostState(gl)
{
    private uint program;
    private uint pipeline;

    public override void Open()
    {
        program = Program(separable, (ShaderType.ComputeShader, "layout(local_size_x = 1) in; void main() { }"));
        if (separable)
        {
            pipeline = Gl.GenProgramPipeline();
            Gl.UseProgramStages(pipeline, UseProgramStageMask.ComputeShaderBit, program);
            Gl.BindProgramPipeline(pipeline);
        }
        else
        {
            Gl.UseProgram(program);
        }

        Gl.DeleteProgram(program);
    }

    public override long Look()
    {
        Gl.DispatchCompute(1, 1, 1);
        Gl.GetProgram(program, ProgramPropertyARB.DeleteStatus, out int isDeleted);
        return (Gl.IsProgram(program) ? 2 : 0) + isDeleted;
    }

    public override void Close()
    {
        Gl.UseProgram(0);
        if (separable) Gl.DeleteProgramPipeline(pipeline);
        if (Gl.IsProgram(program)) throw new InvalidOperationException("The program lives on though nobody uses it.");
    }
}

/// <summary>A query of each kind that may be open.</summary>
internal sealed class OpenQueries(GL gl) : OpenHostState(gl)
{
    private static readonly QueryTarget[] Targets =
    [
        QueryTarget.TimeElapsed, QueryTarget.SamplesPassed, QueryTarget.PrimitivesGenerated, QueryTarget.TransformFeedbackPrimitivesWritten,
    ];

    private uint[] queries = [];

    public override void Open()
    {
        queries = [.. Targets.Select(_ => Gl.GenQuery())];
        for (int i = 0; i < Targets.Length; i++) Gl.BeginQuery(Targets[i], queries[i]);
    }

    public override long Look()
    {
        long sum = 0;
        foreach (QueryTarget target in Targets)
        {
            Gl.GetQuery(target, QueryParameterName.CurrentQuery, out int query);
            sum = (sum * 1_000) + query;
        }

        return sum;
    }

    public override void Close()
    {
        for (int i = 0; i < Targets.Length; i++)
        {
            Gl.EndQuery(Targets[i]);
            Gl.GetQueryObject(queries[i], QueryObjectParameterName.Result, out int result);
            if (i > 0 && result != 0) throw new InvalidOperationException($"{Targets[i]} counted {result}, and nothing was drawn.");
            Gl.DeleteQuery(queries[i]);
        }
    }
}

/// <summary>Mapped buffers at all of our binding points.</summary>
internal sealed unsafe class MappedBuffers(GL gl, bool persistent) : OpenHostState(gl)
{
    private const int Bytes = 4_096;

    private readonly uint[] buffers = new uint[11];
    private readonly nint[] mapped = new nint[11];

    public override void Open()
    {
        for (int i = 0; i < buffers.Length; i++)
        {
            buffers[i] = Gl.GenBuffer();
            BufferTargetARB target = i switch { 0 => BufferTargetARB.CopyReadBuffer, 1 => BufferTargetARB.CopyWriteBuffer, 2 => BufferTargetARB.TextureBuffer, _ => BufferTargetARB.ShaderStorageBuffer };
            Gl.BindBuffer(target, buffers[i]);
            MapBufferAccessMask access = MapBufferAccessMask.ReadBit | MapBufferAccessMask.WriteBit;
            if (persistent)
            {
                access |= MapBufferAccessMask.PersistentBit | MapBufferAccessMask.CoherentBit;
                Gl.BufferStorage((BufferStorageTarget)target, Bytes, null, (BufferStorageMask)access);
            }
            else
            {
                Gl.BufferData(target, Bytes, null, BufferUsageARB.DynamicDraw);
            }

            mapped[i] = (nint)Gl.MapBufferRange(target, 0, Bytes, access);
            new Span<byte>((void*)mapped[i], Bytes).Fill((byte)i);
            if (i > 2) Gl.BindBufferRange(BufferTargetARB.ShaderStorageBuffer, (uint)(i - 3), buffers[i], 256, 512);
        }
    }

    /// <summary>All are still mapped at the same addresses, with the same contents.</summary>
    public override long Look()
    {
        long whole = 0;
        for (int i = 0; i < buffers.Length; i++)
        {
            int isMapped = 1;
            if (i < 2) Gl.GetBufferParameter(i == 0 ? BufferTargetARB.CopyReadBuffer : BufferTargetARB.CopyWriteBuffer, BufferPNameARB.Mapped, out isMapped);
            if (isMapped != 0 && !new Span<byte>((void*)mapped[i], Bytes).ContainsAnyExcept((byte)i)) whole++;
        }

        return whole;
    }

    public override void Close()
    {
        foreach (uint buffer in buffers)
        {
            Gl.BindBuffer(BufferTargetARB.CopyReadBuffer, buffer);
            Gl.UnmapBuffer(BufferTargetARB.CopyReadBuffer);
            Gl.DeleteBuffer(buffer);
        }
    }
}

/// <summary>Ranges that were within their buffers when they were bound.</summary>
internal sealed unsafe class ShrunkBuffers(GL gl) : OpenHostState(gl)
{
    private readonly uint[] buffers = new uint[8];

    public override void Open()
    {
        for (uint i = 0; i < buffers.Length; i++)
        {
            buffers[i] = Gl.GenBuffer();
            Gl.BindBuffer(BufferTargetARB.ShaderStorageBuffer, buffers[i]);
            Gl.BufferData(BufferTargetARB.ShaderStorageBuffer, 4_096, null, BufferUsageARB.DynamicDraw);
            Gl.BindBufferRange(BufferTargetARB.ShaderStorageBuffer, i, buffers[i], 1_024, 2_048);
            Gl.BufferData(BufferTargetARB.ShaderStorageBuffer, 16, null, BufferUsageARB.DynamicDraw);
        }
    }

    public override void Close()
    {
        foreach (uint buffer in buffers) Gl.DeleteBuffer(buffer);
    }
}

/// <summary>Objects that are deleted while bound, which ends their bindings in the context that deletes them.</summary>
internal sealed class DeletedObjects(GL gl) : OpenHostState(gl)
{
    public override void Open()
    {
        BoundObjects objects = new(Gl);
        objects.Delete(Gl);
    }

    public override void Close() => Gl.ActiveTexture(TextureUnit.Texture0);
}

/// <summary>Objects that another context of the share group deletes, so that they stay bound here.</summary>
internal sealed class ObjectsDeletedElsewhere(HostContext host) : OpenHostState(GL.GetApi(host))
{
    public override bool MayLose(string binding) => true;

    public override void Open()
    {
        BoundObjects objects = new(Gl);
        using HostContext other = new(share: host, reportsErrors: host.ReportsErrors);
        objects.Delete(GL.GetApi(other));
        host.MakeCurrent();
    }

    public override void Close() => BoundObjects.Unbind(Gl);
}

/// <summary>A texture, a buffer texture, a sampler and a buffer at each of our binding points.</summary>
internal sealed class BoundObjects
{
    private readonly uint[] textures = new uint[2];
    private readonly uint[] buffers = new uint[4];
    private readonly uint sampler;

    public BoundObjects(GL gl)
    {
        sampler = gl.GenSampler();
        for (int i = 0; i < buffers.Length; i++)
        {
            buffers[i] = gl.GenBuffer();
            gl.BindBuffer(BufferTargetARB.ShaderStorageBuffer, buffers[i]);
            gl.BufferData<byte>(BufferTargetARB.ShaderStorageBuffer, new byte[1_024], BufferUsageARB.StaticDraw);
        }

        for (int i = 0; i < textures.Length; i++) textures[i] = gl.GenTexture();
        gl.BindBuffer(BufferTargetARB.CopyReadBuffer, buffers[0]);
        gl.BindBuffer(BufferTargetARB.CopyWriteBuffer, buffers[1]);
        for (uint unit = 0; unit < 2; unit++)
        {
            gl.ActiveTexture(TextureUnit.Texture0 + (int)unit);
            gl.BindTexture(TextureTarget.Texture2D, textures[0]);
            gl.BindTexture(TextureTarget.TextureBuffer, textures[1]);
            gl.BindSampler(unit, sampler);
        }

        gl.TexStorage2D(TextureTarget.Texture2D, 1, SizedInternalFormat.Rgba32f, 4, 4);
        gl.TexBuffer(TextureTarget.TextureBuffer, SizedInternalFormat.Rgba32f, buffers[2]);
        for (uint i = 0; i < 8; i++)
        {
            gl.BindImageTexture(i, textures[0], 0, false, 0, BufferAccessARB.ReadWrite, InternalFormat.Rgba32f);
            if (i % 2 == 0) gl.BindBufferBase(BufferTargetARB.ShaderStorageBuffer, i, buffers[3]);
            else gl.BindBufferRange(BufferTargetARB.ShaderStorageBuffer, i, buffers[3], 256, 512);
        }
    }

    public static void Unbind(GL gl)
    {
        for (uint unit = 0; unit < 2; unit++)
        {
            gl.ActiveTexture(TextureUnit.Texture0 + (int)unit);
            gl.BindTexture(TextureTarget.Texture2D, 0);
            gl.BindTexture(TextureTarget.TextureBuffer, 0);
            gl.BindSampler(unit, 0);
        }

        for (uint i = 0; i < 8; i++)
        {
            gl.BindImageTexture(i, 0, 0, false, 0, BufferAccessARB.ReadOnly, InternalFormat.R8);
            gl.BindBufferBase(BufferTargetARB.ShaderStorageBuffer, i, 0);
        }

        gl.BindBuffer(BufferTargetARB.CopyReadBuffer, 0);
        gl.BindBuffer(BufferTargetARB.CopyWriteBuffer, 0);
        gl.ActiveTexture(TextureUnit.Texture0);
    }

    public void Delete(GL gl)
    {
        gl.DeleteSampler(sampler);
        foreach (uint texture in textures) gl.DeleteTexture(texture);
        foreach (uint buffer in buffers) gl.DeleteBuffer(buffer);
    }
}

internal sealed class DebugGroups(GL gl) : OpenHostState(gl)
{
    private const int Groups = 3;

    public override void Open()
    {
        for (uint i = 0; i < Groups; i++) Gl.PushDebugGroup(DebugSource.DebugSourceApplication, i, 4, "game");
    }

    public override long Look() => Gl.GetInteger(GetPName.DebugGroupStackDepth);

    public override void Close()
    {
        for (int i = 0; i < Groups; i++) Gl.PopDebugGroup();
    }
}
