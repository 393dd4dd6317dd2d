// The loss L_i of each row i of a network's outputs against its target: slot LOSS. Into [rows x 4]: L_i, 1 if the prediction
// is correct else 0, and two zeros. One invocation per row.
#include "samples.glsl"
#include "loss_guard.glsl"
#include <LOSS>

layout(local_size_x = GROUP_SIZE) in;
READ(networkOutputs);
WRITE(rowLosses);
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
    vec4 loss = rowLoss(row, beginLoss(row, networkTexels));
    STORE(rowLosses, matrixTexel(row, 0, 1), loss);
    noteLoss(loss.x);
}
