namespace NeuralPlugin;

/// <summary>
/// Something in a game that observes, acts and learns. Derive from it, say what it observes (<see cref="CollectObservations"/>)
/// and what an action does (<see cref="OnActionReceived(int)"/>), give it rewards, and add it to an <see cref="AgentPopulation"/>,
/// which calls it once a frame.
/// </summary>
/// <remarks>
/// The words are those of Unity's ML-Agents. What is less here: observations are numbers in a fixed order, and <see cref="OnEpisodeBegin"/> follows
/// <see cref="EndEpisode"/> in the next <see cref="AgentPopulation.Update"/>, not at once. What is more: where an action is one choice, it is one <see cref="int"/>.
/// </remarks>
public abstract class Agent
{
    private int[] discreteActions = [];
    private float[] continuousActions = [];
    private float reward;
    private bool isAsked;   // and has no answer yet

    /// <summary>Makes an agent that decides in every frame.</summary>
    protected Agent()
    {
        Name = GetType().Name;
    }

    /// <summary>What errors call it; the name of its class unless another one is given.</summary>
    /// <exception cref="ArgumentException">It is empty.</exception>
    public string Name
    {
        get;
        set
        {
            ArgumentException.ThrowIfNullOrEmpty(value);
            field = value;
        }
    }

    /// <summary>
    /// It decides in every so many frames. In the frames between, its last action is repeated: <see cref="OnActionReceived(int)"/> is
    /// called with it again. The first decision of an episode comes at once. 0: it decides when <see cref="RequestDecision"/> was called and then alone, and
    /// carries each decision out once, as games need that take turns.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">It is negative.</exception>
    public int DecisionPeriod
    {
        get;
        set => field = value >= 0 ? value : throw new ArgumentOutOfRangeException(nameof(value), value, "The frames from decision to decision must be 1 or more, or 0 for decisions on request alone.");
    } = 1;

    /// <summary>Whether <see cref="Heuristic()"/> chooses its actions instead of the brain; at once, without any latency.</summary>
    public bool ActsByHeuristic { get; set; }

    /// <summary>
    /// Whether what <see cref="Heuristic()"/> says is recorded at each decision as a demonstration, and learned from by
    /// <see cref="BehaviorCloning"/>. With <see cref="ActsByHeuristic"/> it shows what to do; without, it corrects what the brain does
    /// (Ross et al., 2011, DAgger).
    /// </summary>
    public bool Demonstrates { get; set; }

    /// <summary>
    /// Actions after which its episode is interrupted, as by <see cref="EpisodeInterrupted"/>: a limit that is no part of the task. 0 for none.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">It is negative.</exception>
    public long MaxStep
    {
        get;
        set => field = value >= 0 ? value : throw new ArgumentOutOfRangeException(nameof(value), value, "The actions of an episode must be 0, for no limit, or more.");
    }

    /// <summary>The population that it is in; null where it is in none.</summary>
    public AgentPopulation? Population { get; internal set; }

    /// <summary>
    /// Its number in the population, from 0 to the capacity; that of its brain too, where each has its own. -1 where it is in none.
    /// </summary>
    public int Index { get; internal set; } = -1;

    /// <summary>The action that it is taking, where it is one choice; of several branches the choice in the first, and 0 where there is none. -1 before the first action of an episode.</summary>
    public int Action { get; internal set; } = -1;

    /// <summary>The action that it is taking, whatever it consists of; the last one before the first of an episode, and empty before the first of all.</summary>
    public ActionBuffers StoredActions => new(continuousActions, discreteActions);

    /// <summary>Whether its episode has ended, and the next one not begun.</summary>
    public bool IsEpisodeOver { get; private set; }

    /// <summary>Whether the episode that is over was interrupted, and would have gone on.</summary>
    internal bool IsInterrupted { get; private set; }

    /// <summary>Who looks at it; null for nobody.</summary>
    internal AgentInspector? Inspector { get; set; }

    /// <summary>The sum of the rewards of this episode; where that is more than a float holds, the greatest one.</summary>
    public float CumulativeReward { get; private set; }

    /// <summary>Episodes that have ended.</summary>
    public int CompletedEpisodes { get; private set; }

    /// <summary>Actions that it has carried out in this episode, the one under way included: calls of <see cref="OnActionReceived(int)"/>.</summary>
    public long StepCount { get; internal set; }

    /// <summary>The frame of its next decision.</summary>
    internal long NextDecision { get; set; }

    /// <summary>Whether it waits to be asked, since it has called <see cref="RequestDecision"/>.</summary>
    internal bool IsDecisionRequested { get; set; }

    /// <summary>Whether it has a decision that it has not carried out yet.</summary>
    internal bool IsActionNew { get; set; }

    /// <summary>Counts the episodes, so that an answer to a question of an earlier one is known as such.</summary>
    internal int Episode { get; private set; }

