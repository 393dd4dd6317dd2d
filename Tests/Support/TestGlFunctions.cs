using System.Runtime.InteropServices;
using Silk.NET.OpenGL;

namespace NeuralPlugin.Tests;

/// <summary>
/// The entry points that <see cref="TestGl"/> changes: each makes the driver's own call, and answers as a driver that does
/// the work later would. An exception here would end the process, so nothing here throws.
/// </summary>
internal static unsafe class TestGlFunctions
{
    private static readonly Dictionary<string, nint> Replacements = new()
    {
        ["glFenceSync"] = (nint)(delegate* unmanaged<uint, uint, nint>)&FenceSync,
        ["glDeleteSync"] = (nint)(delegate* unmanaged<nint, void>)&DeleteSync,
        ["glClientWaitSync"] = (nint)(delegate* unmanaged<nint, uint, ulong, uint>)&ClientWaitSync,
        ["glGetSynciv"] = (nint)(delegate* unmanaged<nint, uint, uint, uint*, int*, void>)&GetSync,
        ["glFlush"] = (nint)(delegate* unmanaged<void>)&Flush,
        ["glFinish"] = (nint)(delegate* unmanaged<void>)&Finish,
        ["glReadPixels"] = (nint)(delegate* unmanaged<int, int, uint, uint, uint, uint, nint, void>)&ReadPixels,
        ["glGetTexImage"] = (nint)(delegate* unmanaged<uint, int, uint, uint, nint, void>)&GetTexImage,
        ["glTexSubImage2D"] = (nint)(delegate* unmanaged<uint, int, int, int, uint, uint, uint, uint, nint, void>)&TexSubImage2D,
        ["glMapBufferRange"] = (nint)(delegate* unmanaged<uint, nint, nint, uint, void*>)&MapBufferRange,
        ["glMapBuffer"] = (nint)(delegate* unmanaged<uint, uint, void*>)&MapBuffer,
        ["glGetBufferSubData"] = (nint)(delegate* unmanaged<uint, nint, nint, void*, void>)&GetBufferSubData,
        ["glCopyBufferSubData"] = (nint)(delegate* unmanaged<uint, uint, nint, nint, nint, void>)&CopyBufferSubData,
        ["glBindBuffer"] = (nint)(delegate* unmanaged<uint, uint, void>)&BindBuffer,
        ["glBindBufferBase"] = (nint)(delegate* unmanaged<uint, uint, uint, void>)&BindBufferBase,
        ["glBindBufferRange"] = (nint)(delegate* unmanaged<uint, uint, uint, nint, nint, void>)&BindBufferRange,
        ["glDeleteBuffers"] = (nint)(delegate* unmanaged<uint, uint*, void>)&DeleteBuffers,
        ["glDispatchCompute"] = (nint)(delegate* unmanaged<uint, uint, uint, void>)&DispatchCompute,
        ["glDispatchComputeIndirect"] = (nint)(delegate* unmanaged<nint, void>)&DispatchComputeIndirect,
        ["glQueryCounter"] = (nint)(delegate* unmanaged<uint, uint, void>)&QueryCounter,
        ["glBeginQuery"] = (nint)(delegate* unmanaged<uint, uint, void>)&BeginQuery,
        ["glEndQuery"] = (nint)(delegate* unmanaged<uint, void>)&EndQuery,
        ["glDeleteQueries"] = (nint)(delegate* unmanaged<uint, uint*, void>)&DeleteQueries,
        ["glGetQueryiv"] = (nint)(delegate* unmanaged<uint, uint, int*, void>)&GetQuery,
        ["glGetQueryObjectiv"] = (nint)(delegate* unmanaged<uint, uint, int*, void>)&GetQueryObjectInt,
        ["glGetQueryObjectuiv"] = (nint)(delegate* unmanaged<uint, uint, uint*, void>)&GetQueryObjectUInt,
        ["glGetQueryObjecti64v"] = (nint)(delegate* unmanaged<uint, uint, long*, void>)&GetQueryObjectLong,
        ["glGetQueryObjectui64v"] = (nint)(delegate* unmanaged<uint, uint, ulong*, void>)&GetQueryObjectULong,
        ["glGetInteger64v"] = (nint)(delegate* unmanaged<uint, long*, void>)&GetInteger64,
        ["glLinkProgram"] = (nint)(delegate* unmanaged<uint, void>)&LinkProgram,
        ["glProgramBinary"] = (nint)(delegate* unmanaged<uint, uint, void*, uint, void>)&ProgramBinary,
        ["glGetProgramiv"] = (nint)(delegate* unmanaged<uint, uint, int*, void>)&GetProgram,
        ["glGetString"] = (nint)(delegate* unmanaged<uint, byte*>)&GetString,
        ["glGetStringi"] = (nint)(delegate* unmanaged<uint, uint, byte*>)&GetStringIndexed,
        ["glGetGraphicsResetStatus"] = (nint)(delegate* unmanaged<uint>)&GetResetStatus,
        ["glGetGraphicsResetStatusARB"] = (nint)(delegate* unmanaged<uint>)&GetResetStatus,
    };

