using Silk.NET.OpenGL;

namespace NeuralPlugin.Tests;

/// <summary>
/// A game whose OpenGL state is arbitrary: chosen by a seed, every binding and value that a call might touch, and many that none should,
/// with objects of the game's own.
/// </summary>
internal sealed unsafe class RandomHostState
{
    private const int BufferBytes = 4_096;
    private const byte Pattern = 0xA5;
    private const int ImageUnits = 8;
    private const int IndexedBuffers = 8, MostStorageBuffers = 16;

    private static readonly TextureUnit[] Units = [TextureUnit.Texture0, TextureUnit.Texture1, TextureUnit.Texture2, TextureUnit.Texture3, TextureUnit.Texture15];

    private static readonly (TextureTarget Target, GetPName Binding)[] TextureTargets =
    [
        (TextureTarget.Texture2D, GetPName.TextureBinding2D), (TextureTarget.Texture2DArray, GetPName.TextureBinding2DArray),
        (TextureTarget.Texture3D, GetPName.TextureBinding3D), (TextureTarget.TextureCubeMap, GetPName.TextureBindingCubeMap),
        (TextureTarget.TextureBuffer, GetPName.TextureBindingBuffer),
    ];

    private static readonly (BufferTargetARB Target, GLEnum Binding)[] BufferTargets =
    [
        (BufferTargetARB.PixelPackBuffer, GLEnum.PixelPackBufferBinding), (BufferTargetARB.PixelUnpackBuffer, GLEnum.PixelUnpackBufferBinding),
        (BufferTargetARB.ArrayBuffer, GLEnum.ArrayBufferBinding), (BufferTargetARB.CopyReadBuffer, GLEnum.CopyReadBufferBinding),
        (BufferTargetARB.CopyWriteBuffer, GLEnum.CopyWriteBufferBinding), (BufferTargetARB.DispatchIndirectBuffer, GLEnum.DispatchIndirectBufferBinding),
        (BufferTargetARB.DrawIndirectBuffer, GLEnum.DrawIndirectBufferBinding), (BufferTargetARB.TextureBuffer, GLEnum.TextureBufferBinding),
        (BufferTargetARB.UniformBuffer, GLEnum.UniformBufferBinding), (BufferTargetARB.ShaderStorageBuffer, GLEnum.ShaderStorageBufferBinding),
        (BufferTargetARB.AtomicCounterBuffer, GLEnum.AtomicCounterBufferBinding), (BufferTargetARB.TransformFeedbackBuffer, GLEnum.TransformFeedbackBufferBinding),
    ];

    private static readonly (BufferTargetARB Target, GLEnum Binding)[] IndexedTargets =
    [
        (BufferTargetARB.UniformBuffer, GLEnum.UniformBufferBinding), (BufferTargetARB.ShaderStorageBuffer, GLEnum.ShaderStorageBufferBinding),
        (BufferTargetARB.AtomicCounterBuffer, GLEnum.AtomicCounterBufferBinding),
    ];

    private static readonly (PixelStoreParameter Name, int[] Values)[] PixelStores =
    [
        (PixelStoreParameter.UnpackSwapBytes, [0, 1]), (PixelStoreParameter.UnpackLsbFirst, [0, 1]), (PixelStoreParameter.UnpackRowLength, [0, 7, 64]),
        (PixelStoreParameter.UnpackImageHeight, [0, 5]), (PixelStoreParameter.UnpackSkipRows, [0, 3]), (PixelStoreParameter.UnpackSkipPixels, [0, 2]),
        (PixelStoreParameter.UnpackSkipImages, [0, 1]), (PixelStoreParameter.UnpackAlignment, [1, 2, 4, 8]),
        (PixelStoreParameter.PackSwapBytes, [0, 1]), (PixelStoreParameter.PackLsbFirst, [0, 1]), (PixelStoreParameter.PackRowLength, [0, 9, 64]),
        (PixelStoreParameter.PackImageHeight, [0, 4]), (PixelStoreParameter.PackSkipRows, [0, 2]), (PixelStoreParameter.PackSkipPixels, [0, 3]),
        (PixelStoreParameter.PackSkipImages, [0, 2]), (PixelStoreParameter.PackAlignment, [1, 2, 4, 8]),
    ];

