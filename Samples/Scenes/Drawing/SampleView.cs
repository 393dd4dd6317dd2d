using SkiaSharp;

namespace NeuralPlugin.Samples;

/// <summary>Shows the network of a classifier at work on a selected sample.</summary>
/// <param name="world">The samples on the screen.</param>
/// <param name="network">Draws the network.</param>
internal sealed class SampleView(SKRect world, NetworkPanel network)
{
    private readonly NetworkBox box = new(network);
    private SelectedSample? selected;

    /// <summary>Selects a sample; null for none.</summary>
    public void Select(SelectedSample? sample)
    {
        selected = sample;
        box.Restart();
    }

    /// <summary>Call it once a frame, after the training.</summary>
    public void Step()
    {
        if (selected is not null) box.Step(selected.Classifier.GetParameters);
    }

    /// <summary>Draws the network, if a sample is selected.</summary>
    public void Draw(SceneSheet sheet)
    {
        if (selected is { } sample) box.Draw(sheet, world, sample.Place, sample.Name, sample.Note, sample.Features, chosen: null);
    }
}

/// <summary>A sample that was selected.</summary>
/// <param name="Classifier">The classifier that sees it.</param>
/// <param name="Features">Its features.</param>
/// <param name="Place">Its place on the screen.</param>
/// <param name="Name">Its name.</param>
/// <param name="Note">A note beside the name.</param>
internal sealed record SelectedSample(Classifier Classifier, float[] Features, SKRect Place, string Name, string Note);
