// The loss of each row i of the logits Z [rows x classes], over its allowed classes:
//   L_i = weight_i * (-log p_label) - entropyBonus * H(p),  p = softmax(z),  H(p) = -sum p log p
// into [rows x 4]: L_i, 1 if the first greatest logit is the label's else 0, and two zeros. One invocation a row.
#include "matrix.glsl"
#include "targets.glsl"

layout(local_size_x = GROUP_SIZE) in;
layout(binding = LOGITS_IMAGE, rgba32f) readonly uniform imageBuffer storedLogits;
layout(std430, binding = ROW_LOSSES_BUFFER) writeonly buffer RowLosses { TEXEL rowLosses[]; };
layout(location = SIZE_1) uniform int classTexels;   // texels of a row of logits
layout(location = SCALAR_0) uniform float entropyBonus;

vec4 loadLogits(int row, int texel)
{
    return imageLoad(storedLogits, matrixTexel(row, texel, classTexels));
}

#include "softmax.glsl"
#include "cross_entropy.glsl"
#ifdef RECORD_SLOTS
#include "loss_guard.glsl"
#endif

void main()
{
    int row = invocation().x;
    if (row >= rows) return;

    lookUpRow(row);
    vec4 loss = rowLoss(row, loadTarget(row), softmaxOfRow(row));
    rowLosses[matrixTexel(row, 0, 1)] = asTexel(loss);
#ifdef RECORD_SLOTS
    noteLoss(loss.x);
#endif
}
