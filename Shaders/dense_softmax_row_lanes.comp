// The last dense layer and the softmax in one, a row by several invocations: P [rows x classes] = softmax(H . W + b), H [rows x hidden]. With KEPT_HIDDEN, H is what the layer before
// makes of its sums.
#include "last_layer_lanes.glsl"
#include "softmax.glsl"

WRITE(probabilities);
SIZE(classes);

bvec4 loadAllowed(int row, int texel)
{
    return lessThan(4 * texel + ivec4(0, 1, 2, 3), ivec4(classes));
}

void main()
{
    int row = rowOfLanes();
    lookUpRow(row);
    computeOutputs(row);
    Softmax softmax = softmaxOfRow(row, OUTPUT_TEXELS);
    FOR_TEXELS_OF_LANE(t)
    {
        vec4 terms = exponentials(networkOutput(row, t), loadAllowed(row, t), softmax.maximum);
        if (isRowInUse()) STORE(probabilities, matrixTexel(row, t, OUTPUT_TEXELS), terms / softmax.sum);
    }
}