    private static readonly EnableCap[] Switches =
    [
        EnableCap.Blend, EnableCap.CullFace, EnableCap.DepthTest, EnableCap.Dither, EnableCap.LineSmooth, EnableCap.PolygonOffsetFill,
        EnableCap.PolygonSmooth, EnableCap.SampleAlphaToCoverage, EnableCap.SampleCoverage, EnableCap.ScissorTest, EnableCap.StencilTest,
        EnableCap.Multisample, EnableCap.ColorLogicOp, EnableCap.RasterizerDiscard, EnableCap.PrimitiveRestart, EnableCap.FramebufferSrgb,
        EnableCap.DepthClamp, EnableCap.TextureCubeMapSeamless, EnableCap.ProgramPointSize, EnableCap.SampleMask,
    ];

    private static readonly GLEnum[] ImageFields =
    [
        GLEnum.ImageBindingName, GLEnum.ImageBindingLevel, GLEnum.ImageBindingLayered, GLEnum.ImageBindingLayer,
        GLEnum.ImageBindingAccess, GLEnum.ImageBindingFormat,
    ];

    /// <summary>Values of one to four integers each.</summary>
    private static readonly GetPName[] Values =
    [
        GetPName.CurrentProgram, GetPName.ProgramPipelineBinding, GetPName.ActiveTexture, GetPName.ReadFramebufferBinding, GetPName.DrawFramebufferBinding,
        GetPName.RenderbufferBinding, GetPName.VertexArrayBinding, (GetPName)GLEnum.ClampReadColor, GetPName.Viewport, GetPName.ScissorBox,
        GetPName.ColorWritemask, GetPName.DepthFunc, GetPName.DepthWritemask, GetPName.StencilFunc, GetPName.StencilRef, GetPName.StencilValueMask,
        GetPName.StencilWritemask, GetPName.BlendSrcRgb, GetPName.BlendDstRgb, GetPName.BlendSrcAlpha, GetPName.BlendDstAlpha, GetPName.BlendEquationRgb,
        GetPName.CullFaceMode, GetPName.FrontFace, GetPName.PolygonMode, GetPName.LogicOpMode, GetPName.LineWidth, GetPName.ProvokingVertex,
        (GetPName)GLEnum.PatchVertices, GetPName.ColorClearValue, GetPName.StencilClearValue, (GetPName)GLEnum.TransformFeedbackBinding,
    ];

    private static readonly QueryTarget[] QueryTargets = [QueryTarget.TimeElapsed, QueryTarget.SamplesPassed, QueryTarget.PrimitivesGenerated];

    private readonly GL gl;
    private readonly uint[] programs;
    private readonly uint[] pipelines;
    private readonly uint[][] textures;
    private readonly uint[] samplers;
    private readonly uint[] buffers;
    private readonly uint[] framebuffers;
    private readonly uint[] vertexArrays;
    private readonly uint[] feedbacks;
    private readonly uint[] renderbuffers;
    private readonly uint[] queries;
    private readonly bool[] isQueryOpen = new bool[QueryTargets.Length];
    private readonly List<string> names = [];
    private readonly byte[] pattern = [.. Enumerable.Repeat(Pattern, BufferBytes)];
    private SeededRandom random = new(0);

