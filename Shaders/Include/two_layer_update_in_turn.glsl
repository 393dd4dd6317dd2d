// As two_layer_update.glsl, in a dispatch of consecutive steps: a step reads the committed sides of the parameters and of the optimizer's state and stores the pending ones, which are
// the committed ones of the next step, so that after each step the matrices are as if it had been a dispatch of its own. What is committed is also kept in shared memory: the
// parameters always, the state with KEPT_STATES. An invocation has the same texels in every step, so that it reads no matrix that another one has written.
//
// The including kernel declares hiddenWeights and lastWeights, which begin as what is committed, with KEPT_STATES keptStates, and batchLoss, the whole log, in place. With NOTES_KEPT it calls, in
// each step and with barriers in between, forgetKept, noteKept after its last update, and storeKept.
#include "consecutive_steps.glsl"
#include "guarded_step.glsl"

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

// As in parameter_update.glsl, of each step. Any invocation notes in shared memory that a parameter kept its value, and after a barrier one stores the step for all: steps of a dispatch replace each
// other's number, and stores of several invocations to one place would have no order.
#ifdef NOTES_KEPT
shared int keepsAny;

bool hasKept = false;
#define NOTICE_KEPT hasKept = hasKept || isKept;

void forgetKept(int lane)
{
    if (lane == 0) keepsAny = 0;
}

void noteKept()
{
    if (hasKept && droppedStep == 0.0) keepsAny = 1;
    hasKept = false;
}

void storeKept(int lane)
{
    if (lane == 0 && keepsAny == 1) STORE(batchLoss, logOfKept(), vec4(float(stepNumber), 0.0, 0.0, 0.0));
}
#else
#define NOTICE_KEPT
#define forgetKept(lane)
#define noteKept()
#define storeKept(lane)
#endif

#ifdef KEPT_STATES
#define LOAD_STATE_IN_TURN(i, committed, pending) old[i] = keptStates[(i) * PARAMETER_TEXELS + place];
#define STORE_STATE_IN_TURN(i, committed, pending) STORE_IN_TURN(committed##i, pending##i, at, old[i], new[i], keptStates[(i) * PARAMETER_TEXELS + place])
#else
#define LOAD_STATE_IN_TURN(i, committed, pending) old[i] = LOAD_IN_TURN(committed##i, pending##i, at);
#define STORE_STATE_IN_TURN(i, committed, pending) STORE_IN_TURN(committed##i, pending##i, at, old[i], new[i], unkept)
#endif

IN_PLACE(hiddenParameters);
IN_PLACE(pendingHiddenParameters);
IN_PLACE(outputParameters);
IN_PLACE(pendingOutputParameters);
#define DECLARE_STATE_IN_PLACE(i, committed, pending) IN_PLACE(committed##i); IN_PLACE(pending##i);
EACH_STATE(DECLARE_STATE_IN_PLACE, stateHidden, pendingStateHidden)
EACH_STATE(DECLARE_STATE_IN_PLACE, stateOutput, pendingStateOutput)

#define UPDATE_TEXEL_IN_TURN(kept, committed, pending, state, pendingState) \
    { \
        vec4 w = kept, unkept; \
        vec4 old[STATE_SLOTS], new[STATE_SLOTS]; \
        EACH_STATE(LOAD_STATE_IN_TURN, state, pendingState) \
        vec4 updated = guardedStep(w, gradient, old, new); \
        NOTICE_KEPT \
        EACH_STATE(STORE_STATE_IN_TURN, state, pendingState) \
        STORE_IN_TURN(committed, pending, at, w, updated, kept) \
    }

void updateHidden(int at, bool isWanted, vec4 gradient)
{
    int place = at;
    if (isWanted) UPDATE_TEXEL_IN_TURN(hiddenWeights[at], hiddenParameters, pendingHiddenParameters, stateHidden, pendingStateHidden)
}

void updateOutput(int at, bool isWanted, vec4 gradient)
{
    int place = HIDDEN_PARAMETER_TEXELS + at;
    if (isWanted) UPDATE_TEXEL_IN_TURN(lastWeights[at], outputParameters, pendingOutputParameters, stateOutput, pendingStateOutput)
}

// What is committed when the dispatch begins, into the state that is kept.
void loadStates(int hiddenCount, int lastCount, int lane)
{
#ifdef KEPT_STATES
    for (int at = lane; at < hiddenCount; at += GROUP_SIZE)
    {
#define KEEP_HIDDEN_STATE(i, committed, pending) keptStates[(i) * PARAMETER_TEXELS + at] = LOAD_STORED(committed##i, at);
        EACH_STATE(KEEP_HIDDEN_STATE, stateHidden, pendingStateHidden)
    }

    for (int at = lane; at < lastCount; at += GROUP_SIZE)
    {
#define KEEP_OUTPUT_STATE(i, committed, pending) keptStates[(i) * PARAMETER_TEXELS + HIDDEN_PARAMETER_TEXELS + at] = LOAD_STORED(committed##i, at);
        EACH_STATE(KEEP_OUTPUT_STATE, stateOutput, pendingStateOutput)
    }
#endif
}
