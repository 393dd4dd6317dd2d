// P [rows x classes] = softmax of each row of the logits Z [rows x classes]. One invocation a row.
#include "matrix.glsl"

layout(local_size_x = GROUP_SIZE) in;
layout(binding = LOGITS_IMAGE, rgba32f) readonly uniform imageBuffer storedLogits;
layout(std430, binding = PROBABILITIES_BUFFER) writeonly buffer Probabilities { TEXEL probabilities[]; };
layout(location = SIZE_0) uniform int classTexels;
layout(location = SIZE_1) uniform int classes;

vec4 loadLogits(int row, int texel)
{
    return imageLoad(storedLogits, matrixTexel(row, texel, classTexels));
}

bvec4 loadAllowed(int row, int texel)
{
    return lessThan(4 * texel + ivec4(0, 1, 2, 3), ivec4(classes));
}

#include "softmax.glsl"

void main()
{
    int row = invocation().x;
    if (row >= rows) return;

    Softmax softmax = softmaxOfRow(row);
    for (int texel = 0; texel < classTexels; texel++)
    {
        vec4 terms = exponentials(loadLogits(row, texel), loadAllowed(row, texel), softmax.maximum);
        probabilities[matrixTexel(row, texel, classTexels)] = asTexel(terms / softmax.sum);
    }
}
