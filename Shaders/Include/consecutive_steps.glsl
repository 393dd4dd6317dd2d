// Consecutive steps in one dispatch (STEPS), each on a batch drawn after the one before, of a log: what differs from step to step. A batch begins at a multiple of its size,
// rounded up to complete texels, in the order (sample_order_rows.comp), and has batchSize samples or, at the end of an epoch, the remaining ones. After an even number of steps
// the committed sides of the parameters and of the optimizer's state are those that the dispatch names so; after an odd number they are swapped.
//
// With STEP_SCALARS: the scalars of the optimizer that change from step to step, a texel for each.
#include "samples.glsl"
#include "step_log.glsl"

SIZE(steps);
SIZE(batchSize);
SIZE(epochSamples);
SIZE(batchesPerEpoch);
SIZE(batchInEpoch);   // of the first step
#ifdef STEP_SCALARS
READ(stepScalars);
SIZE(firstScalars);   // the row of the first step
#endif

vec4 scalarsOfStep;
bool isSwapped;

// The rows of a step's batch, and where they begin in the order.
void setBatch(int step)
{
    int batch = (batchInEpoch + step) % batchesPerEpoch;
    rows = min(batchSize, epochSamples - batch * batchSize);
    firstSample = firstSampleOfFirst + step * ((batchSize + 3) / 4 * 4);
}

void beginStep(int step)
{
    setBatch(step);
    stepNumber = (stepNumberOfFirst - 1 + step) % STEP_NUMBERS + 1;
    isSwapped = step % 2 == 1;
#ifdef STEP_SCALARS
    scalarsOfStep = LOAD(stepScalars, firstScalars + step);
#endif
}
