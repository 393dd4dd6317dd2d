// The updates of the parameters of two layers by parameter_update.glsl: those of the layer before are `hiddenParameters`, those after it `outputParameters`. The including kernel
// defines loadHiddenParameter and loadOutputParameter.
#include "parameter_update.glsl"

WRITE(pendingHiddenParameters);
WRITE(pendingOutputParameters);
EACH_STATE(DECLARE_STATE, stateHidden, pendingStateHidden)
EACH_STATE(DECLARE_STATE, stateOutput, pendingStateOutput)

vec4 loadHiddenParameter(int at);
vec4 loadOutputParameter(int at);

void updateHidden(int at, bool isWanted, vec4 gradient)
{
    vec4 w = loadHiddenParameter(at);
    UPDATE_TEXEL(w, pendingHiddenParameters, stateHidden, pendingStateHidden)
}

void updateOutput(int at, bool isWanted, vec4 gradient)
{
    vec4 w = loadOutputParameter(at);
    UPDATE_TEXEL(w, pendingOutputParameters, stateOutput, pendingStateOutput)
}
