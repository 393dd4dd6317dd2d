// With GUIDED_RATE: the learning rate of a step, which follows the divergence that the steps before have found. The log of step_log.glsl has
// another LOG_SLOTS rows for it, behind those there: row s mod LOG_SLOTS is (rate of the step after s, divergence, entropy, value loss), the
// latter three means over the batch of step s. A step reads the row of the step before, so that nothing waits for a sum over itself.
#include "step_log.glsl"
#include "dropped_steps.glsl"

SCALAR(firstRate);
SCALAR(leastRate);
SCALAR(mostRate);
SCALAR(targetDivergence);   // 0: the rate stays

const float RATE_FACTOR = 1.5;

int logOfRate(int step)
{
    return matrixTexel(LOG_SLOTS + 1 + step % LOG_SLOTS, 0, 1);
}

float rateOfStep()
{
    float rate = texelFetch(droppedSteps, logOfRate(stepNumber + LOG_SLOTS - 1)).x;
    return rate > 0.0 ? rate : firstRate;
}

// From the sums over the batch of (loss, divergence, entropy, value loss).
vec4 rateAfterStep(vec4 sums)
{
    vec4 means = sums / float(rows);
    float rate = rateOfStep();
    if (targetDivergence > 0.0 && means.y > 2.0 * targetDivergence) rate = max(rate / RATE_FACTOR, leastRate);
    else if (targetDivergence > 0.0 && means.y < 0.5 * targetDivergence) rate = min(rate * RATE_FACTOR, mostRate);
    return vec4(rate, means.yzw);
}
