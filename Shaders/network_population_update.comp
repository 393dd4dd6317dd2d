// The update of a population by the sums of its gradients, for drivers that cannot do it at the end of a step. A network whose loss
// is not finite keeps its weights and its state. An invocation has UPDATED_TEXELS texels of a network.
#include "population_layout.glsl"
#include "population_update.glsl"
#include "finite.glsl"

READ(gradients);
READ(losses);   // as population_losses.glsl left them

void main()
{
    int member = invocation().x;
    if (member >= members) return;

    int origin = parameterOrigin(member);
    vec4 found = LOAD(losses, matrixTexel(member, 0, 1));
    bool keeps = !isFinite(found.x);
    USE_RATE(found.z)
    int first = workGroup().y * UPDATED_TEXELS;
    for (int texel = first; texel < min(first + UPDATED_TEXELS, PARAMETER_TEXELS); texel++)
    {
        int at = parameterTexel(origin, texel);
        update(at, LOAD(weights, at), LOAD(gradients, at), keeps);
    }
}