    public RandomHostState(GL gl)
    {
        this.gl = gl;
        programs = [0, Program(), Program(), Program()];
        pipelines = [0, gl.GenProgramPipeline()];
        textures = [.. TextureTargets.Select(target => new[] { 0u, Texture(target.Target), Texture(target.Target) })];
        samplers = [0, gl.GenSampler(), gl.GenSampler()];
        buffers = [0, Buffer(), Buffer(), Buffer()];
        framebuffers = [0, gl.GenFramebuffer(), gl.GenFramebuffer()];
        vertexArrays = [gl.GenVertexArray(), gl.GenVertexArray()];
        feedbacks = [0, gl.GenTransformFeedback()];
        renderbuffers = [0, gl.GenRenderbuffer()];
        queries = [.. QueryTargets.Select(_ => gl.GenQuery())];
    }

    /// <summary>The names of the values that <see cref="Read"/> returns, in its order.</summary>
    public IReadOnlyList<string> Names => names;

    /// <summary>Sets everything to new values.</summary>
    public void Apply(ulong seed)
    {
        random = new SeededRandom(seed);
        foreach (TextureUnit unit in Units)
        {
            gl.ActiveTexture(unit);
            for (int i = 0; i < TextureTargets.Length; i++) gl.BindTexture(TextureTargets[i].Target, Any(textures[i]));
            gl.BindSampler((uint)(unit - TextureUnit.Texture0), Any(samplers));
        }

        gl.ActiveTexture(Any(Units));
        for (uint unit = 0; unit < ImageUnits; unit++) ApplyImageUnit(unit);
        foreach ((BufferTargetARB target, _) in IndexedTargets)
        {
            for (uint i = 0; i < CountOf(target); i++) ApplyIndexedBuffer(target, i);
        }

        gl.BindTransformFeedback(BindTransformFeedbackTarget.TransformFeedback, Any(feedbacks));
        gl.BindVertexArray(Any(vertexArrays));
        foreach ((BufferTargetARB target, _) in BufferTargets) gl.BindBuffer(target, Any(buffers));
        foreach ((PixelStoreParameter name, int[] values) in PixelStores) gl.PixelStore(name, Any(values));
        gl.UseProgram(Any(programs));
        gl.BindProgramPipeline(Any(pipelines));
        gl.BindFramebuffer(FramebufferTarget.ReadFramebuffer, Any(framebuffers));
        gl.BindFramebuffer(FramebufferTarget.DrawFramebuffer, Any(framebuffers));
        gl.BindRenderbuffer(RenderbufferTarget.Renderbuffer, Any(renderbuffers));
        gl.ClampColor(ClampColorTargetARB.ReadColorArb, Any([ClampColorModeARB.True, ClampColorModeARB.False, ClampColorModeARB.FixedOnly]));
        foreach (EnableCap cap in Switches)
        {
            if (Flip()) gl.Enable(cap);
            else gl.Disable(cap);
        }

        ApplyValues();
        for (int i = 0; i < queries.Length; i++) ApplyQuery(i);
        GLEnum error = gl.GetError();
        if (error != GLEnum.NoError) throw new InvalidOperationException($"State {seed} is not one that the driver takes: {error}.");
    }

