using System;
using System.IO;
using Mono.Cecil;
using UbarFs.TorchSharp;

if (args is not [var original, var made])
{
    Console.Error.WriteLine("usage: UbarFs.TorchSharp ORIGINAL-TorchSharp.dll MADE-TorchSharp.dll");
    return 2;
}

try
{
    Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(made))!);
    File.WriteAllBytes(made, HeldObjects.In(File.ReadAllBytes(original)));
    return 0;
}
catch (Exception error) when (error is IOException or BadImageFormatException or AssemblyResolutionException or NotSupportedException)
{
    Console.Error.WriteLine($"{original}: error: {error.Message}");
    return 1;
}
