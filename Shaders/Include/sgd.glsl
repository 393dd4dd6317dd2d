// Slot OPTIMIZER: stochastic gradient descent, g' = g + weightDecay * w;  w' = w - learningRate * g'.
#include "bindings.glsl"

SCALAR(learningRate);
SCALAR(weightDecay);

vec4 optimize(vec4 w, vec4 gradient, inout vec4 state[STATE_SLOTS])
{
    vec4 g = gradient + weightDecay * w;
    return w - learningRate * g;
}
