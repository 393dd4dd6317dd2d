using System.Runtime.InteropServices;
using NUnit.Framework;

namespace NeuralPlugin.Tests;

/// <summary>The hidden windows of Windows' contexts. Tests/run runs this fixture under Wine.</summary>
[TestFixture]
[Category(Categories.Once)]
[Platform(Include = "Win")]
internal sealed partial class WglContextTests
{
    private const nint MessageOnly = -3;   // HWND_MESSAGE

    [Test]
    public void AContextEndsWithItsWindow()
    {
        int before = Windows();
        WglContext context = Create();
        Assert.That(Windows(), Is.EqualTo(before + 1));
        context.Dispose();
        Assert.That(Windows(), Is.EqualTo(before));
    }

    /// <summary>Which cannot destroy its window: this thread does, when it makes its next one.</summary>
    [Test]
    public void AContextThatAnotherThreadDisposesLeavesNoWindowForLong()
    {
        int before = Windows();
        WglContext first = Create(), second = Create();   // the second is current now
        Thread other = new(first.Dispose);
        other.Start();
        other.Join();
        using WglContext third = Create();
        Assert.That(Windows(), Is.EqualTo(before + 2));
        second.Dispose();
    }

    /// <summary>The device's own thread makes and destroys it.</summary>
    [Test]
    public void ADeviceInTheBackgroundLeavesNoWindow()
    {
        int before = Windows();
        NeuralDevice device = NeuralDevice.CreateInBackground();
        Assert.That(Windows(), Is.EqualTo(before + 1));
        device.Dispose();
        Assert.That(Windows(), Is.EqualTo(before));
    }

    private static WglContext Create()
    {
        List<string> failures = [];
        return WglContext.TryCreate(debug: false, failures) ?? throw new InvalidOperationException(string.Join("; ", failures));
    }

    /// <summary>The hidden windows there are, of all threads.</summary>
    private static int Windows()
    {
        int count = 0;
        for (nint window = FindWindow(MessageOnly, 0, "NeuralPlugin", null); window != 0; window = FindWindow(MessageOnly, window, "NeuralPlugin", null)) count++;
        return count;
    }

    [LibraryImport("user32.dll", EntryPoint = "FindWindowExW", StringMarshalling = StringMarshalling.Utf16)]
    private static partial nint FindWindow(nint parent, nint after, string className, string? title);
}
