// The log of step_log.glsl as a texture to look up in, for kernels that heed it or go on from an earlier step's row.
#include "bindings.glsl"

LOOK_UP(droppedSteps);
