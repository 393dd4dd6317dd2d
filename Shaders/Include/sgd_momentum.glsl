// Slot OPTIMIZER: stochastic gradient descent with momentum, g' = g + weightDecay * w;  v' = momentum * v + g';  w' = w - learningRate * v'.
#include "bindings.glsl"

SCALAR(learningRate);
SCALAR(momentum);
SCALAR(weightDecay);

vec4 optimize(vec4 w, vec4 gradient, inout vec4 state[STATE_SLOTS])
{
    vec4 v = gradient + weightDecay * w;
    state[0] = momentum * state[0] + v;
    return w - learningRate * state[0];
}