    private const uint CompletionStatus = 0x91B1;      // KHR_parallel_shader_compile
    private const uint QueryResultNoWait = 0x9194;     // ARB_query_buffer_object
    private const long LostResult = -1;

    private static readonly Dictionary<uint, uint> BoundBuffers = [];
    private static readonly nint HiddenExtension = Marshal.StringToHGlobalAnsi("GL_TEST_hidden");
    private static readonly nint NameOfCard = Marshal.StringToHGlobalAnsi("Modelled card");
    private static uint elapsedQuery;
    private static long elapsedStart;

    private static delegate* unmanaged<uint, uint, nint> fenceSync;
    private static delegate* unmanaged<nint, void> deleteSync;
    private static delegate* unmanaged<nint, uint, ulong, uint> clientWaitSync;
    private static delegate* unmanaged<nint, uint, uint, uint*, int*, void> getSync;
    private static delegate* unmanaged<void> flush;
    private static delegate* unmanaged<void> finish;
    private static delegate* unmanaged<int, int, uint, uint, uint, uint, nint, void> readPixels;
    private static delegate* unmanaged<uint, int, uint, uint, nint, void> getTexImage;
    private static delegate* unmanaged<uint, int, int, int, uint, uint, uint, uint, nint, void> texSubImage2D;
    private static delegate* unmanaged<uint, nint, nint, uint, void*> mapBufferRange;
    private static delegate* unmanaged<uint, uint, void*> mapBuffer;
    private static delegate* unmanaged<uint, nint, nint, void*, void> getBufferSubData;
    private static delegate* unmanaged<uint, uint, nint, nint, nint, void> copyBufferSubData;
    private static delegate* unmanaged<uint, uint, nint, nint, nint, void> copyNamedBufferSubData;
    private static delegate* unmanaged<uint, uint, void> bindBuffer;
    private static delegate* unmanaged<uint, uint*, void> genBuffers;
    private static delegate* unmanaged<uint, nint, void*, uint, void> bufferData;
    private static delegate* unmanaged<uint, uint, uint, void> bindBufferBase;
    private static delegate* unmanaged<uint, uint, uint, nint, nint, void> bindBufferRange;
    private static delegate* unmanaged<uint, uint*, void> deleteBuffers;
    private static delegate* unmanaged<uint, uint, uint, void> dispatchCompute;
    private static delegate* unmanaged<nint, void> dispatchComputeIndirect;
    private static delegate* unmanaged<uint, uint, void> queryCounter;
    private static delegate* unmanaged<uint, uint, void> beginQuery;
    private static delegate* unmanaged<uint, void> endQuery;
    private static delegate* unmanaged<uint, uint*, void> deleteQueries;
    private static delegate* unmanaged<uint, uint, int*, void> getQuery;
    private static delegate* unmanaged<uint, uint, int*, void> getQueryObjectInt;
    private static delegate* unmanaged<uint, uint, uint*, void> getQueryObjectUInt;
    private static delegate* unmanaged<uint, uint, long*, void> getQueryObjectLong;
    private static delegate* unmanaged<uint, uint, ulong*, void> getQueryObjectULong;
    private static delegate* unmanaged<uint, long*, void> getInteger64;
    private static delegate* unmanaged<uint, int*, void> getInteger;
    private static delegate* unmanaged<uint, void> linkProgram;
    private static delegate* unmanaged<uint, uint, void*, uint, void> programBinary;
    private static delegate* unmanaged<uint, uint, int*, void> getProgram;
    private static delegate* unmanaged<uint, byte*, int> getUniformLocation;
    private static delegate* unmanaged<uint, int, int*, void> getUniform;
    private static delegate* unmanaged<uint, byte*> getString;
    private static delegate* unmanaged<uint, uint, byte*> getStringIndexed;

