using System.Reflection;

namespace NeuralPlugin.Samples;

/// <summary>Finds the four IDX files of a data set: embedded in this assembly, or in a folder of the user's.</summary>
internal static class ImageDataLoader
{
    private const string EmbeddedName = "mnist";

    /// <summary>The 8,004 + 1,996 digits of Samples/Data/mnist.</summary>
    public static ImageData LoadEmbedded() => Load(EmbeddedName, file =>
    {
        var name = $"{EmbeddedName}/{file}.gz";
        var stream = Assembly.GetExecutingAssembly().GetManifestResourceStream(name)
            ?? throw new InvalidOperationException($"The assembly lacks its resource {name}.");
        return (stream, name);
    });

    /// <summary>The files train-images-idx3-ubyte, train-labels-idx1-ubyte and t10k-… of a folder, as they are or with .gz.</summary>
    /// <exception cref="UserErrorException">The folder or a file is missing, cannot be read or is not valid.</exception>
    public static ImageData LoadFolder(string folder)
    {
        if (File.Exists(folder)) throw new UserErrorException($"The data folder {folder} is a file; give the folder that contains it.");
        if (!Directory.Exists(folder)) throw new UserErrorException($"The data folder {folder} does not exist.");
        return Load(folder, file =>
        {
            var path = FindFile(folder, file);
            return (Guard(path, () => File.OpenRead(path)), path);
        });
    }

    private static ImageData Load(string name, Func<string, (Stream Stream, string Path)> open) =>
        new(LoadSet("train", open), LoadSet("t10k", open), name);

    private static ImageSet LoadSet(string prefix, Func<string, (Stream Stream, string Path)> open)
    {
        var (imageStream, imagePath) = open($"{prefix}-images-idx3-ubyte");
        using var imageFile = imageStream;
        var (labelStream, labelPath) = open($"{prefix}-labels-idx1-ubyte");
        using var labelFile = labelStream;
        var images = Guard(imagePath, () => IdxReader.ReadImages(imageStream, imagePath));
        var labels = Guard(labelPath, () => IdxReader.ReadLabels(labelStream, labelPath));
        return new ImageSet(images, labels, imagePath, labelPath);
    }

    private static string FindFile(string folder, string file)
    {
        var dotted = file.Replace("-idx", ".idx", StringComparison.Ordinal);
        string[] spellings = [file, file + ".gz", dotted, dotted + ".gz"];
        return spellings.Select(spelling => Path.Combine(folder, spelling)).FirstOrDefault(File.Exists)
            ?? throw new UserErrorException($"The data folder {folder} lacks the file {file} (or {file}.gz).");
    }

    private static T Guard<T>(string path, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new UserErrorException($"{path} cannot be read: {exception.Message}", exception);
        }
    }
}