    /// <summary>All of it, read back from the driver without changing anything.</summary>
    public long[] Read()
    {
        bool isFirst = names.Count == 0;
        List<long> values = new(names.Count);
        void Add(string name, long value)
        {
            if (isFirst) names.Add(name);
            values.Add(value);
        }

        int* four = stackalloc int[4];
        foreach (GetPName name in Values)
        {
            for (int i = 0; i < 4; i++) four[i] = 0;
            gl.GetInteger(name, four);
            for (int i = 0; i < 4; i++) Add(isFirst ? $"{name} {i}" : "", four[i]);
        }

        int active = gl.GetInteger(GetPName.ActiveTexture);
        foreach (TextureUnit unit in Units)
        {
            gl.ActiveTexture(unit);
            foreach ((TextureTarget target, GetPName binding) in TextureTargets) Add(isFirst ? $"{unit} {target}" : "", gl.GetInteger(binding));
            Add(isFirst ? $"{unit} sampler" : "", gl.GetInteger(GetPName.SamplerBinding));
        }

        gl.ActiveTexture((TextureUnit)active);
        for (uint unit = 0; unit < ImageUnits; unit++)
        {
            foreach (GLEnum field in ImageFields) Add(isFirst ? $"{field} of unit {unit}" : "", Indexed(field, unit));
        }

        foreach ((BufferTargetARB target, GLEnum binding) in BufferTargets) Add(isFirst ? $"{target}" : "", gl.GetInteger((GetPName)binding));
        foreach ((BufferTargetARB target, GLEnum binding) in IndexedTargets)
        {
            for (uint i = 0; i < CountOf(target); i++) Add(isFirst ? $"{target} {i}" : "", Indexed(binding, i));
        }

        for (uint i = 0; i < CountOf(BufferTargetARB.ShaderStorageBuffer); i++)
        {
            gl.GetInteger64(GLEnum.ShaderStorageBufferStart, i, out long start);
            gl.GetInteger64(GLEnum.ShaderStorageBufferSize, i, out long size);
            Add(isFirst ? $"start of storage buffer {i}" : "", start);
            Add(isFirst ? $"size of storage buffer {i}" : "", size);
        }

        foreach ((PixelStoreParameter name, _) in PixelStores) Add(isFirst ? $"{name}" : "", gl.GetInteger((GetPName)name));
        foreach (EnableCap cap in Switches) Add(isFirst ? $"{cap}" : "", gl.IsEnabled(cap) ? 1 : 0);
        foreach (QueryTarget target in QueryTargets)
        {
            gl.GetQuery(target, QueryParameterName.CurrentQuery, out int query);
            Add(isFirst ? $"open query of {target}" : "", query);
        }

        return [.. values];
    }

    /// <summary>Whether the contents of all of the game's buffers are unchanged.</summary>
    public bool AreBuffersUntouched()
    {
        byte[] content = new byte[BufferBytes];
        int before = gl.GetInteger((GetPName)GLEnum.CopyReadBufferBinding);
        bool untouched = true;
        foreach (uint buffer in buffers.Where(name => name != 0))
        {
            gl.BindBuffer(BufferTargetARB.CopyReadBuffer, buffer);
            gl.GetBufferSubData<byte>(BufferTargetARB.CopyReadBuffer, 0, content);
            untouched &= content.AsSpan().SequenceEqual(pattern);
        }

        gl.BindBuffer(BufferTargetARB.CopyReadBuffer, (uint)before);
        return untouched;
    }

    private bool Flip() => random.NextInt32(2) == 0;

    private T Any<T>(T[] of) => of[random.NextInt32(of.Length)];

    /// <summary>The bindings of a target that a driver may have and our calls may use.</summary>
    private int CountOf(BufferTargetARB target) =>
        target == BufferTargetARB.ShaderStorageBuffer ? Math.Min(MostStorageBuffers, gl.GetInteger((GetPName)GLEnum.MaxShaderStorageBufferBindings)) : IndexedBuffers;

    private long Indexed(GLEnum name, uint index)
    {
        gl.GetInteger(name, index, out int value);
        return value;
    }

    private void ApplyImageUnit(uint unit)
    {
        int kind = random.NextInt32(2);   // 2D, 2D array
        gl.BindImageTexture(
            unit, Any(textures[kind]), random.NextInt32(2), Flip(), kind == 1 ? random.NextInt32(3) : 0,
            Any([BufferAccessARB.ReadOnly, BufferAccessARB.WriteOnly, BufferAccessARB.ReadWrite]),
            Any([InternalFormat.Rgba32f, InternalFormat.Rgba32ui, InternalFormat.Rgba32i]));
    }

