// One step of an optimizer for one texel of a member's parameters, by guarded_step.glsl. A member that keeps its weights and state
// stores them unchanged, because the pending matrices become the committed ones for all members at once.
#include "bindings.glsl"
#include "guarded_step.glsl"

WRITE(pendingWeights);
EACH_STATE(DECLARE_STATE, state, pendingState)

// Before any update of a member: loads its own learning rate.
#ifdef GUIDED_RATE
#define USE_RATE(rate) guidedRate = rate;
#else
#define USE_RATE(rate)
#endif

void update(int at, vec4 w, vec4 gradient, bool keeps)
{
    vec4 old[STATE_SLOTS], new[STATE_SLOTS];
    EACH_STATE(LOAD_STATE, state, pendingState)
    vec4 updated = guardedStep(w, gradient, old, new);
#define STORE_STATE(i, from, to) STORE(to##i, at, keeps ? old[i] : new[i]);
    EACH_STATE(STORE_STATE, state, pendingState)
    STORE(pendingWeights, at, keeps ? w : updated);
}
