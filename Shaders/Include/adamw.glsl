// Slot OPTIMIZER: AdamW, Adam with decoupled weight decay (Loshchilov and Hutter, 2019, algorithm 2).
//   m' = beta1 * m + (1 - beta1) * g;   v' = beta2 * v + (1 - beta2) * g^2
//   w' = w - stepRate * ((m' / (1 - beta1^t)) / (sqrt(v' / (1 - beta2^t)) + epsilon) + weightDecay * w)
// The two corrections are passed as scalars, computed in double.
#include "bias_corrections.glsl"
#include "learning_rate.glsl"
#include "products.glsl"

SCALAR(beta1);
SCALAR(beta2);
SCALAR(epsilon);
SCALAR(weightDecay);

vec4 optimize(vec4 w, vec4 gradient, inout vec4 state[STATE_SLOTS])
{
    state[0] = addProduct(beta1 * state[0], vec4(1.0 - beta1), gradient);
    state[1] = addProduct(beta2 * state[1], (1.0 - beta2) * gradient, gradient);
    vec4 adaptive = state[0] * meanCorrection / (sqrt(state[1] * varianceCorrection) + epsilon);
    precise vec4 updated = w - stepRate * addProduct(adaptive, vec4(weightDecay), w);
    return updated;
}