    /// <summary>Tells the sensor what it observes: always the same number of values, in the same order.</summary>
    /// <param name="sensor">Takes the values.</param>
    public abstract void CollectObservations(VectorSensor sensor);

    /// <summary>
    /// Gives the sensor the texture that it sees, at each decision, where the population declares one
    /// (<see cref="AgentPopulationOptions.TextureObservations"/>). It may be rendered here: what the sensor was given is enqueued at once.
    /// </summary>
    /// <param name="sensor">Takes a texture.</param>
    public virtual void CollectTexture(TextureSensor sensor)
    {
    }

    /// <summary>Does what an action means. Called in every frame from the first answer of an episode on. Override this or, where an action is more than one choice, the other overload.</summary>
    /// <param name="action">From 0 to the population's number of actions.</param>
    public virtual void OnActionReceived(int action)
    {
        throw new AgentException(Name, "it has received an action, and overrides no OnActionReceived. Override OnActionReceived(int) or, for other actions than one choice, OnActionReceived(ActionBuffers).");
    }

    /// <summary>
    /// Does what an action of several branches, or of continuous actions, means (<see cref="AgentPopulationOptions.ActionSpec"/>). Called in every frame from the first answer of an episode on. Without an
    /// override an action that is one choice goes on to <see cref="OnActionReceived(int)"/>.
    /// </summary>
    /// <param name="actions">What was chosen; continuous actions from −1 to 1.</param>
    public virtual void OnActionReceived(ActionBuffers actions)
    {
        if (actions.DiscreteActions.Length != 1 || actions.ContinuousActions.Length != 0)
            throw new AgentException(Name, "its actions are more than one choice, and it does not take them. Override OnActionReceived(ActionBuffers).");
        OnActionReceived(actions.DiscreteActions[0]);
    }

    /// <summary>
    /// What the writer of the script, or the player, would do now: read the keys, or compute it. Called at decisions of an agent that
    /// <see cref="ActsByHeuristic"/> or <see cref="Demonstrates"/>.
    /// </summary>
    /// <returns>An action that is not masked.</returns>
    /// <exception cref="AgentException">It is not overridden.</exception>
    public virtual int Heuristic()
    {
        throw new AgentException(Name, "it is to act or demonstrate by its Heuristic, and has none. Override Heuristic, or leave ActsByHeuristic and Demonstrates false.");
    }

    /// <summary>The same where an action is more than one choice. Without an override, what <see cref="Heuristic()"/> returns where it is one.</summary>
    /// <param name="actionsOut">All zero; takes the action, with continuous actions from −1 to 1 (cut off there).</param>
    /// <exception cref="AgentException">It is not overridden.</exception>
    public virtual void Heuristic(in ActionBuffers actionsOut)
    {
        if (actionsOut.DiscreteActions.Length != 1 || actionsOut.ContinuousActions.Length != 0)
            throw new AgentException(Name, "it is to act or demonstrate by its Heuristic, and its actions are more than one choice. Override Heuristic(in ActionBuffers).");
        actionsOut.DiscreteActions[0] = Heuristic();
    }

    /// <summary>
    /// Prepares a new episode: puts the agent where it begins. Called when it is added, and after the end of an episode by the Update that asks its next
    /// question, before that: in the same Update where <see cref="OnActionReceived(int)"/> has ended it, and in the next one where the latency is 0 or it was ended elsewhere.
    /// </summary>
    public virtual void OnEpisodeBegin()
    {
    }

    /// <summary>Says which actions it may not take at this decision. Without an override all are enabled.</summary>
    /// <param name="mask">All actions, enabled.</param>
    public virtual void WriteDiscreteActionMask(ActionMask mask)
    {
    }

    /// <summary>
    /// Adds to the reward of the action that it is taking. What comes before the first action of an episode counts for
    /// <see cref="CumulativeReward"/> alone: there is nothing to learn from it.
    /// </summary>
    /// <param name="increment">Good above 0, bad below.</param>
    /// <exception cref="AgentException">It is NaN or infinite, the episode is over, or the agent is in no population.</exception>
    public void AddReward(float increment)
    {
        RequireReward(increment);
        reward += increment;
        CumulativeReward = Held(CumulativeReward + increment);
    }

    /// <summary>Replaces what was added to the reward of the action that it is taking since it began.</summary>
    /// <param name="value">Good above 0, bad below.</param>
    /// <exception cref="AgentException">It is NaN or infinite, the episode is over, or the agent is in no population.</exception>
    public void SetReward(float value)
    {
        RequireReward(value);
        CumulativeReward = Held(CumulativeReward + (float.IsFinite(reward) ? value - reward : value));
        reward = value;
    }

