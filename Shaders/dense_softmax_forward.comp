// The last dense layer and the softmax in one: P [rows x classes] = softmax(H . W + b), H [rows x hidden]. An invocation is a
// row; every sum has the order of the kernels that this one replaces. With GROUP_ROWS, H is computed here too, by the layer before.
#include "matrix.glsl"

layout(binding = OUTPUT_PARAMETERS_IMAGE, rgba32f) readonly uniform imageBuffer outputParameters;
layout(std430, binding = PROBABILITIES_BUFFER) writeonly buffer Probabilities { TEXEL probabilities[]; };
layout(location = SIZE_0) uniform int hiddenTexels;
layout(location = SIZE_1) uniform int hiddenColumns;
layout(location = SIZE_2) uniform int classes;

#define classTexels CLASS_TEXELS

#include "hidden_rows.glsl"

bvec4 loadAllowed(int row, int texel)
{
    return lessThan(4 * texel + ivec4(0, 1, 2, 3), ivec4(classes));
}

#include "last_layer.glsl"
#include "softmax.glsl"

void computeRow(int row)
{
    computeLogits(row);
    Softmax softmax = softmaxOfRow(row);
    for (int t = 0; t < CLASS_TEXELS; t++)
    {
        vec4 terms = exponentials(loadLogits(row, t), loadAllowed(row, t), softmax.maximum);
        probabilities[matrixTexel(row, t, CLASS_TEXELS)] = asTexel(terms / softmax.sum);
    }
}
