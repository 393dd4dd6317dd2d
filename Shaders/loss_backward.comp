// The gradient of the mean loss (1 / rows) * sum L_i by a network's outputs: slot LOSS, with L_i as in loss_forward. One invocation per row.
#include "samples.glsl"
#include <LOSS>

layout(local_size_x = GROUP_SIZE) in;
READ(networkOutputs);
WRITE(networkGradients);
SIZE(networkTexels);   // texels of a row of outputs

vec4 networkOutput(int row, int texel)
{
    return LOAD(networkOutputs, matrixTexel(row, texel, networkTexels));
}

void main()
{
    int row = invocation().x;
    if (row >= rows) return;

    lookUpRow(row);
    LossRow begun = beginLoss(row, networkTexels);
    for (int texel = 0; texel < networkTexels; texel++)
        STORE(networkGradients, matrixTexel(row, texel, networkTexels), outputGradient(row, texel, begun));
}
