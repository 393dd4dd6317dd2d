using System.CommandLine;
using Spectre.Console;
using static System.FormattableString;

namespace NeuralPlugin.Samples;

/// <summary>Samples/run gallery: recreates the pictures of the documentation, each by the command that a reader would run.</summary>
internal sealed class GalleryCommand : Command
{
    private readonly Option<string?> outFolder = FolderOption.Create("--out", "The folder for the pictures [default: out/gallery; the documentation's is Documentation~/images]");
    private readonly Option<string?> only = new("--only") { Description = "One picture alone: its name, without .png", HelpName = "NAME" };

    public GalleryCommand(IAnsiConsole console, Func<string[], int> run)
        : base("gallery", "Makes the pictures of the documentation anew; takes some minutes.")
    {
        only.AcceptOnlyFromAmong([.. Pictures.Select(picture => picture.Name)]);
        Options.Add(outFolder);
        Options.Add(only);
        SetAction(arguments =>
        {
            var folder = arguments.GetValue(outFolder) ?? Path.Combine("out", "gallery");
            foreach (var picture in Pictures.Where(picture => arguments.GetValue(only) is not { } name || picture.Name == name))
            {
                console.Profile.Out.Writer.WriteLine(Invariant($"{picture.Name}.png: Samples/run {string.Join(' ', picture.Arguments)}"));
                var code = Make(picture, folder, run);
                if (code != ExitCode.Success) return code;
            }

            return ExitCode.Success;
        });
    }

    /// <summary>The pictures, the command that draws each, and which of its files is the picture.</summary>
    private static IReadOnlyList<(string Name, string[] Arguments, string File)> Pictures { get; } =
    [
        ("digits", ["digits"], "digits.png"),
        ("digits-frames", ["digits", "--frames", "600", "--every", "600"], "digits-00600.png"),
        ("boundary", ["boundary", "--frames", "600", "--every", "600"], "boundary-00600.png"),
        ("arena", ["arena", "--every", "3000"], "arena-03000.png"),
        ("pursuit", ["pursuit", "--every", "600"], "pursuit-00600.png"),
        ("play", ["play", "--frames", "3000", "--every", "3000"], "play-03000.png"),
        ("budget", ["budget"], "budget.png"),
    ];

    private static int Make((string Name, string[] Arguments, string File) picture, string folder, Func<string[], int> run)
    {
        var target = OutputFile.Prepare(folder, $"{picture.Name}.png");
        var made = Directory.CreateTempSubdirectory("neuralplugin-gallery-");
        try
        {
            var code = run([.. picture.Arguments, "--out", made.FullName]);
            if (code == ExitCode.Success) target.Write(File.ReadAllBytes(Path.Combine(made.FullName, picture.File)));
            return code;
        }
        finally
        {
            made.Delete(recursive: true);
        }
    }
}
