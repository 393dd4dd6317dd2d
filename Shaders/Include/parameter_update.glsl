// UPDATE_TEXEL is the body of a function (int at, bool isWanted, vec4 gradient) that updates one texel of a parameter, whose committed value is w: from the committed
// weights and state to the pending ones, by guarded_step.glsl. state and pendingState are how the names of the matrices of state begin. If the texel does not exist
// (isWanted is false), nothing is updated. A step whose loss is not finite stores as described in step_log.glsl. The including kernel loads the dropped step and the
// guided rate first and, with NOTES_KEPT, calls noteKept after its last update: so the log knows the last step in which a parameter kept its value.
#include "step_log.glsl"
#ifdef GUIDED_RATE
#include "guided_rate.glsl"
#endif
#include "guarded_step.glsl"

#define UPDATE_TEXEL(w, pendingWeights, state, pendingState) \
    { \
        vec4 old[STATE_SLOTS], new[STATE_SLOTS]; \
        EACH_STATE(LOAD_STATE, state, pendingState) \
        vec4 updated = guardedStep(w, gradient, old, new); \
        NOTICE_KEPT \
        EACH_STATE(STORE_STATE, state, pendingState) \
        STORE_UPDATE(pendingWeights, at, isWanted, w, updated) \
    }
#define STORE_STATE(i, from, to) STORE_UPDATE(to##i, at, isWanted, old[i], new[i])

#ifdef NOTES_KEPT
WRITE(keptStep);

bool hasKept = false;   // of this invocation
#define NOTICE_KEPT hasKept = hasKept || (isWanted && isKept);

void noteKept()
{
    if (hasKept && droppedStep == 0.0) STORE(keptStep, logOfKept(), vec4(float(stepNumber), 0.0, 0.0, 0.0));
}
#else
#define NOTICE_KEPT
#define noteKept()
#endif
