namespace NeuralPlugin;

/// <summary>An actor-critic that clones demonstrations too.</summary>
internal sealed class CloningActorCriticLearner(Brains brains, AgentPopulationOptions population, ActorCritic options, CloningRows cloning)
    : ActorCriticLearner(brains, population, options, cloning), ILearnsFromDemonstrations
{
    private readonly CloningRows cloning = cloning;

    public void Demonstrate(int agent, in Decision decision) => cloning.Demonstrate(agent, decision);
}
