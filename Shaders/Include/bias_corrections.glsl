// What Adam's moments are multiplied by, since they start from zero: meanCorrection, 1 / (1 - beta1^t), and varianceCorrection, 1 / (1 - beta2^t), computed in double.
// Each dispatch passes them as scalars; one of several steps has a table of them (consecutive_steps.glsl).
#ifdef STEPS
#include "consecutive_steps.glsl"
#define meanCorrection scalarsOfStep.x
#define varianceCorrection scalarsOfStep.y
#else
#include "bindings.glsl"

SCALAR(meanCorrection);
SCALAR(varianceCorrection);
#endif
