using UnityEngine;

namespace NeuralPlugin.Samples
{
    /// <summary>
    /// An agent as a component: what it observes, what an action does, when it is rewarded. It belongs to the <see cref="NeuralBrain"/> above it in the scene while
    /// it is enabled, whose <c>Update</c> calls it once a frame, on the game's thread.
    /// </summary>
    public abstract class NeuralAgent : MonoBehaviour
    {
        [SerializeField, Tooltip("Actions after which the time of an episode is up; 0 for no limit.")]
        private long maxStep = 500;

        [SerializeField, Tooltip("Frames per decision.")]
        private int decisionPeriod = 5;

        private NeuralBrain brain;
        private Script script;

        /// <summary>The agent itself: its reward, its episode, whether a player demonstrates.</summary>
        protected Agent Agent
        {
            get { return script; }
        }

        /// <summary>Adds the same number of values each time, in the same order.</summary>
        protected abstract void CollectObservations(VectorSensor sensor);

        /// <summary>Carries out an action, and rewards it.</summary>
        protected abstract void OnActionReceived(int action);

        /// <summary>Puts the agent at the start of an episode.</summary>
        protected virtual void OnEpisodeBegin()
        {
        }

        /// <summary>Disables the actions that are not allowed.</summary>
        protected virtual void WriteDiscreteActionMask(ActionMask mask)
        {
        }

        /// <summary>The action that a player or a script would take, for agents that demonstrate.</summary>
        protected virtual int Heuristic()
        {
            return 0;
        }

        protected virtual void OnEnable()
        {
            if (brain == null) brain = GetComponentInParent<NeuralBrain>();
            if (brain == null)
            {
                Debug.LogError($"{name} has no NeuralBrain above it in the scene.");
                return;
            }

            script = new Script(this) { Name = name, MaxStep = maxStep, DecisionPeriod = decisionPeriod };
            brain.Population.Add(script);
        }

        protected virtual void OnDisable()
        {
            if (script != null && brain.Population != null) brain.Population.Remove(script);
            script = null;
        }

        private sealed class Script : Agent
        {
            private readonly NeuralAgent component;

            public Script(NeuralAgent component)
            {
                this.component = component;
            }

            public override void CollectObservations(VectorSensor sensor)
            {
                component.CollectObservations(sensor);
            }

            public override void OnActionReceived(int action)
            {
                component.OnActionReceived(action);
            }

            public override void OnEpisodeBegin()
            {
                component.OnEpisodeBegin();
            }

            public override void WriteDiscreteActionMask(ActionMask mask)
            {
                component.WriteDiscreteActionMask(mask);
            }

            public override int Heuristic()
            {
                return component.Heuristic();
            }
        }
    }
}
