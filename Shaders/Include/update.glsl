// The update of a parameter, `weights`, by parameter_update.glsl. The including kernel calls loadDrop before update.
#include "parameter_update.glsl"
#ifdef LOG_SLOTS
#include "dropped_steps.glsl"
#endif

READ(weights);

void loadDrop()
{
#ifdef LOG_SLOTS
    droppedStep = FETCH(droppedSteps, logOfDrop()).x;
#endif
#ifdef GUIDED_RATE
    guidedRate = rateOfStep();
#endif
}

vec4 loadWeights(int at)
{
    return LOAD(weights, at);
}

DEFINE_UPDATE(update, loadWeights, pendingWeights, state, pendingState)
