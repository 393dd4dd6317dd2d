// Slot ACTIVATION: the leaky rectified linear unit, y = x above zero, else negativeSlope * x (negativeSlope > 0).
#include "bindings.glsl"
#include "finite.glsl"

SCALAR(negativeSlope);

vec4 activate(vec4 x)
{
    precise vec4 y = mix(x, negativeSlope * x, isNegative(x));
    return y;
}

// The input and the output are above zero together, even if the product is too small for a number. If the output is NaN, so is the
// loss, and the gradient is not used; gradients of inputs, which have no loss, take either of the two.
vec4 gradientFromOutput(vec4 outputGradient, vec4 y)
{
    precise vec4 gradient = mix(negativeSlope * outputGradient, outputGradient, greaterThan(y, vec4(0.0)));   // no NaN: the loss would be one too
    return gradient;
}
