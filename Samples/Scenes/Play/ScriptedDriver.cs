namespace NeuralPlugin.Samples;

/// <summary>
/// Presses keys as a player would, when there is no player: it drives on the right half of the road, slows down for bends, and saves the
/// ghost when the ghost drives alone.
/// </summary>
/// <param name="world">The player's car is the first.</param>
/// <param name="framesBeforeHandingOver">Frames that it drives itself.</param>
internal sealed class ScriptedDriver(RaceWorld world, int framesBeforeHandingOver) : IKeyboard
{
    /// <summary>Its offset to the right of the middle of the road, as a share of the half width.</summary>
    public const float Offset = 0.4f;

    private const int Ahead = 10;
    private const int FarAhead = 50;
    private const float Askew = 0.08f;
    private const float BackToItsPlace = 0.45f;
    private const float SharpBend = 1.1f;
    private const float FastForABend = 0.22f;

    private SceneKey? pressed;
    private int frame = -1;

    public bool IsDown(SceneKey key) => key == pressed;

    public void NextFrame()
    {
        frame++;
        pressed = (frame - framesBeforeHandingOver) switch
        {
            2 => SceneKey.Save,
            _ => Steering(),
        };
    }

    private SceneKey? Steering()
    {
        var (place, heading, speed, _, _) = world.Cars[0];
        var track = world.Track;
        var here = track.PointNear(place);
        float Bend(int points) => Angle(track.DirectionAt((here + points) % track.Center.Count) - heading);
        if (speed > FastForABend && MathF.Abs(Bend(FarAhead)) > SharpBend) return SceneKey.Brake;
        var askew = Bend(Ahead) - BackToItsPlace * (track.Offset(place) - Offset);
        return askew switch { < -Askew => SceneKey.Left, > Askew => SceneKey.Right, _ => null };
    }

    private static float Angle(float radians) => MathF.IEEERemainder(radians, MathF.Tau);
}