    private void ApplyIndexedBuffer(BufferTargetARB target, uint index)
    {
        const int Alignment = 256;   // the most that a driver may require
        uint buffer = Any(buffers);
        if (buffer == 0 || Flip()) gl.BindBufferBase(target, index, buffer);
        else gl.BindBufferRange(target, index, buffer, Alignment * random.NextInt32(3), Alignment * (nuint)(1 + random.NextInt32(3)));
    }

    private void ApplyValues()
    {
        gl.Viewport(random.NextInt32(9), random.NextInt32(9), (uint)random.NextInt32(99), (uint)random.NextInt32(99));
        gl.Scissor(random.NextInt32(9), random.NextInt32(9), (uint)random.NextInt32(99), (uint)random.NextInt32(99));
        gl.ColorMask(Flip(), Flip(), Flip(), Flip());
        gl.DepthMask(Flip());
        gl.DepthFunc(Any([DepthFunction.Less, DepthFunction.Always, DepthFunction.Gequal]));
        gl.StencilFunc(Any([StencilFunction.Always, StencilFunction.Equal]), random.NextInt32(9), (uint)random.NextInt32(255));
        gl.StencilMask((uint)random.NextInt32(255));
        gl.BlendFunc(Any([BlendingFactor.One, BlendingFactor.SrcAlpha]), Any([BlendingFactor.Zero, BlendingFactor.OneMinusSrcAlpha]));
        gl.BlendEquation(Any([BlendEquationModeEXT.FuncAdd, BlendEquationModeEXT.Max]));
        gl.CullFace(Any([TriangleFace.Back, TriangleFace.Front]));
        gl.FrontFace(Any([FrontFaceDirection.CW, FrontFaceDirection.Ccw]));
        gl.PolygonMode(TriangleFace.FrontAndBack, Any([PolygonMode.Fill, PolygonMode.Line]));
        gl.LogicOp(Any([LogicOp.Copy, LogicOp.Xor]));
        gl.ProvokingVertex(Any([VertexProvokingMode.FirstVertexConvention, VertexProvokingMode.LastVertexConvention]));
        gl.PatchParameter(PatchParameterName.Vertices, 1 + random.NextInt32(4));
        gl.ClearColor(random.NextSingle(), random.NextSingle(), random.NextSingle(), random.NextSingle());
        gl.ClearStencil(random.NextInt32(9));
    }

    /// <summary>A query that the game has open while it calls us.</summary>
    private void ApplyQuery(int i)
    {
        bool open = Flip();
        if (open == isQueryOpen[i]) return;
        if (open) gl.BeginQuery(QueryTargets[i], queries[i]);
        else gl.EndQuery(QueryTargets[i]);
        isQueryOpen[i] = open;
    }

    private uint Buffer()
    {
        uint name = gl.GenBuffer();
        gl.BindBuffer(BufferTargetARB.CopyWriteBuffer, name);
        gl.BufferData<byte>(BufferTargetARB.CopyWriteBuffer, pattern, BufferUsageARB.StaticDraw);
        return name;
    }

    private uint Program()
    {
        uint shader = gl.CreateShader(ShaderType.ComputeShader), program = gl.CreateProgram();
        gl.ShaderSource(shader, "#version 430 core\nlayout(local_size_x = 1) in;\nvoid main() {}\n");
        gl.CompileShader(shader);
        gl.AttachShader(program, shader);
        gl.LinkProgram(program);
        return program;
    }

    private uint Texture(TextureTarget target)
    {
        const uint Levels = 2, Size = 4, Layers = 3;
        uint name = gl.GenTexture();
        gl.BindTexture(target, name);
        switch (target)
        {
            case TextureTarget.Texture2D or TextureTarget.TextureCubeMap: gl.TexStorage2D(target, Levels, SizedInternalFormat.Rgba32f, Size, Size); break;
            case TextureTarget.Texture2DArray or TextureTarget.Texture3D: gl.TexStorage3D(target, Levels, SizedInternalFormat.Rgba32f, Size, Size, Layers); break;
        }

        return name;
    }
}
