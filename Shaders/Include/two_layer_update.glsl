// The updates of the parameters of two layers by parameter_update.glsl: those of the layer before are `hiddenParameters`, those after it `outputParameters`. The including kernel
// defines loadHiddenParameter and loadOutputParameter.
#include "parameter_update.glsl"

vec4 loadHiddenParameter(int at);
vec4 loadOutputParameter(int at);

DEFINE_UPDATE(updateHidden, loadHiddenParameter, pendingHiddenParameters, stateHidden, pendingStateHidden)
DEFINE_UPDATE(updateOutput, loadOutputParameter, pendingOutputParameters, stateOutput, pendingStateOutput)
