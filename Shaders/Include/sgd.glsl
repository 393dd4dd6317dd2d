// Slot OPTIMIZER: stochastic gradient descent, g' = g + weightDecay * w;  w' = w - stepRate * g'.
#include "learning_rate.glsl"

SCALAR(weightDecay);

vec4 optimize(vec4 w, vec4 gradient, inout vec4 state[STATE_SLOTS])
{
    precise vec4 g = gradient + weightDecay * w;
    precise vec4 updated = w - stepRate * g;
    return updated;
}
