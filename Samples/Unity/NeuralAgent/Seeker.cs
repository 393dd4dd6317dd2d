using UnityEngine;

namespace NeuralPlugin.Samples
{
    /// <summary>Learns to walk to a place on the ground, which changes in each episode. The brain needs 2 observations and 5 actions.</summary>
    public sealed class Seeker : NeuralAgent
    {
        private const float Range = 5, Step = 0.25f, Near = 0.5f;

        private static readonly Vector3[] Moves =
        {
            new Vector3(0, 0, 0), new Vector3(Step, 0, 0), new Vector3(-Step, 0, 0), new Vector3(0, 0, Step), new Vector3(0, 0, -Step),
        };

        private readonly System.Random random = new System.Random(1);
        private Vector3 goal;

        protected override void OnEpisodeBegin()
        {
            transform.localPosition = new Vector3(0, 0, 0);
            goal = new Vector3(Anywhere(), 0, Anywhere());
        }

        protected override void CollectObservations(VectorSensor sensor)
        {
            Vector3 way = goal - transform.localPosition;
            sensor.AddObservation(way.x);
            sensor.AddObservation(way.z);
        }

        protected override void OnActionReceived(int action)
        {
            float before = (goal - transform.localPosition).magnitude;
            transform.localPosition += Moves[action];
            float after = (goal - transform.localPosition).magnitude;
            Agent.AddReward(before - after - 0.01f);
            if (after < Near) Agent.EndEpisode();
        }

        private float Anywhere()
        {
            return Range * (2 * (float)random.NextDouble() - 1);
        }
    }
}
