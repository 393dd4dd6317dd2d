// The update of a population by the sums of its gradients, for drivers that cannot do it at the end of a step. A network whose loss
// is not finite keeps its weights and its state. A workgroup has a network, whose texels its invocations take in turn.
#include "population_lane_layout.glsl"
#include "population_update.glsl"
#include "finite.glsl"

layout(local_size_x = GROUP_SIZE) in;
READ(gradients);
READ(losses);   // as population_losses.glsl left them

void main()
{
    int member = workGroup().x;
    if (member >= members) return;

    vec4 found = LOAD(losses, matrixTexel(member, 0, 1));
    bool keeps = !isFinite(found.x);
    USE_RATE(found.z)
    for (int texel = int(gl_LocalInvocationID.x); texel < PARAMETER_TEXELS; texel += GROUP_SIZE)
    {
        int at = matrixTexel(member, texel, PARAMETER_TEXELS);
        update(at, LOAD(weights, at), LOAD(gradients, at), keeps);
    }
}