    /// <summary>The driver's own functions.</summary>
    public static void Load(HostContext host)
    {
        BoundBuffers.Clear();
        fenceSync = (delegate* unmanaged<uint, uint, nint>)host.GetProcAddress("glFenceSync");
        deleteSync = (delegate* unmanaged<nint, void>)host.GetProcAddress("glDeleteSync");
        clientWaitSync = (delegate* unmanaged<nint, uint, ulong, uint>)host.GetProcAddress("glClientWaitSync");
        getSync = (delegate* unmanaged<nint, uint, uint, uint*, int*, void>)host.GetProcAddress("glGetSynciv");
        flush = (delegate* unmanaged<void>)host.GetProcAddress("glFlush");
        finish = (delegate* unmanaged<void>)host.GetProcAddress("glFinish");
        readPixels = (delegate* unmanaged<int, int, uint, uint, uint, uint, nint, void>)host.GetProcAddress("glReadPixels");
        getTexImage = (delegate* unmanaged<uint, int, uint, uint, nint, void>)host.GetProcAddress("glGetTexImage");
        texSubImage2D = (delegate* unmanaged<uint, int, int, int, uint, uint, uint, uint, nint, void>)host.GetProcAddress("glTexSubImage2D");
        mapBufferRange = (delegate* unmanaged<uint, nint, nint, uint, void*>)host.GetProcAddress("glMapBufferRange");
        mapBuffer = (delegate* unmanaged<uint, uint, void*>)host.GetProcAddress("glMapBuffer");
        getBufferSubData = (delegate* unmanaged<uint, nint, nint, void*, void>)host.GetProcAddress("glGetBufferSubData");
        copyBufferSubData = (delegate* unmanaged<uint, uint, nint, nint, nint, void>)host.GetProcAddress("glCopyBufferSubData");
        copyNamedBufferSubData = (delegate* unmanaged<uint, uint, nint, nint, nint, void>)host.GetProcAddress("glCopyNamedBufferSubData");   // ARB_direct_state_access
        genBuffers = (delegate* unmanaged<uint, uint*, void>)host.GetProcAddress("glGenBuffers");
        bufferData = (delegate* unmanaged<uint, nint, void*, uint, void>)host.GetProcAddress("glBufferData");
        bindBuffer = (delegate* unmanaged<uint, uint, void>)host.GetProcAddress("glBindBuffer");
        bindBufferBase = (delegate* unmanaged<uint, uint, uint, void>)host.GetProcAddress("glBindBufferBase");
        bindBufferRange = (delegate* unmanaged<uint, uint, uint, nint, nint, void>)host.GetProcAddress("glBindBufferRange");
        deleteBuffers = (delegate* unmanaged<uint, uint*, void>)host.GetProcAddress("glDeleteBuffers");
        dispatchCompute = (delegate* unmanaged<uint, uint, uint, void>)host.GetProcAddress("glDispatchCompute");
        dispatchComputeIndirect = (delegate* unmanaged<nint, void>)host.GetProcAddress("glDispatchComputeIndirect");
        queryCounter = (delegate* unmanaged<uint, uint, void>)host.GetProcAddress("glQueryCounter");
        beginQuery = (delegate* unmanaged<uint, uint, void>)host.GetProcAddress("glBeginQuery");
        endQuery = (delegate* unmanaged<uint, void>)host.GetProcAddress("glEndQuery");
        deleteQueries = (delegate* unmanaged<uint, uint*, void>)host.GetProcAddress("glDeleteQueries");
        getQuery = (delegate* unmanaged<uint, uint, int*, void>)host.GetProcAddress("glGetQueryiv");
        getQueryObjectInt = (delegate* unmanaged<uint, uint, int*, void>)host.GetProcAddress("glGetQueryObjectiv");
        getQueryObjectUInt = (delegate* unmanaged<uint, uint, uint*, void>)host.GetProcAddress("glGetQueryObjectuiv");
        getQueryObjectLong = (delegate* unmanaged<uint, uint, long*, void>)host.GetProcAddress("glGetQueryObjecti64v");
        getQueryObjectULong = (delegate* unmanaged<uint, uint, ulong*, void>)host.GetProcAddress("glGetQueryObjectui64v");
        getInteger64 = (delegate* unmanaged<uint, long*, void>)host.GetProcAddress("glGetInteger64v");
        getInteger = (delegate* unmanaged<uint, int*, void>)host.GetProcAddress("glGetIntegerv");
        linkProgram = (delegate* unmanaged<uint, void>)host.GetProcAddress("glLinkProgram");
        programBinary = (delegate* unmanaged<uint, uint, void*, uint, void>)host.GetProcAddress("glProgramBinary");
        getProgram = (delegate* unmanaged<uint, uint, int*, void>)host.GetProcAddress("glGetProgramiv");
        getUniformLocation = (delegate* unmanaged<uint, byte*, int>)host.GetProcAddress("glGetUniformLocation");
        getUniform = (delegate* unmanaged<uint, int, int*, void>)host.GetProcAddress("glGetUniformiv");
        getString = (delegate* unmanaged<uint, byte*>)host.GetProcAddress("glGetString");
        getStringIndexed = (delegate* unmanaged<uint, uint, byte*>)host.GetProcAddress("glGetStringi");
    }

