// The update of a parameter, `weights`, by parameter_update.glsl. The including kernel calls loadDrop before update.
#include "parameter_update.glsl"
#ifdef LOG_SLOTS
#include "dropped_steps.glsl"
#endif

READ(weights);
WRITE(pendingWeights);
EACH_STATE(DECLARE_STATE, state, pendingState)

void loadDrop()
{
#ifdef LOG_SLOTS
    droppedStep = FETCH(droppedSteps, logOfDrop()).x;
#endif
#ifdef GUIDED_RATE
    guidedRate = rateOfStep();
#endif
}

void update(int at, bool isWanted, vec4 gradient)
{
    vec4 w = LOAD(weights, at);
    UPDATE_TEXEL(w, pendingWeights, state, pendingState)
}
