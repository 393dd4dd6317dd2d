using NUnit.Framework;
using Silk.NET.OpenGL;

namespace NeuralPlugin.Tests;

/// <summary>Drivers that compile a kernel into another one than was written: the verification finds each, in the part that is about it.</summary>
[TestFixture]
[Category(Categories.Once)]
internal sealed class FaultyKernelTests
{
    /// <summary>What steps of one dispatch have beyond one step: what is written, and what the driver makes of it.</summary>
    private static readonly (string Written, string Compiled)[] OfSeveralSteps =
    [
        ("isSwapped = step % 2 == 1;", "isSwapped = false;"),
        ("scalarsOfStep = LOAD(stepScalars, firstScalars + step);", "scalarsOfStep = LOAD(stepScalars, firstScalars);"),
        ("firstSample = firstSampleOfFirst + step *", "firstSample = firstSampleOfFirst + min(step, 1) *"),
        ("rows = min(batchSize, epochSamples - batch * batchSize);", "rows = batchSize;"),
        ("stepNumber = (stepNumberOfFirst - 1 + step) % STEP_NUMBERS + 1;", "stepNumber = stepNumberOfFirst + step;"),
        ("bool dropsNow = droppedStep == 0.0 && lossIsNotFinite == 1;", "bool dropsNow = false;"),
        ("vec4 stored = droppedStep == 0.0 ? new : old; \\\n        if (droppedStep == float(stepNumber)) stored", "vec4 stored = new; \\\n        if (droppedStep == float(stepNumber)) stored"),
        ("if (lane == 0) keepsAny = 0;", "if (lane == 0) keepsAny = 1;"),
        ("bvec4 keeps = equal(exponents, uvec4(EXPONENT_OF_NON_FINITE));", "bvec4 keeps = bvec4(false);"),
    ];

    /// <summary>Whatever a step in the middle of a dispatch does wrong.</summary>
    [Test]
    public void AFaultBehindTheFirstStepOfADispatchIsFound([ValueSource(nameof(OfSeveralSteps))] (string Written, string Compiled) fault)
    {
        KernelCheck[] checks = ChecksWith(fault, device => StepsOf(device, KernelFamily.WorkgroupTiled, verified => verified is { Steps: > 1, Hidden: < 17 }));
        Assert.That(checks, Has.Length.EqualTo(3));
        Assert.That(checks, Has.All.Property(nameof(KernelCheck.Kernel)).EqualTo("small_step_workgroup.comp").And.All.Property(nameof(KernelCheck.Case)).StartsWith("3 steps in one dispatch"));
        Assert.That(checks.Where(check => !check.IsRight), Is.Not.Empty);
    }

    /// <summary>A guard that lets what is not finite through: of a whole step, whose loss is not a number, and of an element, whose new value is not finite.</summary>
    [Test]
    public void AGuardThatIsTurnedRoundIsFound([Values("register-tiled", "workgroup-tiled")] string name, [Values] bool ofElements)
    {
        KernelFamily family = KernelFamily.All.First(family => family.Name == name);
        (string, string) fault = ofElements ? ("bvec4 keeps = equal(exponents, uvec4(EXPONENT_OF_NON_FINITE));", "bvec4 keeps = bvec4(false);")
            : ("if (!isFinite(loss) && droppedStep == 0.0)", "if (abs(loss) > 3.4e38 && droppedStep == 0.0)");
        KernelCheck[] checks = ChecksWith(fault, device => StepsOf(device, family, verified => verified is { IsLogged: true, IsOfBytes: false, Hidden: 300 }));
        string what = ofElements ? "one of whose gradients is too large" : "whose loss is not a number";
        Assert.That(checks.Where(check => !check.IsRight).Select(check => check.Case), Is.Not.Empty.And.All.EndsWith(what));
    }

    /// <summary>Populations, in the kernels that real ones have: what is written, what the driver makes of it, and which kernels it is in.</summary>
    private static readonly (string Written, string Compiled, string[] Kernels)[] OfPopulations =
    [
        ("bool keeps = !isFinite(found.x);\n#ifdef GUIDED_RATE", "bool keeps = abs(found.x) > 3.4e38;\n#ifdef GUIDED_RATE", ["network_population_step_lanes.comp", "network_population_step.comp"]),
        ("bvec4 keeps = equal(exponents, uvec4(EXPONENT_OF_NON_FINITE));", "bvec4 keeps = bvec4(false);",
            ["network_population_step_lanes.comp", "network_population_update_lanes.comp"]),
        ("bool keeps = !isFinite(found.x);\n    USE_RATE", "bool keeps = abs(found.x) > 3.4e38;\n    USE_RATE", ["network_population_update_lanes.comp", "network_population_update.comp"]),
        ("g += LOAD(gradients, at);", "g += 0.5 * LOAD(gradients, at);", ["network_population_step.comp"]),
        ("#define SUM_BEFORE(at) LOAD(gradients, at)", "#define SUM_BEFORE(at) 0.5 * LOAD(gradients, at)", ["network_population_step_lanes.comp"]),
        ("bool inUse = row < BLOCKS * ROWS && firstRow + row < rows;", "bool inUse = row < BLOCKS * ROWS && row < rows;", ["network_population_step_lanes.comp"]),
    ];

