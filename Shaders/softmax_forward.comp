// P [rows x classes] = softmax of each row of the logits Z [rows x classes]. One invocation per row.
#include "matrix.glsl"
#include "softmax.glsl"

layout(local_size_x = GROUP_SIZE) in;
READ(logits);
WRITE(probabilities);
SIZE(classTexels);
SIZE(classes);

vec4 networkOutput(int row, int texel)
{
    return LOAD(logits, matrixTexel(row, texel, classTexels));
}

bvec4 loadAllowed(int row, int texel)
{
    return lessThan(4 * texel + ivec4(0, 1, 2, 3), ivec4(classes));
}

void main()
{
    int row = invocation().x;
    if (row >= rows) return;

    Softmax softmax = softmaxOfRow(row, classTexels);
    for (int texel = 0; texel < classTexels; texel++)
    {
        vec4 terms = exponentials(networkOutput(row, texel), loadAllowed(row, texel), softmax.maximum);
        STORE(probabilities, matrixTexel(row, texel, classTexels), terms / softmax.sum);
    }
}
