// A learning rate that follows the divergence which a step's batch has before it: above twice the target it is that of the step before divided by
// rateFactor, below half of it multiplied by that. Whoever includes it keeps the rate.
#include "bindings.glsl"

SCALAR(firstRate);
SCALAR(leastRate);
SCALAR(mostRate);
SCALAR(rateFactor);
SCALAR(targetDivergence);   // 0: the rate stays

// before: that of the step before; 0 where there was none.
float rateFrom(float before, float divergence)
{
    float rate = before > 0.0 ? before : firstRate;
    if (targetDivergence > 0.0 && divergence > 2.0 * targetDivergence) rate = max(rate / rateFactor, leastRate);
    else if (targetDivergence > 0.0 && divergence < 0.5 * targetDivergence) rate = min(rate * rateFactor, mostRate);
    return rate;
}