    [Test]
    public void AFaultOfAPopulationIsFoundInItsKernel([Values("register-tiled", "workgroup-tiled")] string name, [ValueSource(nameof(OfPopulations))] (string Written, string Compiled, string[] Kernels) fault)
    {
        string[] kernels = [.. fault.Kernels.Where(kernel => kernel.Contains("_lanes", StringComparison.Ordinal) == (name == KernelFamily.WorkgroupTiled.Name))];
        if (kernels.Length == 0) Assert.Ignore("The family has no such kernel.");
        KernelCheck[] checks = ChecksWith((fault.Written, fault.Compiled), device =>
        {
            PopulationVerification verification = new(device, KernelFamily.All.First(family => family.Name == name));
            return PopulationVerification.Cases.Where(verified => verified is { Rows: 11 or 197, Shape.Hidden: 7, Optimizer: Adam }).SelectMany(verification.Run);
        });
        Assert.That(checks.Where(check => !check.IsRight).Select(check => check.Kernel).Distinct(), Is.EquivalentTo(kernels));
    }

    /// <summary>Kernels that belong to no family.</summary>
    private static readonly (string Written, string Compiled, string Kernel)[] OfAllFamilies =
    [
        ("uint high = uint(epochHigh) + (low < uint(epochLow) ? 1u : 0u);", "uint high = uint(epochHigh);", "sample_order_rows.comp"),
        ("uint(min(first + i, count - 1))", "uint(first + i)", "sample_order_rows.comp"),
        ("if (LOAD(receipts, receipt).x >= number) return;\n\n    int at", "int at", "dense_output_rescale.comp"),
        ("unit == units ? scale.y : 0.0", "0.0", "population_rescale.comp"),
        ("else if (look >= 0 && column", "else if (column", "texture_features_join.comp"),
    ];

    [Test]
    [Category(Categories.Card)]   // the others compile so many kernels that a session on a card has no time for them
    public void AFaultOfASharedKernelIsFound([ValueSource(nameof(OfAllFamilies))] (string Written, string Compiled, string Kernel) fault)
    {
        KernelCheck[] checks = ChecksWith((fault.Written, fault.Compiled), device => new SharedKernelVerification(device).Run());
        Assert.That(checks.Where(check => !check.IsRight).Select(check => check.Kernel), Is.EqualTo(new[] { fault.Kernel }));
    }

    /// <summary>What kernels include: activations, losses and optimizers.</summary>
    private static readonly (string Written, string Compiled, string[] Kernels)[] OfSlots =
    [
        ("mix(x, negativeSlope * x, isNegative(x))", "mix(x, 0.5 * negativeSlope * x, isNegative(x))", ["activation_forward.comp"]),
        ("outputGradient * ((1.0 - y) * (1.0 + y))", "outputGradient * (1.0 - y)", ["activation_backward.comp"]),
        ("huberDelta * sign(difference)", "vec4(huberDelta)", ["loss_forward.comp", "loss_backward.comp"]),
        ("gradient = 2.0 * begun.weight * difference", "gradient = begun.weight * difference", ["loss_backward.comp"]),
        ("entropyBonus * p, logP + softmax.entropy", "entropyBonus * p, logP", ["loss_backward.comp"]),
        ("velocity = momentum * state[0] + v;", "velocity = v;", ["optimizer_update.comp"]),
        ("addProduct(adaptive, vec4(weightDecay), w)", "adaptive", ["optimizer_update.comp"]),
        ("(sqrt(state[0]) + epsilon)", "(sqrt(state[0]) + 0.1)", ["optimizer_update.comp"]),
    ];

    [Test]
    public void AFaultOfAnActivationALossOrAnOptimizerIsFound([ValueSource(nameof(OfSlots))] (string Written, string Compiled, string[] Kernels) fault)
    {
        KernelCheck[] checks = ChecksWith((fault.Written, fault.Compiled), device =>
            StepsOf(device, KernelFamily.RegisterTiled, verified => verified.Optimizer is Sgd { Momentum: > 0 } or AdamW or RmsProp));
        Assert.That(checks.Where(check => !check.IsRight).Select(check => check.Kernel).Distinct(), Is.EqualTo(fault.Kernels));
    }

    private static IEnumerable<KernelCheck> StepsOf(NeuralDevice device, KernelFamily family, Func<VerifiedCase, bool> isWanted)
    {
        StepVerification verification = new(device, family);
        return StepVerification.Cases.Where(isWanted).SelectMany(verification.Run);
    }

    /// <summary>What the verification says of a driver that compiles something else in place of what is written.</summary>
    private static KernelCheck[] ChecksWith((string Written, string Compiled) fault, Func<NeuralDevice, IEnumerable<KernelCheck>> verify)
    {
        TestGls.RequireDriver();
        using HostContext host = new();
        FaultyCompiler.In(host, fault.Written, fault.Compiled);
        using NeuralDevice device = NeuralDevice.Attach(GL.GetApi(host));
        using NeuralDevice.Scope scope = device.Enter();
        KernelCheck[] checks = [.. verify(device)];
        Assert.That(FaultyCompiler.Changes, Is.Positive, "the kernel has what is changed");
        return checks;
    }
}
