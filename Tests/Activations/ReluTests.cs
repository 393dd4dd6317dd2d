using NeuralPlugin.Tests.Twins;
using NUnit.Framework;

namespace NeuralPlugin.Tests;

[TestFixture]
internal sealed class ReluTests : ActivationTests
{
    protected override Activation Make() => new Relu();

    protected override LayerTwin MakeTwin() => new ReluLayerTwin();

    protected override double FanOf(int inputs, int outputs) => inputs;
}
