// The update of a population by the sums of its gradients, where a driver has no room to do it at the end of a step. A network whose loss
// is not finite keeps its weights and its state.
#include "stand_in_population.glsl"
#include "population_update.glsl"
#include "finite.glsl"

READ(gradients);
READ(losses);   // as population_losses.glsl has left them

void main()
{
    int member = workGroup().x;
    if (member >= members) return;

    vec4 found = LOAD(losses, matrixTexel(member, 0, 1));
    bool keeps = !isFinite(found.x);
    USE_RATE(found.z)
    for (int texel = int(gl_LocalInvocationID.x); texel < PARAMETER_TEXELS; texel += GROUP_SIZE)
    {
        int at = parameterOrigin(member) + texel;
        update(at, LOAD(weights, at), LOAD(gradients, at), keeps);
    }
}
