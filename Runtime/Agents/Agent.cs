namespace NeuralPlugin;

/// <summary>
/// Something in a game that observes, acts and learns. Derive from it, say what it observes (<see cref="CollectObservations"/>)
/// and what an action does (<see cref="OnActionReceived(int)"/>), give it rewards, and add it to an <see cref="AgentPopulation"/>,
/// which calls it once a frame.
/// </summary>
/// <remarks>
/// Names follow Unity's ML-Agents. Less than there: observations are numbers in a fixed order, and <see cref="OnEpisodeBegin"/> follows
/// <see cref="EndEpisode"/> in the next <see cref="AgentPopulation.Update"/>, not at once. More: an action that is a single choice is one
/// <see cref="int"/>.
/// </remarks>
public abstract class Agent
{
    private int[] discreteActions = [];
    private float[] continuousActions = [];
    private float reward;
    private bool isAsked;   // and not answered yet

    /// <summary>Makes an agent that decides in every frame.</summary>
    protected Agent()
    {
        Name = GetType().Name;
    }

    /// <summary>Its name in errors; the name of its class unless another one is given.</summary>
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
    /// The number of frames per decision. In the frames between decisions, its last action is repeated: <see cref="OnActionReceived(int)"/> is called
    /// with it again. The first decision of an episode comes at once. If 0, it decides only after a call of <see cref="RequestDecision"/>, and
    /// carries each decision out once, as turn-based games need.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">It is negative.</exception>
    public int DecisionPeriod
    {
        get;
        set => field = value >= 0 ? value : throw new ArgumentOutOfRangeException(nameof(value), value, "The frames per decision must be 1 or more, or 0 for decisions only on request.");
    } = 1;

    /// <summary>Whether <see cref="Heuristic()"/> chooses its actions instead of the brain; at once, without any latency.</summary>
    public bool ActsByHeuristic { get; set; }

    /// <summary>
    /// Whether the choice of <see cref="Heuristic()"/> is recorded at each decision as a demonstration, from which <see cref="BehaviorCloning"/>
    /// learns. With <see cref="ActsByHeuristic"/> it shows what to do; without, it corrects the brain (Ross et al., 2011, DAgger).
    /// </summary>
    public bool Demonstrates { get; set; }

    /// <summary>
    /// The number of actions after which its episode is interrupted, as by <see cref="EpisodeInterrupted"/>: a limit that is not part of the task. 0 for none.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">It is negative.</exception>
    public long MaxStep
    {
        get;
        set => field = value >= 0 ? value : throw new ArgumentOutOfRangeException(nameof(value), value, "The actions of an episode must be 0, for no limit, or more.");
    }

    /// <summary>
    /// The number of its team in self-play (<see cref="AgentPopulationOptions.SelfPlay"/>): one team learns at a time, and plays against the others. A change
    /// counts from its next episode on.
    /// </summary>
    public int TeamId { get; set; }

    /// <summary>Whether it acts with an earlier snapshot of the brain in this episode, and does not learn. The progress does not count such an episode.</summary>
    public bool ActsBySnapshot { get; internal set; }

    /// <summary>The population it belongs to; null if none.</summary>
    public AgentPopulation? Population { get; internal set; }

    /// <summary>
    /// Its number in the population, from 0 to the capacity; also the index of its brain, if each agent has its own. -1 if it is in none.
    /// </summary>
    public int Index { get; internal set; } = -1;

    /// <summary>
    /// The current action if it is one choice; with several branches, the choice in the first, and 0 without branches. -1 before the first action of
    /// an episode.
    /// </summary>
    public int Action { get; internal set; } = -1;

    /// <summary>The current action, of any kind; before the first action of an episode the previous one, and empty before the very first.</summary>
    public ActionBuffers StoredActions => new(continuousActions, discreteActions);

    /// <summary>Whether its episode has ended and the next one has not begun.</summary>
    public bool IsEpisodeOver { get; private set; }

    /// <summary>Whether the episode that is over was interrupted, and would have continued.</summary>
    internal bool IsInterrupted { get; private set; }

    /// <summary>Its observations at its last decisions; the population makes it when the agent is added.</summary>
    internal ObservationHistory History { get; set; } = new(observations: 0, stacked: 1);

    /// <summary>The inspector that observes it; null for none.</summary>
    internal AgentInspector? Inspector { get; set; }

    /// <summary>The sum of the rewards of this episode; clamped to the range of a float.</summary>
    public float CumulativeReward { get; private set; }

    /// <summary>Episodes that have ended.</summary>
    public int CompletedEpisodes { get; private set; }

    /// <summary>Actions carried out in this episode, including the current one: calls of <see cref="OnActionReceived(int)"/>.</summary>
    public long StepCount { get; internal set; }

