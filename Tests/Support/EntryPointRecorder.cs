using System.Reflection;
using System.Reflection.Emit;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Silk.NET.Core.Native;
using Silk.NET.OpenGL;

namespace NeuralPlugin.Tests;

/// <summary>
/// Wraps any OpenGL entry point in a function that first reports the call and then makes it, whatever its parameters are:
/// it is generated from the signature that Silk.NET declares.
/// </summary>
internal static unsafe class EntryPointRecorder
{
    private static readonly ModuleBuilder Module = AssemblyBuilder
        .DefineDynamicAssembly(new AssemblyName("RecordedEntryPoints"), AssemblyBuilderAccess.Run).DefineDynamicModule("RecordedEntryPoints");

    private static readonly ILookup<string, MethodInfo> Declared = typeof(GL)
        .GetMethods(BindingFlags.Public | BindingFlags.Instance | BindingFlags.DeclaredOnly).Where(method => !method.IsGenericMethod)
        .Where(method => method.GetCustomAttribute<NativeApiAttribute>()?.EntryPoint is not null)
        .ToLookup(method => method.GetCustomAttribute<NativeApiAttribute>()!.EntryPoint!);

    /// <summary>An address to call in place of an entry point; its own if Silk.NET declares none of that name.</summary>
    /// <param name="name">The entry point.</param>
    /// <param name="address">Its address.</param>
    /// <param name="number">The number under which calls are reported.</param>
    /// <param name="called">Receives the number and the first argument (0 if that is no integer), on the thread of the call.</param>
    public static nint Record(string name, nint address, int number, delegate*<int, ulong, void> called)
    {
        MethodInfo? declared = Declared[name].FirstOrDefault(method => method.GetParameters().All(parameter => Native(parameter.ParameterType) is not null));
        if (declared is null) return address;
        Type result = declared.ReturnType == typeof(void) ? typeof(void) : Native(declared.ReturnType)!;
        Type[] parameters = [.. declared.GetParameters().Select(parameter => Native(parameter.ParameterType)!)];
        TypeBuilder type = Module.DefineType($"{name}{number}", TypeAttributes.Class | TypeAttributes.Public | TypeAttributes.Abstract | TypeAttributes.Sealed);
        MethodBuilder method = type.DefineMethod(name, MethodAttributes.Public | MethodAttributes.Static, result, parameters);
        method.SetCustomAttribute(new CustomAttributeBuilder(typeof(UnmanagedCallersOnlyAttribute).GetConstructor([])!, []));
        ILGenerator code = method.GetILGenerator();
        code.Emit(OpCodes.Ldc_I4, number);
        if (parameters.Length > 0 && parameters[0] != typeof(float) && parameters[0] != typeof(double)) code.Emit(OpCodes.Ldarg_0);
        else code.Emit(OpCodes.Ldc_I4_0);
        code.Emit(OpCodes.Conv_U8);
        EmitAddress(code, (nint)called);
        code.EmitCalli(OpCodes.Calli, CallingConventions.Standard, typeof(void), [typeof(int), typeof(ulong)], null);
        for (int i = 0; i < parameters.Length; i++) code.Emit(OpCodes.Ldarg, i);
        EmitAddress(code, address);
        code.EmitCalli(OpCodes.Calli, CallingConvention.Cdecl, result, parameters);
        code.Emit(OpCodes.Ret);
        RuntimeMethodHandle handle = type.CreateType().GetMethod(name)!.MethodHandle;
        RuntimeHelpers.PrepareMethod(handle);
        return handle.GetFunctionPointer();
    }

    private static void EmitAddress(ILGenerator code, nint address)
    {
        code.Emit(OpCodes.Ldc_I8, address);
        code.Emit(OpCodes.Conv_I);
    }

    /// <summary>The native type of a parameter; null for a type that only a wrapper of Silk.NET takes.</summary>
    private static Type? Native(Type type)
    {
        return type.IsEnum ? Enum.GetUnderlyingType(type)
            : type == typeof(bool) ? typeof(byte)
            : type.IsPointer || type.IsSubclassOf(typeof(Delegate)) ? typeof(nint)
            : type.IsPrimitive ? type : null;
    }
}
