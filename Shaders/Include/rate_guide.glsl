// A learning rate that follows the divergence of a step's batch before the step: above twice the target it is the previous step's rate divided by
// rateFactor, below half the target it is multiplied by that; a divergence that is not finite does not move it. The including kernel stores the rate.
#include "bindings.glsl"
#include "finite.glsl"

SCALAR(firstRate);
SCALAR(leastRate);
SCALAR(mostRate);
SCALAR(rateFactor);
SCALAR(targetDivergence);   // 0: the rate stays

// before: the rate of the step before; 0 if there was none.
float rateFrom(float before, float divergence)
{
    float rate = before > 0.0 ? before : firstRate;
    if (targetDivergence <= 0.0 || !isFinite(divergence)) return rate;
    if (divergence > 2.0 * targetDivergence) rate = max(rate / rateFactor, leastRate);        // no NaN: rates are numbers
    else if (divergence < 0.5 * targetDivergence) rate = min(rate * rateFactor, mostRate);   // no NaN: likewise
    return rate;
}