    /// <summary>The frame of its next decision.</summary>
    internal long NextDecision { get; set; }

    /// <summary>Whether it is waiting to be asked, after a call of <see cref="RequestDecision"/>.</summary>
    internal bool IsDecisionRequested { get; set; }

    /// <summary>Whether it has a decision that it has not carried out yet.</summary>
    internal bool IsActionNew { get; set; }

    /// <summary>Counts the episodes, so that an answer to a question from an earlier one is recognized.</summary>
    internal int Episode { get; private set; }

    /// <summary>Adds the observations to the sensor: always the same number of values, in the same order.</summary>
    /// <param name="sensor">Receives the values.</param>
    public abstract void CollectObservations(VectorSensor sensor);

    /// <summary>
    /// Gives the sensor the texture that the agent sees, at each decision, if the population declares one
    /// (<see cref="AgentPopulationOptions.TextureObservations"/>). It may be rendered here: the sensor enqueues the read of the texture at once.
    /// </summary>
    /// <param name="sensor">Receives a texture.</param>
    public virtual void CollectTexture(TextureSensor sensor)
    {
    }

    /// <summary>
    /// Carries out an action. Called in every frame, starting with the first answer of an episode. Override this or, if an action is more than one
    /// choice, the other overload.
    /// </summary>
    /// <param name="action">From 0 to the population's number of actions.</param>
    public virtual void OnActionReceived(int action)
    {
        throw new AgentException(Name, "it has received an action, but does not override OnActionReceived. Override OnActionReceived(int) or, if an action is more than one choice, OnActionReceived(ActionBuffers).");
    }

    /// <summary>
    /// Carries out an action of several branches, or of continuous actions (<see cref="AgentPopulationOptions.ActionSpec"/>). Called in every frame,
    /// starting with the first answer of an episode. Without an override, an action that is one choice is passed on to
    /// <see cref="OnActionReceived(int)"/>.
    /// </summary>
    /// <param name="actions">The chosen action; continuous actions from −1 to 1.</param>
    public virtual void OnActionReceived(ActionBuffers actions)
    {
        if (actions.DiscreteActions.Length != 1 || actions.ContinuousActions.Length != 0)
            throw new AgentException(Name, "its actions are more than one choice, but it does not override OnActionReceived(ActionBuffers). Override it.");
        OnActionReceived(actions.DiscreteActions[0]);
    }

    /// <summary>
    /// The action that the author of the script, or the player, would take now: read the keys, or compute it. Called at decisions of an agent that
    /// <see cref="ActsByHeuristic"/> or <see cref="Demonstrates"/>.
    /// </summary>
    /// <returns>An action that is not masked.</returns>
    /// <exception cref="AgentException">It is not overridden.</exception>
    public virtual int Heuristic()
    {
        throw new AgentException(Name, "it must act or demonstrate by its Heuristic, but does not override it. Override Heuristic, or leave ActsByHeuristic and Demonstrates false.");
    }

    /// <summary>The same if an action is more than one choice. Without an override, the result of <see cref="Heuristic()"/> if it is one.</summary>
    /// <param name="actionsOut">All zero; receives the action, with continuous actions from −1 to 1 (clamped).</param>
    /// <exception cref="AgentException">It is not overridden.</exception>
    public virtual void Heuristic(in ActionBuffers actionsOut)
    {
        if (actionsOut.DiscreteActions.Length != 1 || actionsOut.ContinuousActions.Length != 0)
            throw new AgentException(Name, "it must act or demonstrate by its Heuristic, but its actions are more than one choice. Override Heuristic(in ActionBuffers).");
        actionsOut.DiscreteActions[0] = Heuristic();
    }

    /// <summary>
    /// Prepares a new episode: moves the agent to its start. Called when it is added, and after the end of an episode by the Update that asks its
    /// next question, before asking: the same Update if <see cref="OnActionReceived(int)"/> ended it, the next one if the latency is 0 or it was
    /// ended elsewhere.
    /// </summary>
    public virtual void OnEpisodeBegin()
    {
    }

    /// <summary>Disables the actions it may not take at this decision. Without an override all are enabled.</summary>
    /// <param name="mask">All actions, enabled.</param>
    public virtual void WriteDiscreteActionMask(ActionMask mask)
    {
    }

    /// <summary>
    /// Adds to the reward of the current action. A reward before the first action of an episode counts only for <see cref="CumulativeReward"/>: there
    /// is nothing to learn from it.
    /// </summary>
    /// <param name="increment">Above 0 if good, below 0 if bad.</param>
    /// <exception cref="AgentException">It is NaN or infinite, the episode is over, or the agent is in no population.</exception>
    public void AddReward(float increment)
    {
        RequireReward(increment);
        reward += increment;
        CumulativeReward = Held(CumulativeReward + increment);
    }

