// With GUIDED_RATE: the learning rate of a step, which follows the divergence of its batch before the step. The log of step_log.glsl has
// LOG_SLOTS more rows for it, after its own: row s mod LOG_SLOTS is (rate, divergence, entropy, value loss) of step s, the last three
// means over its batch. The sum of the losses writes it, from the rate of the step before, and the updates after it read it.
#include "step_log.glsl"
#include "dropped_steps.glsl"
#include "rate_guide.glsl"

int logOfRate(int step)
{
    return matrixTexel(LOG_SLOTS + 2 + step % LOG_SLOTS, 0, 1);
}

float rateOfStep()
{
    return FETCH(droppedSteps, logOfRate(stepNumber)).x;
}

// The row of a step, from the sums over its batch of (loss, divergence, entropy, value loss).
vec4 rateFromSums(vec4 sums)
{
    vec4 means = sums / float(rows);
    float divergence = isFinite(means.x) ? means.y : means.x;   // a step that is dropped does not move the rate
    return vec4(rateFrom(FETCH(droppedSteps, logOfRate(stepNumber + LOG_SLOTS - 1)).x, divergence), means.yzw);
}
