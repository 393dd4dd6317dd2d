// The mean loss and the number of right predictions of a batch, as loss_sum.glsl says. One workgroup.
#include "matrix.glsl"

layout(local_size_x = GROUP_SIZE) in;
layout(binding = ROW_LOSSES_IMAGE, rgba32f) readonly uniform imageBuffer rowLosses;
layout(std430, binding = BATCH_LOSS_BUFFER) writeonly buffer BatchLoss { TEXEL batchLoss[]; };

#include "loss_sum.glsl"

void main()
{
    sumLosses(int(gl_LocalInvocationID.x), GROUP_SIZE, true);
}
