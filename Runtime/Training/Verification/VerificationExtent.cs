namespace NeuralPlugin;

/// <summary>How much <see cref="DeviceVerification.Verify(NeuralDevice, VerificationExtent, Action{KernelCheck}?)"/> checks.</summary>
public enum VerificationExtent
{
    /// <summary>Every kernel of each family that the device supports, in every configuration that a tuning may choose: for a machine on which something is odd, and for tests.</summary>
    Complete,

    /// <summary>
    /// Small steps and predictions of a network and of a population, and the guards of their updates, with the family and the tuning of the device's networks alone: some forty checks, for the start of a game. If no network has asked for the family yet, this
    /// call chooses it (<see cref="KernelFamily.Of"/>).
    /// </summary>
    Quick,
}
