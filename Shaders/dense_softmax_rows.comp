// The last dense layer and the softmax in one: P [rows x classes] = softmax(H . W + b), H [rows x hidden]. An invocation is a
// row; every sum has the order of the kernels that this one replaces. With GROUP_ROWS, H is also computed here, by the layer before.
#include "hidden_rows.glsl"
#include "softmax.glsl"

WRITE(probabilities);
SIZE(classes);

bvec4 loadAllowed(int row, int texel)
{
    return lessThan(4 * texel + ivec4(0, 1, 2, 3), ivec4(classes));
}

void computeRow(int row)
{
    lookUpRow(row);
    computeOutputs(row);
    Softmax softmax = softmaxOfRow(row, OUTPUT_TEXELS);
    for (int t = 0; t < OUTPUT_TEXELS; t++)
    {
        vec4 terms = exponentials(networkOutput(row, t), loadAllowed(row, t), softmax.maximum);
        STORE(probabilities, matrixTexel(row, t, OUTPUT_TEXELS), terms / softmax.sum);
    }
}

void main()
{
    COMPUTE_ROWS(computeRow)
}
