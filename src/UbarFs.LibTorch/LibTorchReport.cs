namespace UbarFs.LibTorch;

/// <summary>What was loaded, from where and why: the material of <c>ubarfs doctor</c>.</summary>
/// <param name="Folder">The folder of libtorch's libraries; null where TorchSharp found them by itself (Windows, macOS).</param>
/// <param name="NativeLibrary">TorchSharp's native library as loaded; null where TorchSharp found it by itself.</param>
/// <param name="IsPatched">Whether that is a copy that also loads with an older C++ library.</param>
/// <param name="Reason">Why it was patched or not, in one sentence.</param>
/// <param name="HasCuda">Whether this libtorch has CUDA libraries; a GPU and its driver may still be missing.</param>
/// <param name="Version">libtorch's version, such as 2.10.0; null where it cannot be told.</param>
/// <param name="Warning">What may go wrong with this libtorch although it loads; null if nothing is known.</param>
public sealed record LibTorchReport(
    string? Folder, string? NativeLibrary, bool IsPatched, string Reason, bool HasCuda, string? Version, string? Warning = null);
