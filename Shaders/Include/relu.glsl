// Slot ACTIVATION: the rectified linear unit y = max(x, 0), whose derivative is taken as 0 at zero.

#include "finite.glsl"

// Not max(): a NaN must stay NaN, so that a non-finite loss is noticed.
vec4 activate(vec4 x)
{
    return mix(x, vec4(0.0), isNegative(x));
}

// The input and the output are above zero together. If the output is NaN, so is the loss, and the gradient is not used; gradients of inputs, which have no loss, take either of the two.
vec4 gradientFromOutput(vec4 outputGradient, vec4 y)
{
    return mix(vec4(0.0), outputGradient, greaterThan(y, vec4(0.0)));   // no NaN: the loss would be one too
}
