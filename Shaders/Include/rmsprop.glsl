// Slot OPTIMIZER: RMSProp (Tieleman and Hinton, 2012), v' = rho * v + (1 - rho) * g^2;  w' = w - stepRate * g / (sqrt(v') + epsilon).
#include "learning_rate.glsl"
#include "products.glsl"

SCALAR(rho);
SCALAR(epsilon);

vec4 optimize(vec4 w, vec4 gradient, inout vec4 state[STATE_SLOTS])
{
    state[0] = addProduct(rho * state[0], (1.0 - rho) * gradient, gradient);
    precise vec4 updated = w - stepRate * gradient / (sqrt(state[0]) + epsilon);
    return updated;
}
