// The gradient of the mean loss (1 / rows) * sum L_i by the logits, for allowed classes j of row i (others: 0):
//   dZ_ij = (weight_i * (p_j - [j = label]) + entropyBonus * p_j * (log p_j + H(p))) / rows
// with L_i as in softmax_cross_entropy_forward. One invocation a row.
#include "matrix.glsl"
#include "targets.glsl"

layout(local_size_x = GROUP_SIZE) in;
layout(binding = 0, rgba32f) readonly uniform image2D logitsImage;
layout(binding = 2, rgba32f) writeonly uniform image2D logitGradients;
layout(location = SCALAR_0) uniform float entropyBonus;

vec4 loadLogits(int row, int texel)
{
    return imageLoad(logitsImage, matrixTexel(row, texel, classTexels));
}

#include "softmax.glsl"

void main()
{
    int row = int(gl_GlobalInvocationID.x);
    if (row >= rows) return;

    Target target = loadTarget(row);
    Softmax softmax = softmaxOfRow(row);
    for (int texel = 0; texel < classTexels; texel++)
    {
        vec4 logits = loadLogits(row, texel);
        bvec4 allowed = loadAllowed(row, texel);
        vec4 p = exponentials(logits, allowed, softmax.maximum) / softmax.sum;
        vec4 logP = mix(vec4(0.0), shiftedLogits(logits, softmax.maximum) - softmax.logSum, allowed);
        vec4 isLabel = mix(vec4(0.0), vec4(1.0), equal(4 * texel + ivec4(0, 1, 2, 3), ivec4(target.label)));
        vec4 gradient = target.weight * (p - isLabel) + entropyBonus * p * (logP + softmax.entropy);
        imageStore(logitGradients, matrixTexel(row, texel, classTexels), gradient / float(rows));
    }
}
