// Slot OPTIMIZER: descent by a soft sign of the gradient, w' = w - learningRate * g / (|g| + softness).
#include "bindings.glsl"

SCALAR(learningRate);
SCALAR(softness);

vec4 optimize(vec4 w, vec4 gradient, inout vec4 state[STATE_SLOTS])
{
    return w - learningRate * gradient / (abs(gradient) + softness);
}
