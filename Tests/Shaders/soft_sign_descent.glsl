// Slot OPTIMIZER: descent by a soft sign of the gradient, w' = w - stepRate * g / (|g| + softness).
#include "learning_rate.glsl"

SCALAR(softness);

vec4 optimize(vec4 w, vec4 gradient, inout vec4 state[STATE_SLOTS])
{
    return w - stepRate * gradient / (abs(gradient) + softness);
}
