// With LOG_SLOTS: notes a row's non-finite loss in the log of step_log.glsl, before any update of this step.
#include "step_log.glsl"

#ifdef LOG_SLOTS
READ_WRITE(stepLog);

void noteLoss(float loss)
{
    float droppedStep = LOAD(stepLog, logOfDrop()).x;
    if (!isFinite(loss) && droppedStep == 0.0) STORE(stepLog, logOfDrop(), vec4(float(stepNumber), 0.0, 0.0, 0.0));
}
#else
#define noteLoss(loss)
#endif
