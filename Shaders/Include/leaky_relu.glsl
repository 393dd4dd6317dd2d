// Slot ACTIVATION: the leaky rectified linear unit, y = x above zero, else negativeSlope * x (negativeSlope > 0).
#include "bindings.glsl"

SCALAR(negativeSlope);

// A NaN is not less than zero and stays one, so that a loss that is not finite is noticed.
vec4 activate(vec4 x)
{
    return mix(x, negativeSlope * x, lessThan(x, vec4(0.0)));
}

// The input and the output are above zero together, even where the product is too small for a number.
vec4 gradientFromOutput(vec4 outputGradient, vec4 y)
{
    return mix(negativeSlope * outputGradient, outputGradient, greaterThan(y, vec4(0.0)));
}