    /// <summary>Replaces everything added to the reward of the current action since it began.</summary>
    /// <param name="value">Above 0 if good, below 0 if bad.</param>
    /// <exception cref="AgentException">It is NaN or infinite, the episode is over, or the agent is in no population.</exception>
    public void SetReward(float value)
    {
        RequireReward(value);
        CumulativeReward = Held(CumulativeReward + (float.IsFinite(reward) ? value - reward : value));
        reward = value;
    }

    /// <summary>
    /// Ends the episode: the current action is the last that counts, and nothing comes after it. The next one begins in the
    /// <see cref="AgentPopulation.Update"/> that asks the next question (<see cref="OnEpisodeBegin"/>); until then rewards are errors. A second call
    /// does nothing.
    /// </summary>
    /// <exception cref="AgentException">The agent is in no population.</exception>
    public void EndEpisode() => End(isInterrupted: false);

    /// <summary>
    /// Ends the episode as <see cref="EndEpisode"/> does, when it would have continued: the time was up, or the game needs the agent elsewhere. The
    /// rewards that would have followed are estimated, so that the agent does not learn that its last state is bad. For that, its observations are
    /// collected once more, before <see cref="OnEpisodeBegin"/>: leave it where it is until then. <see cref="MaxStep"/> does this automatically.
    /// </summary>
    /// <exception cref="AgentException">The agent is in no population.</exception>
    public void EpisodeInterrupted() => End(isInterrupted: true);

    /// <summary>The reward that <see cref="TakeReward"/> would return.</summary>
    internal float PendingReward => reward;

    /// <summary>
    /// Asks for a decision at the next question of <see cref="AgentPopulation.Update"/>, in addition to those of <see cref="DecisionPeriod"/>. In a
    /// turn-based game set that to 0, and call this for the agent whose turn it is: it is then asked which actions are possible, and it alone changes
    /// the board until it has acted.
    /// </summary>
    public void RequestDecision() => IsDecisionRequested = true;

    /// <summary>Whether it is to be asked in a frame.</summary>
    internal bool IsDue(long frame) => IsDecisionRequested || (DecisionPeriod > 0 && NextDecision <= frame);

    /// <summary>Notes that it was asked in a frame, with these observations.</summary>
    internal void NoteAsked(long frame, ReadOnlySpan<float> observed)
    {
        History.Add(observed);
        IsDecisionRequested = false;
        NextDecision = frame + DecisionPeriod;
        isAsked = true;
    }

    /// <summary>Begins to carry out an action.</summary>
    internal void BeginAction(int action)
    {
        if (discreteActions.Length != 1 || continuousActions.Length != 0) (discreteActions, continuousActions) = (new int[1], []);
        discreteActions[0] = action;
        (Action, IsActionNew, isAsked) = (action, true, false);
    }

    /// <summary>The same for an action of several numbers, whose continuous ones are clamped to ±1.</summary>
    internal void BeginAction(PolicyShape policy, ReadOnlySpan<float> taken)
    {
        if (discreteActions.Length != policy.Branches || continuousActions.Length != policy.Continuous)
            (discreteActions, continuousActions) = (new int[policy.Branches], new float[policy.Continuous]);
        for (int branch = 0; branch < policy.Branches; branch++) discreteActions[branch] = (int)taken[branch];
        for (int i = 0; i < policy.Continuous; i++) continuousActions[i] = Math.Clamp(taken[policy.Branches + i], -1, 1);
        (Action, IsActionNew, isAsked) = (policy.Branches > 0 ? discreteActions[0] : 0, true, false);
    }

    /// <summary>Notes that its question will not be answered.</summary>
    internal void AskAgain(long frame)
    {
        NextDecision = Math.Min(NextDecision, frame + 1);
        if (isAsked && DecisionPeriod == 0) IsDecisionRequested = true;
    }

    /// <summary>Takes the reward since the last call; infinite if it exceeds what a float holds.</summary>
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
        History.Clear();
        (IsDecisionRequested, IsActionNew, isAsked) = (false, false, false);
        NextDecision = frame;
        OnEpisodeBegin();
    }

    internal void Leave()
    {
        Inspector = null;
        ActsBySnapshot = false;
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
            throw new AgentException(Name, $"a reward must be a finite number, but got {value}. Look for a division by zero where it is computed.");
        if (Population is null) throw new AgentException(Name, "it got a reward, but is in no population. Add it to an AgentPopulation first.");
        if (IsEpisodeOver)
        {
            throw new AgentException(
                Name, "it got a reward after EndEpisode, but the next episode begins only in the next Update. Reward before ending; IsEpisodeOver says whether it has ended.");
        }
    }
}
