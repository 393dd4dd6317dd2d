// With GUIDED_RATE: the learning rate of a step, which follows the divergence that its batch has before it. The log of step_log.glsl has
// another LOG_SLOTS rows for it, behind those there: row s mod LOG_SLOTS is (rate, divergence, entropy, value loss) of step s, the latter three
// means over its batch. The sum of the losses writes it, from the rate of the step before, and the updates behind it read it.
#include "step_log.glsl"
#include "dropped_steps.glsl"

SCALAR(firstRate);
SCALAR(leastRate);
SCALAR(mostRate);
SCALAR(rateFactor);
SCALAR(targetDivergence);   // 0: the rate stays

int logOfRate(int step)
{
    return matrixTexel(LOG_SLOTS + 1 + step % LOG_SLOTS, 0, 1);
}

float rateOfStep()
{
    return FETCH(droppedSteps, logOfRate(stepNumber)).x;
}

// The row of a step, from the sums over its batch of (loss, divergence, entropy, value loss).
vec4 rateFromSums(vec4 sums)
{
    vec4 means = sums / float(rows);
    float before = FETCH(droppedSteps, logOfRate(stepNumber + LOG_SLOTS - 1)).x;
    float rate = before > 0.0 ? before : firstRate;
    if (targetDivergence > 0.0 && means.y > 2.0 * targetDivergence) rate = max(rate / rateFactor, leastRate);
    else if (targetDivergence > 0.0 && means.y < 0.5 * targetDivergence) rate = min(rate * rateFactor, mostRate);
    return vec4(rate, means.yzw);
}
