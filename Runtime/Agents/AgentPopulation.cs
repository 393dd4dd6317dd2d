using System.Runtime.ExceptionServices;

namespace NeuralPlugin;

/// <summary>
/// Agents that learn while the game runs, and their brains: a network of two layers for each, or one for all. Add agents, and call
/// <see cref="Update"/> once a frame.
/// </summary>
/// <remarks>
/// An error of an agent script does not stop the others: the agent does nothing in that frame, all others are served, and then Update
/// throws. Every call comes from the thread on which the device's context is current, else it throws
/// <see cref="WrongContextException"/>; with the population or its device disposed, <see cref="ObjectDisposedException"/>.
/// </remarks>
public sealed class AgentPopulation : IDisposable
{
    private const int MostRequests = 4;
    private const int EpisodesInMean = 100;
    private const ulong ExplorationStreams = 1UL << 61;

    private readonly NeuralDevice device;
    private readonly AgentPopulationOptions options;
    private readonly Brains brains;
    private readonly Learner? learner;
    private readonly ObservationNormalizer? normalizer;
    private readonly StepBudget budget;
    private readonly Agent?[] agents;
    private readonly SeededRandom[] exploration;
    private readonly DecisionRequest[] requests;
    private readonly VectorSensor sensor = new();
    private readonly TextureSensor textureSensor;
    private readonly SeenTextures? seen;
    private readonly ActionMask mask;
    private readonly float[] own;   // the observations of an agent that acts by itself
    private readonly float[] raw;
    private readonly float[] endedRewards = new float[EpisodesInMean];
    private int asked;      // requests that were made and not yet answered
    private int oldest;
    private int failures;
    private ExceptionDispatchInfo? failure;
    private bool disposed;

    /// <summary>Makes the brains. Their weights start from the seed. Allocates, and compiles kernels.</summary>
    /// <param name="device">Where the brains live.</param>
    /// <param name="options">What the agents have in common.</param>
    /// <exception cref="ArgumentException">The optimizer is not one that the brains can learn by, or the demonstration is of other sizes.</exception>
    /// <exception cref="DeviceLimitException">The brains are too large for one matrix of this device, or more than it runs.</exception>
    /// <exception cref="NotSupportedException">Agents are to see textures, and are given a demonstration.</exception>
    public AgentPopulation(NeuralDevice device, AgentPopulationOptions options)
    {
        ArgumentNullException.ThrowIfNull(device);
        ArgumentNullException.ThrowIfNull(options);
        this.device = device;
        this.options = options;
        SoftmaxCrossEntropy loss = new((options.Learning as PolicyGradient)?.EntropyBonus ?? 0);
        int requestCount = options.Latency is { } latency ? latency + 1 : MostRequests;
        RequireTextures(options);
        using NeuralDevice.Scope scope = device.Enter();
        if (options.TextureObservations is { } declared)
            seen = new SeenTextures(device, declared.Width, declared.Height, declared.Channels, MostLooks(options, requestCount));
        textureSensor = new TextureSensor(device, options.TextureObservations, seen);
        brains = options.Brains == BrainSharing.OneEach ? new OwnBrains(device, options, loss, seen) : new SharedBrain(device, options, loss, seen);
        normalizer = options.NormalizeObservations ? new ObservationNormalizer(options.Observations) : null;
        learner = options.Learning switch
        {
            PolicyGradient gradient => new PolicyGradientLearner(brains, options, gradient),
            BehaviorCloning cloning => new BehaviorCloningLearner(brains, options, cloning, normalizer),
            _ => null,
        };
        budget = new StepBudget(device, options.TimeProvider);
        FrameBudget = options.FrameBudget;
        agents = new Agent?[options.Capacity];
        exploration = [.. Enumerable.Range(0, options.Capacity).Select(i => new SeededRandom((ulong)options.Seed, ExplorationStreams + (ulong)i))];
        requests = [.. Enumerable.Range(0, requestCount).Select(_ => new DecisionRequest(device, brains, options.Capacity, options.Observations, options.Actions))];
        mask = new ActionMask(options.Actions);
        own = new float[options.Observations];
        raw = new float[options.Observations];
    }

