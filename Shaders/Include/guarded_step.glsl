// One step of an optimizer for one texel of a parameter. Slot OPTIMIZER has
//   vec4 optimize(vec4 w, vec4 gradient, inout vec4 state[STATE_SLOTS])
// which returns the new weights and sets the new state; EACH_STATE(F, from, to) is F(0, from, to) F(1, from, to) ... for each matrix of state, and STATE_SLOTS
// is their number, but at least 1.
//
// An element whose new weight or any of whose new state is not finite keeps its weight and all its state, so that no step makes a parameter infinite, however
// large a gradient is. The elements beside it take their step.
#include "finite.glsl"
#include <OPTIMIZER>

bool isKept;   // whether the last guardedStep kept an element

vec4 guardedStep(vec4 w, vec4 gradient, vec4 old[STATE_SLOTS], out vec4 new[STATE_SLOTS])
{
    new = old;
    vec4 updated = optimize(w, gradient, new);
    uvec4 exponents = exponentBits(updated);
#define FIND_EXPONENTS(i, from, to) exponents = max(exponents, exponentBits(to[i]));
    EACH_STATE(FIND_EXPONENTS, old, new)
    bvec4 keeps = equal(exponents, uvec4(EXPONENT_OF_NON_FINITE));
    isKept = any(keeps);
#define KEEP_STATE(i, from, to) to[i] = mix(to[i], from[i], keeps);
    EACH_STATE(KEEP_STATE, old, new)
    return mix(updated, w, keeps);
}

// For EACH_STATE, with the names of the matrices in place of from and to.
#define LOAD_STATE(i, from, to) old[i] = LOAD(from##i, at);
#define DECLARE_STATE(i, from, to) READ(from##i); WRITE(to##i);
