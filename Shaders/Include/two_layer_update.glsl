// One step of an optimizer for one texel of a parameter of either of two layers, as in update.glsl: those of the layer before are `hiddenParameters`, those after it
// `outputParameters`. Slot OPTIMIZER is included once, and EACH_STATE(F) walks the matrices of state. The including kernel
// defines loadHiddenParameter and loadOutputParameter.
#include "step_log.glsl"
#ifdef GUIDED_RATE
#include "guided_rate.glsl"
#endif
#include <OPTIMIZER>

WRITE(pendingHiddenParameters);
WRITE(pendingOutputParameters);
#define DECLARE_STATES(i) READ(stateHidden##i); WRITE(pendingStateHidden##i); READ(stateOutput##i); WRITE(pendingStateOutput##i);
EACH_STATE(DECLARE_STATES)

vec4 loadHiddenParameter(int at);
vec4 loadOutputParameter(int at);

void updateHidden(int at, vec4 gradient)
{
    vec4 w = loadHiddenParameter(at);
    vec4 old[STATE_SLOTS], new[STATE_SLOTS];
#define LOAD_HIDDEN_STATE(i) old[i] = LOAD(stateHidden##i, at); new[i] = old[i];
    EACH_STATE(LOAD_HIDDEN_STATE)
    vec4 updated = optimize(w, gradient, new);
#define STORE_HIDDEN_STATE(i) STORE_UPDATE(pendingStateHidden##i, at, true, old[i], new[i])
    EACH_STATE(STORE_HIDDEN_STATE)
    STORE_UPDATE(pendingHiddenParameters, at, true, w, updated)
}

void updateOutput(int at, vec4 gradient)
{
    vec4 w = loadOutputParameter(at);
    vec4 old[STATE_SLOTS], new[STATE_SLOTS];
#define LOAD_OUTPUT_STATE(i) old[i] = LOAD(stateOutput##i, at); new[i] = old[i];
    EACH_STATE(LOAD_OUTPUT_STATE)
    vec4 updated = optimize(w, gradient, new);
#define STORE_OUTPUT_STATE(i) STORE_UPDATE(pendingStateOutput##i, at, true, old[i], new[i])
    EACH_STATE(STORE_OUTPUT_STATE)
    STORE_UPDATE(pendingOutputParameters, at, true, w, updated)
}
