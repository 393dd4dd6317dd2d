// The last dense layer of a row, for few outputs: z = h . W + b stays in OUTPUT_TEXELS texels, and dh = dz . transpose(W).
// Sums have the order of dense_forward and dense_backward_input.
#include "matrix.glsl"
#include "products.glsl"

READ(outputParameters);   // [hidden + 1 x outputs]: W and, below it, b
SIZE(hiddenTexels);
SIZE(hiddenColumns);

vec4 z[OUTPUT_TEXELS];

// Defined by the kernel: a texel of h, and the scale of a sum over it.
vec4 loadHidden(int row, int texel);
vec4 scaleHidden(vec4 sum);

vec4 networkOutput(int row, int texel)
{
    return z[texel];
}

void computeOutputs(int row)
{
    vec4 sum[OUTPUT_TEXELS];   // in registers; z is not, because other code indexes it by a variable
    for (int t = 0; t < OUTPUT_TEXELS; t++) sum[t] = vec4(0.0);
    int k = 0;
    do
    {
        vec4 h = loadHidden(row, k);
        int at = matrixTexel(4 * k, 0, OUTPUT_TEXELS);
        for (int t = 0; t < OUTPUT_TEXELS; t++)
        {
            sum[t] += productSum(
                h, LOAD(outputParameters, at + t), LOAD(outputParameters, at + t + OUTPUT_TEXELS), LOAD(outputParameters, at + t + 2 * OUTPUT_TEXELS),
                LOAD(outputParameters, at + t + 3 * OUTPUT_TEXELS));
        }

        k++;
    }
    while (k < hiddenTexels);

    for (int t = 0; t < OUTPUT_TEXELS; t++) z[t] = scaleHidden(sum[t]) + LOAD(outputParameters, matrixTexel(hiddenColumns, t, OUTPUT_TEXELS));
}

// A texel of dh. Its padding is zero: the biases follow the last row of W.
vec4 hiddenGradient(int k, vec4 gradients[OUTPUT_TEXELS])
{
    int at = matrixTexel(4 * k, 0, OUTPUT_TEXELS);
    vec4 sum = vec4(0.0);
    for (int t = 0; t < OUTPUT_TEXELS; t++)
    {
        vec4 g = gradients[t];
        sum += vec4(
            productSum(g, LOAD(outputParameters, at + t)), productSum(g, LOAD(outputParameters, at + t + OUTPUT_TEXELS)),
            productSum(g, LOAD(outputParameters, at + t + 2 * OUTPUT_TEXELS)), productSum(g, LOAD(outputParameters, at + t + 3 * OUTPUT_TEXELS)));
    }

    return mix(vec4(0.0), sum, lessThan(4 * k + ivec4(0, 1, 2, 3), ivec4(hiddenColumns)));
}
