// One step of an optimizer for one texel of a parameter: from the committed weights and state to the pending ones. Slot OPTIMIZER has
//   vec4 optimize(vec4 w, vec4 gradient, inout vec4 state[STATE_SLOTS])
// which returns the new weights and sets the new state; EACH_STATE(F) walks the state's matrices, and STATE_SLOTS is their number, but at least 1.
// The including kernel calls loadDrop first. If the texel does not exist (isWanted is false), nothing is updated. A step whose loss is not
// finite stores as described in step_log.glsl.
#include "step_log.glsl"
#ifdef GUIDED_RATE
#include "guided_rate.glsl"
#endif
#include <OPTIMIZER>

READ(weights);
WRITE(pendingWeights);
#define DECLARE_STATE(i) READ(state##i); WRITE(pendingState##i);
EACH_STATE(DECLARE_STATE)

#ifdef LOG_SLOTS
#include "dropped_steps.glsl"
#endif

void loadDrop()
{
#ifdef LOG_SLOTS
    droppedStep = FETCH(droppedSteps, logOfDrop()).x;
#endif
#ifdef GUIDED_RATE
    guidedRate = rateOfStep();
#endif
}

void update(int at, bool isWanted, vec4 gradient)
{
    vec4 w = LOAD(weights, at);
    vec4 old[STATE_SLOTS], new[STATE_SLOTS];
#define LOAD_STATE(i) old[i] = LOAD(state##i, at); new[i] = old[i];
    EACH_STATE(LOAD_STATE)
    vec4 updated = optimize(w, gradient, new);
#define STORE_STATE(i) STORE_UPDATE(pendingState##i, at, isWanted, old[i], new[i])
    EACH_STATE(STORE_STATE)
    STORE_UPDATE(pendingWeights, at, isWanted, w, updated)
}
