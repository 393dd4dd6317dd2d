// Slot ACTIVATION: the rectified linear unit y = max(x, 0), whose derivative is taken as 0 at zero.

// Not max(): a NaN must stay one, so that a loss that is not finite is noticed.
vec4 activate(vec4 x)
{
    return mix(x, vec4(0.0), lessThan(x, vec4(0.0)));
}

// The input and the output are above zero together.
vec4 gradientFromOutput(vec4 outputGradient, vec4 y)
{
    return mix(vec4(0.0), outputGradient, greaterThan(y, vec4(0.0)));
}
