// The last dense layer and the softmax in one: P [rows x classes] = softmax(H . W + b), H [rows x hidden]. An invocation is a
// row; every sum has the order of the kernels that this one replaces.
#include "matrix.glsl"

layout(local_size_x = GROUP_SIZE) in;
layout(binding = 0, rgba32f) readonly uniform image2D hidden;
layout(binding = 1, rgba32f) readonly uniform image2D outputParameters;
layout(binding = 2, rgba32f) writeonly uniform image2D probabilities;
layout(location = SIZE_0) uniform int hiddenTexels;
layout(location = SIZE_1) uniform int hiddenColumns;
layout(location = SIZE_2) uniform int classes;

#define classTexels CLASS_TEXELS

vec4 loadHidden(int row, int texel)
{
    return imageLoad(hidden, matrixTexel(row, texel, hiddenTexels));
}

bvec4 loadAllowed(int row, int texel)
{
    return lessThan(4 * texel + ivec4(0, 1, 2, 3), ivec4(classes));
}

#include "last_layer.glsl"
#include "softmax.glsl"

void main()
{
    int row = invocation().x;
    if (row >= rows) return;

    computeLogits(row);
    Softmax softmax = softmaxOfRow(row);
    for (int t = 0; t < CLASS_TEXELS; t++)
    {
        vec4 terms = exponentials(loadLogits(row, t), loadAllowed(row, t), softmax.maximum);
        imageStore(probabilities, matrixTexel(row, t, CLASS_TEXELS), terms / softmax.sum);
    }
}
