// The mean loss and the number of correct predictions of a batch, as in loss_sum.glsl. One workgroup.
layout(local_size_x = GROUP_SIZE) in;
#include "loss_sum.glsl"

void main()
{
    sumLosses(int(gl_LocalInvocationID.x), GROUP_SIZE, true);
}
