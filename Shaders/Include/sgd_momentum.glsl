// Slot OPTIMIZER: stochastic gradient descent with momentum, g' = g + weightDecay * w;  v' = momentum * v + g';  w' = w - stepRate * v'.
#include "learning_rate.glsl"

SCALAR(momentum);
SCALAR(weightDecay);

vec4 optimize(vec4 w, vec4 gradient, inout vec4 state[STATE_SLOTS])
{
    precise vec4 v = gradient + weightDecay * w;
    precise vec4 velocity = momentum * state[0] + v;
    state[0] = velocity;
    precise vec4 updated = w - stepRate * velocity;
    return updated;
}