    /// <summary>
    /// Ends the episode: what it is doing now is the last that counts, and nothing comes behind it. The next one begins in the
    /// <see cref="AgentPopulation.Update"/> that asks the next question (<see cref="OnEpisodeBegin"/>); until then rewards are errors. A second call does nothing.
    /// </summary>
    /// <exception cref="AgentException">The agent is in no population.</exception>
    public void EndEpisode() => End(isInterrupted: false);

    /// <summary>
    /// Ends the episode as <see cref="EndEpisode"/> does, where it would have gone on: the time was up, or the game needs the agent elsewhere. What would have come is
    /// estimated, so that the agent does not learn that its last state is bad. For that it is asked once more what it observes, before
    /// <see cref="OnEpisodeBegin"/>: leave it where it is until then. <see cref="MaxStep"/> does it by itself.
    /// </summary>
    /// <exception cref="AgentException">The agent is in no population.</exception>
    public void EpisodeInterrupted() => End(isInterrupted: true);

    /// <summary>What <see cref="TakeReward"/> would give.</summary>
    internal float PendingReward => reward;

    /// <summary>
    /// Asks for a decision in the next question of <see cref="AgentPopulation.Update"/>, besides those of <see cref="DecisionPeriod"/>. In a game that takes
    /// turns set that to 0, and call this for the agent whose turn it is: what it may do is asked then, and it is the only one that changes the board until it has acted.
    /// </summary>
    public void RequestDecision() => IsDecisionRequested = true;

    /// <summary>Whether it is to be asked in a frame.</summary>
    internal bool IsDue(long frame) => IsDecisionRequested || (DecisionPeriod > 0 && NextDecision <= frame);

    /// <summary>It was asked in a frame.</summary>
    internal void NoteAsked(long frame)
    {
        IsDecisionRequested = false;
        NextDecision = frame + DecisionPeriod;
        isAsked = true;
    }

    /// <summary>It carries an action out from now on.</summary>
    internal void BeginAction(int action)
    {
        if (discreteActions.Length != 1 || continuousActions.Length != 0) (discreteActions, continuousActions) = (new int[1], []);
        discreteActions[0] = action;
        (Action, IsActionNew, isAsked) = (action, true, false);
    }

    /// <summary>The same of an action of several numbers, whose continuous ones are cut off at ±1.</summary>
    internal void BeginAction(PolicyShape policy, ReadOnlySpan<float> taken)
    {
        if (discreteActions.Length != policy.Branches || continuousActions.Length != policy.Continuous)
            (discreteActions, continuousActions) = (new int[policy.Branches], new float[policy.Continuous]);
        for (int branch = 0; branch < policy.Branches; branch++) discreteActions[branch] = (int)taken[branch];
        for (int i = 0; i < policy.Continuous; i++) continuousActions[i] = Math.Clamp(taken[policy.Branches + i], -1, 1);
        (Action, IsActionNew, isAsked) = (policy.Branches > 0 ? discreteActions[0] : 0, true, false);
    }

    /// <summary>What it was asked is not answered any more.</summary>
    internal void AskAgain(long frame)
    {
        NextDecision = Math.Min(NextDecision, frame + 1);
        if (isAsked && DecisionPeriod == 0) IsDecisionRequested = true;
    }

    /// <summary>The reward since the last call; infinite where it is more than a float holds.</summary>
    internal float TakeReward()
    {
        float taken = reward;
        reward = 0;
        return taken;
    }

    internal void BeginEpisode(long frame)
    {
        IsEpisodeOver = false;
        IsInterrupted = false;
        CumulativeReward = 0;
        reward = 0;
        Action = -1;
        StepCount = 0;
        (IsDecisionRequested, IsActionNew, isAsked) = (false, false, false);
        NextDecision = frame;
        OnEpisodeBegin();
    }

    internal void Leave()
    {
        Inspector = null;
        Population = null;
        Index = -1;
        Action = -1;
        Episode++;
    }

    private static float Held(float sum) => Math.Clamp(sum, float.MinValue, float.MaxValue);

    private void End(bool isInterrupted)
    {
        if (Population is null) throw new AgentException(Name, "it is in no population, so it has no episode to end. Add it to an AgentPopulation first.");
        if (IsEpisodeOver) return;
        (IsEpisodeOver, IsInterrupted) = (true, isInterrupted);
        CompletedEpisodes++;
        Episode++;
    }

    private void RequireReward(float value)
    {
        if (!float.IsFinite(value))
            throw new AgentException(Name, $"a reward is {value}, and must be a finite number. Look for a division by zero where it is computed.");
        if (Population is null) throw new AgentException(Name, "a reward came, and it is in no population. Add it to an AgentPopulation first.");
        if (IsEpisodeOver)
        {
            throw new AgentException(
                Name, "a reward came after EndEpisode, and the next episode begins in the next Update. Reward first and end then; IsEpisodeOver tells.");
        }
    }
}