    /// <summary>Agents that are in it.</summary>
    public int Count { get; private set; }

    /// <summary>Most agents at a time.</summary>
    public int Capacity => options.Capacity;

    /// <summary>Calls of <see cref="Update"/> so far.</summary>
    public long Frame { get; private set; }

    /// <summary>Whether agents draw their actions by the brain's probabilities; false for the most probable one (the first, if several).</summary>
    public bool Explores { get; set; } = true;

    /// <summary>How much they learn in a frame, from the next one on.</summary>
    /// <exception cref="ArgumentException">It is default(FrameBudget), which allows nothing; to learn nothing, see <see cref="Learns"/>.</exception>
    public FrameBudget FrameBudget { get; set => field = InFrameTrainer.Require(value); }

    /// <summary>Whether they learn. While false, brains, baselines and the normalization of observations stay as they are.</summary>
    public bool Learns
    {
        get;
        set
        {
            if (field && !value)
            {
                foreach (Agent? agent in agents)
                {
                    if (agent is not null) CloseDecisions(agent);
                }
            }

            field = value;
        }
    } = true;

    /// <summary>Where what agents show is kept too, raw, to be saved; null for nowhere.</summary>
    /// <exception cref="ArgumentException">It has other numbers of observations or actions.</exception>
    /// <exception cref="NotSupportedException">The agents see textures, whose pixels stay on the GPU.</exception>
    public Demonstration? Recording
    {
        get;
        set
        {
            if (value is not null && seen is not null)
                throw new NotSupportedException("What agents see of textures stays on the GPU, and cannot be recorded. Declare no TextureObservations, or record nothing.");
            value?.RequireSizes(options.Observations, options.Actions, nameof(value));
            field = value;
        }
    }

    /// <summary>Where it stands. Nothing is waited for.</summary>
    public AgentProgress Progress { get; private set; } = new(0, 0, 0, 0, 0, float.NaN, TimeSpan.Zero, TimeSpan.Zero, 0);

    /// <summary>Adds an agent, in the first free place, and begins its first episode. Where each has its own brain, it gets that of the place.</summary>
    /// <exception cref="AgentException">It is in a population already.</exception>
    /// <exception cref="InvalidOperationException">The population is full.</exception>
    public void Add(Agent agent)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        ArgumentNullException.ThrowIfNull(agent);
        if (agent.Population is not null)
        {
            throw new AgentException(
                agent.Name, $"it was added, and is in {(agent.Population == this ? "this" : "another")} population already, at {agent.Index}. Add each agent once; Remove it first to move it.");
        }

