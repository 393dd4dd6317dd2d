using UnityEngine;

namespace NeuralPlugin.Samples
{
    /// <summary>
    /// The brains of the agents below it in the scene. They live on a device with a thread of its own, so that the game's thread only collects
    /// observations and carries out actions; an answer arrives a frame or two after its question.
    /// </summary>
    [DefaultExecutionOrder(-100)]   // agents are added to it when they awake
    public sealed class NeuralBrain : MonoBehaviour
    {
        [SerializeField, Tooltip("Numbers that an agent adds to its sensor at each decision.")]
        private int observations = 2;

        [SerializeField, Tooltip("Actions to choose from.")]
        private int actions = 5;

        [SerializeField, Tooltip("Maximum number of agents at a time.")]
        private int capacity = 64;

        [SerializeField, Tooltip("Whether all agents share one brain, and learn together.")]
        private bool shared = true;

        [SerializeField, Tooltip("Whether the brains live on the graphics card, in a separate OpenGL context, instead of the processor.")]
        private bool onGraphicsCard = false;

        [SerializeField, Tooltip("A file of trained brains; empty for new ones.")]
        private string startFrom = "";

        private NeuralDevice device;

        /// <summary>The population of the agents; null once this component is gone.</summary>
        public AgentPopulation Population { get; private set; }

        /// <summary>Saves what was learned while the game runs; completes some frames later.</summary>
        public System.Threading.Tasks.Task Save(string path)
        {
            return Population.SaveAsync(path);
        }

        private void Awake()
        {
            device = onGraphicsCard ? NeuralDevice.CreateInBackground() : NeuralDevice.CreateOnProcessor(new ProcessorOptions { Background = true });
            Population = new AgentPopulation(device, new AgentPopulationOptions
            {
                Observations = observations,
                Actions = actions,
                Capacity = capacity,
                Brains = shared ? BrainSharing.Shared : BrainSharing.OneEach,
            });
            if (startFrom.Length > 0) Population.LoadBrains(startFrom);
        }

        private void Update()
        {
            Population.Update();
        }

        private void OnDestroy()
        {
            Population?.Dispose();
            Population = null;
            device?.Dispose();
        }
    }
}
