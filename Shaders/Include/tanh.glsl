// Slot ACTIVATION: the hyperbolic tangent, whose derivative is 1 - y^2.
//
// Not the built-in tanh(): some drivers clamp its argument, which turns a NaN into a number, and compute it as a difference of exponentials,
// which cancels for a small argument. Here |x| <= 0.6 takes the continued fraction x / (1 + x^2 / (3 + x^2 / (5 + x^2 / (7 + x^2 / 9))))
// (Lambert, 1768), whose relative error is below 1e-9 there, and larger |x| take (1 - t) / (1 + t) with t = exp(-2 |x|).
#include "finite.glsl"

// The exponential of a NaN may be a number, so a NaN takes the fraction and stays NaN, and a non-finite loss is noticed.
vec4 activate(vec4 x)
{
    vec4 square = x * x;
    vec4 t = exp(-2.0 * abs(x));
    bvec4 isLarge = isBeyond(x, 0.6);
    vec4 numerator = mix(x * (945.0 + square * (105.0 + square)), mix(1.0 - t, t - 1.0, lessThan(x, vec4(0.0))), isLarge);   // no NaN: one is not large
    precise vec4 y = numerator / mix(945.0 + square * (420.0 + square * 15.0), 1.0 + t, isLarge);
    return y;
}

// (1 - y)(1 + y) keeps more digits than 1 - y^2 when y is close to 1.
vec4 gradientFromOutput(vec4 outputGradient, vec4 y)
{
    precise vec4 gradient = outputGradient * ((1.0 - y) * (1.0 + y));
    return gradient;
}