    public static bool TryGet(string name, out nint address) => Replacements.TryGetValue(name, out address);

    private static TestGl Gl => TestGl.Current!;

    private static uint Integer(GLEnum name)
    {
        int value = 0;
        getInteger((uint)name, &value);
        return (uint)value;
    }

    // ---- fences ----

    [UnmanagedCallersOnly]
    private static nint FenceSync(uint condition, uint flags)
    {
        nint sync = fenceSync(condition, flags);
        Gl.Fenced(sync);
        return sync;
    }

    [UnmanagedCallersOnly]
    private static void DeleteSync(nint sync)
    {
        Gl.FenceDeleted(sync);
        deleteSync(sync);
    }

    [UnmanagedCallersOnly]
    private static uint ClientWaitSync(nint sync, uint flags, ulong timeout)
    {
        if ((flags & (uint)GLEnum.SyncFlushCommandsBit) != 0) Gl.Flush();
        if (timeout > 0)
        {
            Gl.Waited("glClientWaitSync with a timeout");
            Gl.WaitedForFence(sync);
            return clientWaitSync(sync, flags, timeout);
        }

        if (!Gl.IsSignalled(sync)) return (uint)GLEnum.TimeoutExpired;
        clientWaitSync(sync, flags, ulong.MaxValue);   // work reported as done is done
        return (uint)GLEnum.AlreadySignaled;
    }

