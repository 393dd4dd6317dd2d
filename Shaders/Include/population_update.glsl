// One step of an optimizer for one texel of a member's parameters: slot OPTIMIZER, as in update.glsl. A member that keeps its weights and state
// stores them unchanged, because the pending matrices become the committed ones for all members at once.
#include "bindings.glsl"
#include <OPTIMIZER>

WRITE(pendingWeights);
#define DECLARE_STATE(i) READ(state##i); WRITE(pendingState##i);
EACH_STATE(DECLARE_STATE)

// Before any update of a member: loads its own learning rate.
#ifdef GUIDED_RATE
#define USE_RATE(rate) guidedRate = rate;
#else
#define USE_RATE(rate)
#endif

void update(int at, vec4 w, vec4 gradient, bool keeps)
{
    vec4 old[STATE_SLOTS], new[STATE_SLOTS];
#define LOAD_STATE(i) old[i] = LOAD(state##i, at); new[i] = old[i];
    EACH_STATE(LOAD_STATE)
    vec4 updated = optimize(w, gradient, new);
#define STORE_STATE(i) STORE(pendingState##i, at, keeps ? old[i] : new[i]);
    EACH_STATE(STORE_STATE)
    STORE(pendingWeights, at, keeps ? w : updated);
}
