// A tile of a dense layer, and the activation after it: ROWS rows by TEXELS texels of Y = X . W + b (with ACTIVATION: activate(Y)) in
// registers, walking along the inputs, one texel of X (four inputs) at a time. The sum over the inputs has one order for all tiles: four
// products at a time, in order. Values outside Y are not stored.
// The including kernel declares `inputs` [rows x inputs], `parameters` [inputs + 1 x outputs] (W and, below it, b), inputTexels, outputTexels
// and inputColumns, and defines STORE_TILE(at, values) for Y [rows x outputs].
#include "samples.glsl"
#include "products.glsl"
#include "tile.glsl"
#include <ACTIVATION>

#ifdef ACTIVATION
#define ACTIVATED(x) activate(x)
#else
#define ACTIVATED(x) x
#endif

void computeTile(int firstRow, int firstTexel)
{
    int inputAt[ROWS];
    vec4 sum[ROWS * TEXELS];
#define START(row, t) sum[row * TEXELS + t] = vec4(0.0);
#define START_ROW(row) inputAt[row] = matrixTexel(inputRow(firstRow + row), 0, inputTexels); ACROSS(START, row)
    EACH_ROW(START_ROW)
    int biasAt = matrixTexel(inputColumns, firstTexel, outputTexels);

    for (int k = 0; k < inputTexels; k++)
    {
        int weightAt0 = matrixTexel(4 * k, firstTexel, outputTexels), weightAt1 = weightAt0 + outputTexels;
        int weightAt2 = weightAt1 + outputTexels, weightAt3 = weightAt2 + outputTexels;
        vec4 x[ROWS];
        vec4 w0[TEXELS], w1[TEXELS], w2[TEXELS], w3[TEXELS];
#define LOAD_INPUT(row) x[row] = LOAD_INPUTS(inputs, inputAt[row] + k);
#define LOAD_WEIGHTS(t) \
        w0[t] = LOAD(parameters, weightAt0 + t); w1[t] = LOAD(parameters, weightAt1 + t); \
        w2[t] = LOAD(parameters, weightAt2 + t); w3[t] = LOAD(parameters, weightAt3 + t);
#define MULTIPLY(row, t) \
        sum[row * TEXELS + t] += productSum(x[row], w0[t], w1[t], w2[t], w3[t]);
#define MULTIPLY_TEXEL(t) DOWN(MULTIPLY, t)
        EACH_TEXEL(LOAD_WEIGHTS)
        EACH_ROW(LOAD_INPUT)
        EACH_TEXEL(MULTIPLY_TEXEL)
    }

    vec4 bias[TEXELS];
#define LOAD_BIAS(t) bias[t] = LOAD(parameters, biasAt + t);
    EACH_TEXEL(LOAD_BIAS)
#define STORE_TEXEL(row, t) \
    { \
        vec4 y = ACTIVATED(scaleInputs(sum[row * TEXELS + t]) + bias[t]); \
        if (isInUse && firstTexel + t < outputTexels) STORE_TILE(at + t, y); \
    }
#define STORE_ROW(row) \
    { \
        int at = matrixTexel(firstRow + row, firstTexel, outputTexels); \
        bool isInUse = firstRow + row < rows; \
        ACROSS(STORE_TEXEL, row) \
    }
    EACH_ROW(STORE_ROW)
}
