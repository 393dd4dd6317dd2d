// The gradient of the mean loss (1 / rows) * sum L_i by the logits, for allowed classes j of row i (others: 0):
//   dZ_ij = (weight_i * (p_j - [j = label]) + entropyBonus * p_j * (log p_j + H(p))) / rows
// with L_i as in softmax_cross_entropy_forward. One invocation a row.
#include "matrix.glsl"
#include "targets.glsl"

layout(local_size_x = GROUP_SIZE) in;
layout(binding = LOGITS_IMAGE, rgba32f) readonly uniform imageBuffer storedLogits;
layout(std430, binding = LOGIT_GRADIENTS_BUFFER) writeonly buffer LogitGradients { TEXEL logitGradients[]; };
layout(location = SIZE_1) uniform int classTexels;   // texels of a row of logits
layout(location = SCALAR_0) uniform float entropyBonus;

vec4 loadLogits(int row, int texel)
{
    return imageLoad(storedLogits, matrixTexel(row, texel, classTexels));
}

#include "softmax.glsl"
#include "cross_entropy.glsl"

void main()
{
    int row = invocation().x;
    if (row >= rows) return;

    lookUpRow(row);
    Target target = loadTarget(row);
    Softmax softmax = softmaxOfRow(row);
    for (int texel = 0; texel < classTexels; texel++)
    {
        logitGradients[matrixTexel(row, texel, classTexels)] = asTexel(logitGradient(row, texel, target, softmax));
    }
}
