// The log of step_log.glsl as a lookup texture, for kernels that heed it or continue from an earlier step's row.
#include "bindings.glsl"

LOOK_UP(droppedSteps);