    [UnmanagedCallersOnly]
    private static void GetSync(nint sync, uint name, uint count, uint* length, int* values)
    {
        getSync(sync, name, count, length, values);
        if (name == (uint)GLEnum.SyncStatus && count > 0) *values = (int)(Gl.IsSignalled(sync) ? GLEnum.Signaled : GLEnum.Unsignaled);
    }

    [UnmanagedCallersOnly]
    private static void Flush()
    {
        Gl.Flush();
        flush();
    }

    [UnmanagedCallersOnly]
    private static void Finish()
    {
        Gl.Waited("glFinish");
        Gl.Finished();
        finish();
    }

    // ---- pixels and buffers ----

    [UnmanagedCallersOnly]
    private static void ReadPixels(int x, int y, uint width, uint height, uint format, uint type, nint pixels)
    {
        Packs("glReadPixels");
        readPixels(x, y, width, height, format, type, pixels);
    }

    [UnmanagedCallersOnly]
    private static void GetTexImage(uint target, int level, uint format, uint type, nint pixels)
    {
        Packs("glGetTexImage");
        getTexImage(target, level, format, type, pixels);
    }

    private static void Packs(string function)
    {
        uint buffer = Integer(GLEnum.PixelPackBufferBinding);
        if (buffer != 0) Gl.Writes(buffer);
        else Gl.Waited($"{function} without a pack buffer");
    }

    [UnmanagedCallersOnly]
    private static void TexSubImage2D(uint target, int level, int x, int y, uint width, uint height, uint format, uint type, nint pixels)
    {
        if (Integer(GLEnum.PixelUnpackBufferBinding) is not 0 and var buffer) Gl.Uses(buffer);
        texSubImage2D(target, level, x, y, width, height, format, type, pixels);
    }

    [UnmanagedCallersOnly]
    private static void* MapBufferRange(uint target, nint offset, nint length, uint access)
    {
        const uint NoWait = (uint)(MapBufferAccessMask.UnsynchronizedBit | MapBufferAccessMask.InvalidateBufferBit);
        bool writes = (access & (uint)MapBufferAccessMask.WriteBit) != 0;
        if ((access & (uint)MapBufferAccessMask.PersistentBit) != 0) Gl.StaysMapped(BoundBuffers.GetValueOrDefault(target));
        if ((access & NoWait) == 0) Touches("glMapBufferRange", target, writes);
        return mapBufferRange(target, offset, length, access);
    }

    [UnmanagedCallersOnly]
    private static void* MapBuffer(uint target, uint access)
    {
        Touches("glMapBuffer", target, forWriting: access != (uint)GLEnum.ReadOnly);
        return mapBuffer(target, access);
    }

    [UnmanagedCallersOnly]
    private static void GetBufferSubData(uint target, nint offset, nint size, void* data)
    {
        Touches("glGetBufferSubData", target, forWriting: false);
        getBufferSubData(target, offset, size, data);
    }

    private static void Touches(string function, uint target, bool forWriting)
    {
        if (Gl.IsBusy(BoundBuffers.GetValueOrDefault(target), forWriting)) Gl.Waited($"{function} before its fence");
    }

    [UnmanagedCallersOnly]
    private static void CopyBufferSubData(uint readTarget, uint writeTarget, nint readOffset, nint writeOffset, nint size)
    {
        uint written = BoundBuffers.GetValueOrDefault(writeTarget);
        Gl.Uses(BoundBuffers.GetValueOrDefault(readTarget));
        Gl.Writes(written);
        if (!Gl.IsMapped(written))
        {
            copyBufferSubData(readTarget, writeTarget, readOffset, writeOffset, size);
            return;
        }

        // What the processor sees all the time must not change before the GPU has come to the copy: its source is kept elsewhere until then.
        uint kept;
        genBuffers(1, &kept);
        bindBuffer(writeTarget, kept);
        bufferData(writeTarget, size, null, (uint)GLEnum.StreamCopy);
        copyBufferSubData(readTarget, writeTarget, readOffset, 0, size);
        bindBuffer(writeTarget, written);
        Gl.Keeps(new KeptCopy(kept, written, writeOffset, size));
    }

