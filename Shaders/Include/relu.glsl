// The rectified linear unit and its derivative, which is taken as 0 at zero.

// Not max(): a NaN must stay one, so that a loss that is not finite is noticed.
vec4 relu(vec4 x)
{
    return mix(x, vec4(0.0), lessThan(x, vec4(0.0)));
}

// The gradient dY where ReLU let its input through. The input and the output of ReLU are above zero together: either will do.
vec4 reluGradient(vec4 gradient, vec4 inputOrOutput)
{
    return mix(vec4(0.0), gradient, greaterThan(inputOrOutput, vec4(0.0)));
}
