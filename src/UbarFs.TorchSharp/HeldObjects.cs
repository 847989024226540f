using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Mono.Cecil;
using Mono.Cecil.Cil;
using Mono.Cecil.Rocks;

namespace UbarFs.TorchSharp;

/// <summary>
/// TorchSharp passes native code the address of an object's memory, and lets the garbage collector free the object as soon
/// as no managed code refers to it: while native code is reading, that is. <c>a + b</c> and <c>a * 2</c> make such an
/// object, a <c>Scalar</c>, of which nobody knows.
/// <para>
/// In what is made here every address leaves its object through one property, <c>Handle</c>, which first puts the object
/// among the last ones that the thread has asked for their addresses, and there it is alive. A thread that is inside of
/// native code asks for no other address, so nothing that native code was called with leaves that place before it returns.
/// </para>
/// </summary>
internal static class HeldObjects
{
    /// <summary>Where the last objects are. Its presence tells the assembly from the original.</summary>
    private const string PlaceName = "HeldObjects";

    /// <summary>
    /// Calls pass up to a dozen addresses, and lists, which are held by whoever made them. A power of two.
    /// </summary>
    private const int Places = 32;

    /// <summary>The assembly, with every object held that has a finalizer and an address.</summary>
    /// <exception cref="NotSupportedException">This TorchSharp is another than the one that this is for.</exception>
    public static byte[] In(byte[] original)
    {
        using var module = ModuleDefinition.ReadModule(new MemoryStream(original));
        var types = module.GetAllTypes().ToList();
        var finalized = types.Where(HasFinalizer).ToList();
        var held = finalized.Where(type => HandleOf(type) is not null).ToList();
        foreach (var required in new[] { "TorchSharp.Scalar", "TorchSharp.torch/Tensor" })
        {
            if (held.All(type => type.FullName != required))
            {
                throw new NotSupportedException($"{required} has no finalizer or no Handle: this version of TorchSharp is another one");
            }
        }

        foreach (var type in held)
        {
            GoThroughProperty(type, types);
        }

        // Numbers have places of their own: a list of many tensors must not drive them out.
        var numbers = Place(module, PlaceName + "Numbers");
        var others = Place(module, PlaceName);
        foreach (var type in held)
        {
            Hold(HandleOf(type)!, type.FullName == "TorchSharp.Scalar" ? numbers : others);
        }

        using var made = new MemoryStream();
        module.Write(made, new WriterParameters { DeterministicMvid = true, Timestamp = 0 });
        return made.ToArray();
    }

    private static bool HasFinalizer(TypeDefinition type) => type.Methods.Any(method => method.Name == "Finalize" && method.IsVirtual);

    private static MethodDefinition? HandleOf(TypeDefinition type) => type.Methods.FirstOrDefault(method => method.Name == "get_Handle");

    private static bool IsNative(MethodReference called) => called is MethodDefinition { IsPInvokeImpl: true };

    /// <summary>Whoever reads the field with the address and calls native code asks the property instead.</summary>
    private static void GoThroughProperty(TypeDefinition type, List<TypeDefinition> types)
    {
        var property = HandleOf(type)!;
        var field = property.Body.Instructions.Select(step => step.Operand).OfType<FieldReference>().First().FullName;
        string[] owners = ["get_Handle", "Dispose", "Finalize"];
        foreach (var method in types.SelectMany(other => other.Methods).Where(method => method.HasBody))
        {
            if (owners.Contains(method.Name) || !method.Body.Instructions.Any(step => step.Operand is MethodReference called && IsNative(called)))
            {
                continue;
            }

            foreach (var step in method.Body.Instructions.Where(step => step.OpCode == OpCodes.Ldfld && ((FieldReference)step.Operand).FullName == field))
            {
                step.OpCode = OpCodes.Call;
                step.Operand = property;
            }
        }
    }

    private static void Hold(MethodDefinition property, MethodReference place)
    {
        var steps = property.Body.GetILProcessor();
        var first = property.Body.Instructions[0];
        steps.InsertBefore(first, steps.Create(OpCodes.Ldarg_0));
        steps.InsertBefore(first, steps.Create(OpCodes.Call, place));
    }

    /// <summary>A class with a method that puts an object into the next of a thread's places, which are used in turn.</summary>
    private static MethodDefinition Place(ModuleDefinition module, string name)
    {
        var system = module.TypeSystem;
        var perThread = module.ImportReference(new MethodReference(".ctor", system.Void, FromCore(module, "ThreadStaticAttribute")) { HasThis = true });
        FieldDefinition Field(string fieldName, TypeReference type)
        {
            var field = new FieldDefinition(fieldName, FieldAttributes.Private | FieldAttributes.Static, type);
            field.CustomAttributes.Add(new CustomAttribute(perThread));
            return field;
        }

        var last = Field("s_last", new ArrayType(system.Object));
        var next = Field("s_next", system.Int32);
        var hold = new MethodDefinition("Hold", MethodAttributes.Assembly | MethodAttributes.Static | MethodAttributes.HideBySig, system.Void);
        hold.Parameters.Add(new ParameterDefinition("held", ParameterAttributes.None, system.Object));
        var steps = hold.Body.GetILProcessor();
        var there = steps.Create(OpCodes.Ldsfld, next);
        steps.Emit(OpCodes.Ldsfld, last);
        steps.Emit(OpCodes.Dup);
        steps.Emit(OpCodes.Brtrue, there);
        steps.Emit(OpCodes.Pop);
        steps.Emit(OpCodes.Ldc_I4, Places);
        steps.Emit(OpCodes.Newarr, system.Object);
        steps.Emit(OpCodes.Dup);
        steps.Emit(OpCodes.Stsfld, last);
        steps.Append(there);
        steps.Emit(OpCodes.Ldc_I4, Places - 1);
        steps.Emit(OpCodes.And);
        steps.Emit(OpCodes.Ldarg_0);
        steps.Emit(OpCodes.Stelem_Ref);
        steps.Emit(OpCodes.Ldsfld, next);
        steps.Emit(OpCodes.Ldc_I4_1);
        steps.Emit(OpCodes.Add);
        steps.Emit(OpCodes.Stsfld, next);
        steps.Emit(OpCodes.Ret);
        var kind = TypeAttributes.NotPublic | TypeAttributes.Abstract | TypeAttributes.Sealed | TypeAttributes.BeforeFieldInit;
        var place = new TypeDefinition("TorchSharp", name, kind, system.Object);
        place.Fields.Add(last);
        place.Fields.Add(next);
        place.Methods.Add(hold);
        module.Types.Add(place);
        return hold;
    }

    private static TypeReference FromCore(ModuleDefinition module, string name) =>
        new("System", name, module, module.TypeSystem.CoreLibrary);
}
