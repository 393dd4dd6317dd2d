// As two_layer_update.glsl, in a dispatch of consecutive steps: a step reads the committed sides of the parameters and of the optimizer's state and stores the pending ones, which are
// the committed ones of the next step, so that after each step the matrices are as if it had been a dispatch of its own. What is committed is also kept in shared memory: the
// parameters always, the state with KEPT_STATES. An invocation has the same texels in every step, so that it reads no matrix that another one has written.
//
// The including kernel declares hiddenWeights and lastWeights, which begin as what is committed, and with KEPT_STATES keptStates.
#include "consecutive_steps.glsl"
#include <OPTIMIZER>

IN_PLACE(hiddenParameters);
IN_PLACE(pendingHiddenParameters);
IN_PLACE(outputParameters);
IN_PLACE(pendingOutputParameters);
#define DECLARE_STATES(i) IN_PLACE(stateHidden##i); IN_PLACE(pendingStateHidden##i); IN_PLACE(stateOutput##i); IN_PLACE(pendingStateOutput##i);
EACH_STATE(DECLARE_STATES)

#define LOAD_IN_TURN(committed, pending, at) (isSwapped ? LOAD_STORED(pending, at) : LOAD_STORED(committed, at))

// As STORE_UPDATE of step_log.glsl; kept becomes what is then committed. The dropped step stores nothing, so that this is what the step before the last one left.
#define STORE_IN_TURN(committed, pending, at, old, new, kept) \
    { \
        vec4 stored = droppedStep == 0.0 ? new : old; \
        if (droppedStep == float(stepNumber)) stored = isSwapped ? LOAD_STORED(committed, at) : LOAD_STORED(pending, at); \
        else if (isSwapped) STORE(committed, at, stored); \
        else STORE(pending, at, stored); \
        kept = stored; \
    }

#ifdef KEPT_STATES
#define STATE_IN_TURN(i, committed, pending, at, place) keptStates[(i) * PARAMETER_TEXELS + place]
#define KEPT_STATE(i, place) keptStates[(i) * PARAMETER_TEXELS + place]
#else
#define STATE_IN_TURN(i, committed, pending, at, place) LOAD_IN_TURN(committed, pending, at)
#define KEPT_STATE(i, place) unkept
#endif

void updateHidden(int at, vec4 gradient)
{
    vec4 w = hiddenWeights[at], unkept;
    vec4 old[STATE_SLOTS], new[STATE_SLOTS];
#define LOAD_HIDDEN_STATE(i) old[i] = STATE_IN_TURN(i, stateHidden##i, pendingStateHidden##i, at, at); new[i] = old[i];
    EACH_STATE(LOAD_HIDDEN_STATE)
    vec4 updated = optimize(w, gradient, new);
#define STORE_HIDDEN_STATE(i) STORE_IN_TURN(stateHidden##i, pendingStateHidden##i, at, old[i], new[i], KEPT_STATE(i, at))
    EACH_STATE(STORE_HIDDEN_STATE)
    STORE_IN_TURN(hiddenParameters, pendingHiddenParameters, at, w, updated, hiddenWeights[at])
}

void updateOutput(int at, vec4 gradient)
{
    vec4 w = lastWeights[at], unkept;
    vec4 old[STATE_SLOTS], new[STATE_SLOTS];
    int place = at + HIDDEN_PARAMETER_TEXELS;
#define LOAD_OUTPUT_STATE(i) old[i] = STATE_IN_TURN(i, stateOutput##i, pendingStateOutput##i, at, place); new[i] = old[i];
    EACH_STATE(LOAD_OUTPUT_STATE)
    vec4 updated = optimize(w, gradient, new);
#define STORE_OUTPUT_STATE(i) STORE_IN_TURN(stateOutput##i, pendingStateOutput##i, at, old[i], new[i], KEPT_STATE(i, place))
    EACH_STATE(STORE_OUTPUT_STATE)
    STORE_IN_TURN(outputParameters, pendingOutputParameters, at, w, updated, lastWeights[at])
}

// What is committed when the dispatch begins, into the state that is kept.
void loadStates(int hiddenCount, int lastCount, int lane)
{
#ifdef KEPT_STATES
    for (int at = lane; at < hiddenCount; at += GROUP_SIZE)
    {
#define KEEP_HIDDEN_STATE(i) keptStates[(i) * PARAMETER_TEXELS + at] = LOAD_STORED(stateHidden##i, at);
        EACH_STATE(KEEP_HIDDEN_STATE)
    }

    for (int at = lane; at < lastCount; at += GROUP_SIZE)
    {
#define KEEP_OUTPUT_STATE(i) keptStates[(i) * PARAMETER_TEXELS + HIDDEN_PARAMETER_TEXELS + at] = LOAD_STORED(stateOutput##i, at);
        EACH_STATE(KEEP_OUTPUT_STATE)
    }
#endif
}
