// The mean loss and the number of right predictions of a batch: [1 x 4] = (sum L_i / rows, sum right_i, 0, 0) from [rows x 4].
// One workgroup: invocation l sums rows l, l + GROUP_SIZE, ... in order, then one adds the parts in order.
#include "matrix.glsl"

layout(local_size_x = GROUP_SIZE) in;
layout(binding = 0, rgba32f) readonly uniform image2D rowLosses;
layout(binding = 1, rgba32f) writeonly uniform image2D batchLoss;

shared vec2 parts[GROUP_SIZE];

void main()
{
    int lane = int(gl_LocalInvocationID.x);
    vec2 part = vec2(0.0);
    for (int row = lane; row < rows; row += GROUP_SIZE) part += imageLoad(rowLosses, matrixTexel(row, 0, 1)).xy;
    parts[lane] = part;
    barrier();

    if (lane == 0)
    {
        vec2 sum = vec2(0.0);
        for (int i = 0; i < GROUP_SIZE; i++) sum += parts[i];
        imageStore(batchLoss, ivec2(0, 0), vec4(sum.x / float(rows), sum.y, 0.0, 0.0));
    }
}