        int place = Array.IndexOf(agents, null);
        if (place < 0) throw new InvalidOperationException($"The population has room for {Capacity} agents, and has them. Make it with a larger Capacity, or Remove one.");
        agents[place] = agent;
        agent.Population = this;
        agent.Index = place;
        Count++;
        bool begun = false;
        try
        {
            agent.BeginEpisode(Frame);
            begun = true;
        }
        finally
        {
            if (!begun) Forget(agent);
        }
    }

    /// <summary>Removes an agent. What it decided last is learned from, as at the end of an episode that was cut off. Its brain stays for the next one.</summary>
    /// <exception cref="AgentException">It is not in this population.</exception>
    public void Remove(Agent agent)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        ArgumentNullException.ThrowIfNull(agent);
        if (agent.Population != this) throw new AgentException(agent.Name, "it is to be removed, and is not in this population.");
        CloseEpisode(agent, isCutOff: !agent.IsEpisodeOver);
        Forget(agent);
    }

    /// <summary>
    /// One frame of all agents. In this order: actions whose answers have come begin; <see cref="Agent.OnActionReceived"/> of every agent
    /// that has an action; episodes that ended begin anew; agents whose decision is due are asked what they observe, and their brains what
    /// to do, in one dispatch; the brains learn, within the <see cref="FrameBudget"/>. With a latency of 0 the
    /// actions come behind the questions. Waits for the GPU only where a <see cref="AgentPopulationOptions.Latency"/> says so; allocates nothing once
    /// every kind of step has run.
    /// </summary>
    /// <exception cref="AgentException">An agent script did what it may not. All other agents were served; the next call goes on.</exception>
    /// <exception cref="InvalidOperationException">The driver lost an answer: its context is gone.</exception>
    /// <exception cref="DispatchesSkippedException">
    /// What an earlier call enqueued did not run, since a conditional render of the host was open. Its decisions and training are lost; the next call goes on.
    /// </exception>
    public void Update()
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        device.Update();
        brains.Clock.BeginFrame();
        Frame++;
        failure = null;
        failures = 0;
        bool waits = options.Latency == 0;
        if (!waits)
        {
            Deliver();
            Act();
        }

        BeginEpisodes();
        Ask();
        if (waits)
        {
            Deliver();
            Act();
        }

        Train();
        if (brains.TakeSkippedStep() is > 0 and var skipped) Note(DispatchesSkippedException.OfStep(skipped, nameof(Update)));
        Progress = Progress with
        {
            TrainingSteps = learner?.Steps ?? 0,
            DroppedSteps = brains.DroppedSteps,
            SkippedDecisions = learner?.SkippedDecisions ?? 0,
            GpuTime = TimeSpan.FromMicroseconds(brains.Clock.LastNanoseconds / 1e3),
        };
        Rethrow();
    }

    /// <summary>A copy of the parameters of a brain as they are now. Waits and allocates.</summary>
    /// <param name="brain">The index of its agent; 0 where they share one.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such brain.</exception>
    public ClassifierParameters GetBrain(int brain)
    {
        RequireBrain(brain);
        return brains.GetParameters(brain);
    }

    /// <summary>Replaces the parameters of a brain, all of them or, if one is wrong, none. Waits.</summary>
    /// <param name="brain">The index of its agent; 0 where they share one.</param>
    /// <param name="parameters">Arrays of the lengths that <see cref="GetBrain"/> gives.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such brain.</exception>
    /// <exception cref="ArgumentException">An array has another length.</exception>
    /// <exception cref="NonFiniteValueException">A value is NaN or infinite.</exception>
    public void SetBrain(int brain, ClassifierParameters parameters)
    {
        RequireBrain(brain);
        brains.SetParameters(brain, parameters);
    }

    /// <summary>Frees the brains at the device's next call, and lets the agents go. From any thread; a second call does nothing.</summary>
    public void Dispose()
    {
        if (disposed) return;
        disposed = true;
        foreach (Agent? agent in agents) agent?.Leave();
        foreach (DecisionRequest request in requests) request.Dispose();
        brains.Dispose();
        budget.Dispose();
    }

    internal Brains Brains => brains;

    internal Learner? Learner => learner;

    internal ObservationNormalizer? Normalizer => normalizer;

    // ---- a frame ----

    /// <summary>Lets the actions begin whose answers are there, or due, in the order in which they were asked for.</summary>
    private void Deliver()
    {
        while (asked > 0)
        {
            DecisionRequest request = requests[oldest];
            if (options.Latency is { } latency)
            {
                if (request.Frame + latency > Frame) return;
                if (request.IsPending) WaitForAnswers();
            }

            if (request.IsPending) return;
            oldest = (oldest + 1) % requests.Length;
            asked--;
            request.Read();
            if (request.WasSkipped) Note(Skipped(request));
            for (int row = 0; row < request.Rows && !request.WasSkipped; row++)
            {
                Agent? agent = request.Agents[row];
                if (agent is null || agent.Population != this || agent.Episode != request.Episodes[row] || agent.ActsByHeuristic) continue;
                try
                {
                    Begin(agent, request, row);
                }
                catch (AgentException exception)
                {
                    Note(exception);
                }
            }

            for (int row = 0; row < request.Rows; row++) Release(request.Looks[row]);
        }
    }

    private static DispatchesSkippedException Skipped(DecisionRequest request)
    {
        return new DispatchesSkippedException(
            $"The questions of frame {request.Frame} were enqueued and not answered: the driver skips dispatches while a conditional render is " +
            "open (glBeginConditionalRender). Call Update before it or after glEndConditionalRender. The agents go on with what they did before, and the next decisions count.");
    }

    private void Train()
    {
        if (!Learns || learner is null)
        {
            Progress = Progress with { TrainingTime = TimeSpan.Zero, StepsThisFrame = 0 };
            return;
        }

        using NeuralDevice.Scope scope = device.Enter();   // the host's state is saved once for all steps, and not while scripts run
        budget.BeginFrame(FrameBudget, this);
        bool isIdle = learner.Train(budget, Count);
        budget.EndFrame(isIdle);
        Progress = Progress with { TrainingTime = budget.Time, StepsThisFrame = budget.Steps };
    }

    private void WaitForAnswers()
    {
        device.Finish();
        device.Update();
    }

    /// <summary>An agent carries a decision out from now on.</summary>
    private void Begin(Agent agent, DecisionRequest request, int row)
    {
        int action = Choose(agent, request.Probabilities(row), request.Mask(row));
        if (Learns && learner is not null)
        {
            learner.Reward(agent.Index, agent.TakeReward());
            learner.Decide(agent.Index, request.Observed(row), request.Looks[row], action, request.Mask(row));
        }
        else
        {
            _ = agent.TakeReward();
        }

        agent.Action = action;
        Progress = Progress with { Decisions = Progress.Decisions + 1 };
    }

    private int Choose(Agent agent, ReadOnlySpan<float> probabilities, ReadOnlySpan<bool> allowed)
    {
        float sum = 0;
        int best = -1;
        for (int action = 0; action < probabilities.Length; action++)
        {
            if (!allowed[action]) continue;
            sum += probabilities[action];
            if (best < 0 || probabilities[action] > probabilities[best]) best = action;
        }

        if (!float.IsFinite(sum))
        {
            throw new AgentException(
                agent.Name, seen is null
                    ? "its brain's probabilities are not finite: its weights have grown without bounds. Use a smaller learning rate, and give it other weights (SetBrain)."
                    : "its brain's probabilities are not finite: the texture that it has seen has values that are not, or its weights have grown without bounds. Look at the texture; " +
                      "use a smaller learning rate, and give it other weights (SetBrain).");
        }

        if (!Explores) return best;
        float drawn = exploration[agent.Index].NextSingle() * sum;
        for (int action = 0; action < probabilities.Length; action++)
        {
            if (!allowed[action]) continue;
            drawn -= probabilities[action];
            if (drawn < 0) return action;
        }

        return best;   // rounding, or all that is allowed has probability 0
    }

    private void Act()
    {
        foreach (Agent? agent in agents)
        {
            if (agent is null || agent.IsEpisodeOver) continue;
            agent.StepCount++;
            if (agent.Action < 0) continue;
            try
            {
                agent.OnActionReceived(agent.Action);
            }
            catch (Exception exception)
            {
                Note(exception);   // thrown again at the end of the frame
            }
        }
    }

    private void BeginEpisodes()
    {
        foreach (Agent? agent in agents)
        {
            if (agent is null || !agent.IsEpisodeOver) continue;
            CloseEpisode(agent, isCutOff: false);
            try
            {
                agent.BeginEpisode(Frame);
            }
            catch (Exception exception)
            {
                Note(exception);
            }
        }
    }

    /// <summary>Asks the agents whose decision is due what they observe, and enqueues the question what to do.</summary>
    private void Ask()
    {
        bool hasRoom = asked < requests.Length;
        DecisionRequest request = requests[(oldest + asked) % requests.Length];
        int rows = 0, questions = 0;
        if (hasRoom)
        {
            Array.Clear(request.Agents);
            Array.Fill(request.Looks, -1);
        }

        foreach (Agent? agent in agents)
        {
            if (agent is null || agent.IsEpisodeOver || agent.NextDecision > Frame) continue;
            try
            {
                if (agent.ActsByHeuristic)
                {
                    DecideByItself(agent);
                }
                else if (hasRoom)
                {
                    int row = brains.AreOwn ? agent.Index : rows;
                    Observe(agent, request, row);
                    rows++;
                    questions++;
                }
            }
            catch (Exception exception)
            {
                Note(exception);
            }
        }

        if (questions == 0) return;
        request.Rows = brains.AreOwn ? Capacity : rows;
        request.Frame = Frame;
        if (normalizer is not null) Normalize(request);
        using NeuralDevice.Scope scope = device.Enter();
        brains.MarkSkipped();
        brains.Clock.BeginSpan();
        brains.Predict(request.Features.AsSpan(0, request.Rows * options.Observations), request.Looks.AsSpan(0, request.Rows));
        request.Start();
        brains.Clock.EndSpan();
        asked++;
    }

    /// <summary>Takes an agent's observations and mask into a row of a request.</summary>
    private void Observe(Agent agent, DecisionRequest request, int row)
    {
        // Checked in a place of its own: a row that stays as it was is finite.
        int look = Collect(agent, raw);
        bool isRecorded = false;
        try
        {
            if (agent.Demonstrates) Demonstrate(agent, raw, look);
            isRecorded = true;
        }
        finally
        {
            if (!isRecorded) Release(look);
        }

        request.Looks[row] = look;
        raw.CopyTo(request.Observed(row));
        mask.Enabled.CopyTo(request.Mask(row));
        request.Agents[row] = agent;
        request.Episodes[row] = agent.Episode;
        agent.NextDecision = Frame + agent.DecisionPeriod;
    }

    private void DecideByItself(Agent agent)
    {
        int look = Collect(agent, own);
        int action;
        try
        {
            action = AskHeuristic(agent);
            if (agent.Demonstrates) Record(agent, own, look, action);
        }
        finally
        {
            Release(look);
        }

        if (Learns) CloseDecisions(agent);
        _ = agent.TakeReward();
        agent.Action = action;
        agent.NextDecision = Frame + agent.DecisionPeriod;
        Progress = Progress with { Decisions = Progress.Decisions + 1 };
    }

    /// <summary>What a brain decided before is not what acts any more.</summary>
    private void CloseDecisions(Agent agent)
    {
        learner?.Reward(agent.Index, agent.TakeReward());
        learner?.EndEpisode(agent.Index, isCutOff: true);
    }

    /// <summary>What an agent observes.</summary>
    /// <returns>The row of what it sees, which the caller releases; -1 for nothing.</returns>
    private int Collect(Agent agent, float[] row)
    {
        sensor.Begin(row, 0, options.Observations);
        agent.CollectObservations(sensor);
        if (sensor.Count != options.Observations)
        {
            throw new AgentException(
                agent.Name,
                $"CollectObservations added {sensor.Count} observations, and {options.Observations} were declared. Add as many each time, " +
                "or declare another number (AgentPopulationOptions.Observations). A Vector3 is three, a one-hot as many as its range.");
        }

        int wrong = Requirements.IndexOfNonFinite(row);
        if (wrong >= 0)
        {
            throw new AgentException(
                agent.Name, $"observation {wrong} (from 0) is {row[wrong]}, and all must be finite. Look for a division by zero or the root of a negative number where it is computed.");
        }

        mask.Begin(agent);
        agent.WriteDiscreteActionMask(mask);
        mask.RequireOne();
        return Look(agent);
    }

    /// <summary>Takes the texture that an agent sees.</summary>
    /// <returns>Its row, which the caller releases; -1 where none is declared.</returns>
    private int Look(Agent agent)
    {
        int look = seen?.Rent() ?? -1;
        bool isSeen = false;
        textureSensor.Begin(agent, look);
        try
        {
            agent.CollectTexture(textureSensor);
            textureSensor.RequireOne();
            isSeen = true;
        }
        finally
        {
            textureSensor.End();
            if (!isSeen) Release(look);
        }

        return look;
    }

    private void Release(int look)
    {
        if (look >= 0) seen?.Release(look);
    }

    private void Demonstrate(Agent agent, float[] row, int look) => Record(agent, row, look, AskHeuristic(agent));

    private void Record(Agent agent, float[] row, int look, int action)
    {
        Recording?.Add(row, action, mask.Enabled);
        if (!Learns || learner is not BehaviorCloningLearner) return;
        learner.Demonstrate(agent.Index, row, look, action, mask.Enabled);
        if (!agent.ActsByHeuristic || normalizer is null) return;   // else it is among those that are asked
        normalizer.Observe(row);
        normalizer.Renew();
    }

    private int AskHeuristic(Agent agent)
    {
        int action = agent.Heuristic();
        if ((uint)action >= (uint)options.Actions)
            throw new AgentException(agent.Name, $"Heuristic returned action {action}, and the actions are 0 to {options.Actions - 1}.");
        if (!mask.Enabled[action])
            throw new AgentException(agent.Name, $"Heuristic returned action {action}, which WriteDiscreteActionMask has masked. Choose one that is enabled.");
        return action;
    }

    private void Normalize(DecisionRequest request)
    {
        if (Learns && learner is not null)
        {
            for (int row = 0; row < request.Rows; row++)
            {
                if (request.Agents[row] is not null) normalizer!.Observe(request.Observed(row));
            }

            normalizer!.Renew();
        }

        for (int row = 0; row < request.Rows; row++)
        {
            if (request.Agents[row] is not null) normalizer!.Apply(request.Observed(row));
        }
    }

    private void CloseEpisode(Agent agent, bool isCutOff)
    {
        float last = agent.TakeReward();
        if (Learns && learner is not null)
        {
            learner.Reward(agent.Index, last);
            learner.EndEpisode(agent.Index, isCutOff);
        }

        if (!isCutOff) CountEpisode(agent.CumulativeReward);
    }

    private void CountEpisode(float reward)
    {
        endedRewards[Progress.Episodes % EpisodesInMean] = reward;
        long episodes = Progress.Episodes + 1;
        double sum = 0;
        int counted = (int)Math.Min(episodes, EpisodesInMean);
        for (int i = 0; i < counted; i++) sum += endedRewards[i];
        Progress = Progress with { Episodes = episodes, MeanEpisodeReward = (float)(sum / counted) };
    }

    private void Forget(Agent agent)
    {
        agents[agent.Index] = null;
        agent.Leave();
        Count--;
    }

    private static void RequireTextures(AgentPopulationOptions options)
    {
        if (options.TextureObservations is null) return;
        if ((options.Learning as BehaviorCloning)?.Demonstration is not null)
        {
            throw new NotSupportedException(
                "A demonstration has no textures, and the agents see one. Let agents demonstrate in the game (Demonstrates), or declare no TextureObservations.");
        }
    }

    /// <summary>Most textures that are to be kept at a time: those of questions, of one agent more that is asked, and of what is learned from.</summary>
    private static int MostLooks(AgentPopulationOptions options, int requestCount)
    {
        int kept = options.Learning switch
        {
            PolicyGradient gradient => PolicyGradientLearner.MostKept(options, gradient),
            BehaviorCloning cloning => checked(cloning.Capacity * options.BrainCount),
            _ => 0,
        };
        return checked(kept + (requestCount * options.Capacity) + 1);
    }

    private void RequireBrain(int brain)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        if ((uint)brain >= (uint)brains.Count)
            throw new ArgumentOutOfRangeException(nameof(brain), brain, $"The brains are 0 to {brains.Count - 1}.");
    }

    private void Note(Exception exception)
    {
        if (failures++ == 0) failure = ExceptionDispatchInfo.Capture(exception);
    }

    private void Rethrow()
    {
        if (failure is null) return;
        if (failures > 1 && failure.SourceException is AgentException first)
            throw new AgentException(first.AgentName, $"{first.Problem} ({failures - 1} more agents had an error in this frame.)", first);
        failure.Throw();
    }
}
