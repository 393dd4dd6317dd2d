namespace NeuralPlugin;

/// <summary>A part of a population's training step.</summary>
/// <param name="FirstLine">The first of its lines, each of which has some members.</param>
/// <param name="Lines">Their number.</param>
internal readonly record struct StepPart(int FirstLine, int Lines);
