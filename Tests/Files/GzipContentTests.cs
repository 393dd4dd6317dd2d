using System.IO.Compression;
using NeuralPlugin.Samples;
using NUnit.Framework;

namespace NeuralPlugin.Tests;

/// <summary>IDX files in gzip, as written by any program (RFC 1952): with one or several members, with zeros after them; and incomplete files.</summary>
[TestFixture]
internal sealed class GzipContentTests
{
    private static readonly byte[] Labels = [0, 0, 8, 1, 0, 0, 0, 5, 1, 2, 3, 4, 5];

    [Test]
    public void SeveralMembersAreOneContent([Values(0, 1, 4, 8, 12, 13)] int first, [Values(0, 1, 3, 8, 9, 5_000)] int zeros)
    {
        byte[] file = [.. Gzip(Labels[..first]), .. Gzip(Labels[first..]), .. new byte[zeros]];
        Assert.That(Read(file), Is.EqualTo(Labels[8..]));
        Assert.That(Read([.. Gzip([]), .. Gzip(Labels), .. Gzip([]), .. new byte[zeros]]), Is.EqualTo(Labels[8..]));
    }

    [Test]
    public void LargeMembersAreReadToo([Values(0, 7)] int zeros)
    {
        byte[] labels = new byte[200_000];
        new Random(1).NextBytes(labels);
        byte[] content = [0, 0, 8, 1, 0, 3, 0x0D, 0x40, .. labels];
        Assert.That(Read([.. Gzip(content[..70_000]), .. Gzip(content[70_000..]), .. new byte[zeros]]), Is.EqualTo(labels));
    }

    [Test]
    public void AFileThatIsCutOffIsRefused([Values] bool several)
    {
        byte[] file = several ? [.. Gzip(Labels[..9]), .. Gzip(Labels[9..])] : Gzip(Labels);
        for (int left = 2; left < file.Length; left++) Refuse(file[..left], $"{left} of {file.Length} bytes");
    }

    [TestCase(new byte[] { 1 })]
    [TestCase(new byte[] { 0, 0, 1 })]
    [TestCase(new byte[] { 0x1F })]
    [TestCase(new byte[] { 0x1F, 0x8B })]
    [TestCase(new byte[] { 0, 0x1F, 0x8B })]
    [TestCase(new byte[] { 0xFF })]
    [TestCase(new byte[] { 0xFF, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 })]
    public void WhatFollowsTheLastMemberIsRefused(byte[] more)
    {
        Refuse([.. Gzip(Labels), .. more], "right after it");
        Refuse([.. Gzip(Labels), .. new byte[6_000], .. more], "behind zeros");
        Refuse([.. Gzip(Labels), .. new byte[6_000], .. Gzip(Labels)], "a member after zeros");
    }

    [Test]
    public void AWrongChecksumOrLengthIsRefusedInEveryMember()
    {
        byte[] first = Gzip(Labels[..9]), second = Gzip(Labels[9..]);
        for (int at = 1; at <= 8; at++)
        {
            Refuse([.. Spoiled(first, at), .. second], $"first, {at} before its end");
            Refuse([.. first, .. Spoiled(second, at), 0, 0], $"second, {at} before its end");
        }
    }

    private static byte[] Spoiled(byte[] member, int fromEnd)
    {
        byte[] spoiled = [.. member];
        spoiled[^fromEnd] ^= 0x5A;
        return spoiled;
    }

    private static void Refuse(byte[] file, string what)
    {
        IdxFormatException? exception = Assert.Throws<IdxFormatException>(() => Read(file), what);
        Assert.That(exception!.Message, Does.Contain("gzip stream is incomplete or inconsistent").Or.Contain("but only"), what);
    }

    private static byte[] Read(byte[] file) => IdxReader.ReadLabels(new MemoryStream(file), "F");

    private static byte[] Gzip(byte[] content)
    {
        using MemoryStream file = new();
        using (GZipStream gzip = new(file, CompressionLevel.Fastest)) gzip.Write(content);
        return file.ToArray();
    }
}