    /// <summary>The GPU has come to a copy into a buffer that stays mapped. By names, since what the host has bound meanwhile is its own.</summary>
    public static void MakeCopy(KeptCopy copy)
    {
        uint source = copy.Source;
        copyNamedBufferSubData(source, copy.Destination, 0, copy.Offset, copy.Bytes);
        finish();
        deleteBuffers(1, &source);
    }

    public static void DropCopy(KeptCopy copy)
    {
        uint source = copy.Source;
        deleteBuffers(1, &source);
    }

    [UnmanagedCallersOnly]
    private static void BindBuffer(uint target, uint buffer)
    {
        BoundBuffers[target] = buffer;
        bindBuffer(target, buffer);
    }

    [UnmanagedCallersOnly]
    private static void BindBufferBase(uint target, uint index, uint buffer)
    {
        Bound(target, index, buffer);
        bindBufferBase(target, index, buffer);
    }

    [UnmanagedCallersOnly]
    private static void BindBufferRange(uint target, uint index, uint buffer, nint offset, nint size)
    {
        Bound(target, index, buffer);
        bindBufferRange(target, index, buffer, offset, size);
    }

    private static void Bound(uint target, uint index, uint buffer)
    {
        BoundBuffers[target] = buffer;
        if (target == (uint)GLEnum.ShaderStorageBuffer) Gl.StorageBound(index, buffer);
    }

    // ---- dispatches and the clock ----

    [UnmanagedCallersOnly]
    private static void DeleteBuffers(uint count, uint* names)
    {
        for (uint i = 0; i < count; i++) Gl.BufferDeleted(names[i]);
        deleteBuffers(count, names);
    }

    [UnmanagedCallersOnly]
    private static void DispatchCompute(uint x, uint y, uint z)
    {
        if (Dispatched((long)x * y * z)) dispatchCompute(x, y, z);
    }

    [UnmanagedCallersOnly]
    private static void DispatchComputeIndirect(nint offset)
    {
        uint* groups = stackalloc uint[3];
        getBufferSubData((uint)GLEnum.DispatchIndirectBuffer, offset, 3 * sizeof(uint), groups);
        if (Dispatched((long)groups[0] * groups[1] * groups[2])) dispatchComputeIndirect(offset);
    }

    private static bool Dispatched(long groups)
    {
        if (Gl.Gpu is null) return Gl.Dispatched(groups, 0, 0, 1);
        int* size = stackalloc int[3];
        uint program = Integer(GLEnum.CurrentProgram);
        getProgram(program, (uint)GLEnum.ComputeWorkGroupSize, size);
        return Gl.Dispatched(groups, program, (long)size[0] * size[1] * size[2], StepsOf(program));
    }

    /// <summary>The consecutive steps that a kernel is told to run; 1 for all others.</summary>
    private static int StepsOf(uint program)
    {
        int steps = 1, location;
        fixed (byte* name = "steps\0"u8) location = getUniformLocation(program, name);
        if (location >= 0) getUniform(program, location, &steps);
        return steps;
    }

    [UnmanagedCallersOnly]
    private static void QueryCounter(uint query, uint target)
    {
        queryCounter(query, target);
        Gl.Timed(query, Gl.Counter);
    }

    [UnmanagedCallersOnly]
    private static void BeginQuery(uint target, uint query)
    {
        beginQuery(target, query);
        if (target == (uint)GLEnum.TimeElapsed) (elapsedQuery, elapsedStart) = (query, Gl.Nanoseconds);
    }

    [UnmanagedCallersOnly]
    private static void EndQuery(uint target)
    {
        endQuery(target);
        if (target == (uint)GLEnum.TimeElapsed) Gl.Timed(elapsedQuery, Gl.Nanoseconds - elapsedStart);
    }

