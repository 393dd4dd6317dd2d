namespace NeuralPlugin.Samples;

/// <summary>An error that the user can fix. The message is one sentence and is all they see.</summary>
internal class UserErrorException : Exception
{
    public UserErrorException(string message)
        : base(message)
    {
    }

    public UserErrorException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