    [UnmanagedCallersOnly]
    private static void DeleteQueries(uint count, uint* names)
    {
        for (uint i = 0; i < count; i++) Gl.QueryDeleted(names[i]);
        deleteQueries(count, names);
    }

    [UnmanagedCallersOnly]
    private static void GetQuery(uint target, uint name, int* value)
    {
        if (target == (uint)GLEnum.Timestamp && name == (uint)GLEnum.QueryCounterBits) *value = Gl.TimestampBits;
        else getQuery(target, name, value);
    }

    [UnmanagedCallersOnly]
    private static void GetQueryObjectInt(uint query, uint name, int* value)
    {
        if (!Knows(query)) getQueryObjectInt(query, name, value);
        else if (Answer(query, name) is { } answer) *value = (int)answer;
    }

    [UnmanagedCallersOnly]
    private static void GetQueryObjectUInt(uint query, uint name, uint* value)
    {
        if (!Knows(query)) getQueryObjectUInt(query, name, value);
        else if (Answer(query, name) is { } answer) *value = (uint)answer;
    }

    [UnmanagedCallersOnly]
    private static void GetQueryObjectLong(uint query, uint name, long* value)
    {
        if (!Knows(query)) getQueryObjectLong(query, name, value);
        else if (Answer(query, name) is { } answer) *value = answer;
    }

    [UnmanagedCallersOnly]
    private static void GetQueryObjectULong(uint query, uint name, ulong* value)
    {
        if (!Knows(query)) getQueryObjectULong(query, name, value);
        else if (Answer(query, name) is { } answer) *value = (ulong)answer;
    }

    private static bool Knows(uint query) => Gl.QueryResult(query) is not null;

    /// <summary>The value to write; null for none.</summary>
    private static long? Answer(uint query, uint name)
    {
        (bool isThere, long result) = Gl.QueryResult(query) ?? (true, LostResult);
        if (name == (uint)GLEnum.QueryResultAvailable) return isThere ? 1 : 0;
        if (name == QueryResultNoWait) return isThere ? result : null;
        if (!isThere) Gl.Waited("glGetQueryObject before its result is there");
        return result;
    }

    [UnmanagedCallersOnly]
    private static void GetInteger64(uint name, long* value)
    {
        if (name == (uint)GLEnum.Timestamp) *value = Gl.Counter;
        else getInteger64(name, value);
    }

    // ---- programs, extensions, resets ----

    [UnmanagedCallersOnly]
    private static void LinkProgram(uint program)
    {
        Gl.Linked(program);
        linkProgram(program);
    }

    [UnmanagedCallersOnly]
    private static void ProgramBinary(uint program, uint format, void* content, uint length)
    {
        Gl.Linked(program);
        programBinary(program, format, content, length);
    }

    [UnmanagedCallersOnly]
    private static void GetProgram(uint program, uint name, int* value)
    {
        bool linked = Gl.IsLinked(program);
        if (name == CompletionStatus)
        {
            *value = linked ? 1 : 0;
            return;
        }

        if (!linked) Gl.Waited("glGetProgramiv before the program is linked");
        getProgram(program, name, value);
    }

    [UnmanagedCallersOnly]
    private static byte* GetString(uint name) => name == (uint)GLEnum.Renderer && Gl.IsNamedAsCard ? (byte*)NameOfCard : getString(name);

    [UnmanagedCallersOnly]
    private static byte* GetStringIndexed(uint name, uint index)
    {
        byte* text = getStringIndexed(name, index);
        bool hidden = name == (uint)GLEnum.Extensions && text is not null && Gl.HiddenExtensions.Contains(Marshal.PtrToStringUTF8((nint)text) ?? "");
        return hidden ? (byte*)HiddenExtension : text;
    }

    [UnmanagedCallersOnly]
    private static uint GetResetStatus() => (uint)Gl.ResetStatus;
}

/// <summary>A copy that the GPU has not come to, with what it copies.</summary>
internal readonly record struct KeptCopy(uint Source, uint Destination, nint Offset, nint Bytes);
