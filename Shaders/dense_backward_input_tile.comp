// dX [rows x inputs] = dY [rows x outputs] . transpose(W [inputs x outputs]). A workgroup has a tile of dX, as in workgroup_product.glsl.
// With ACTIVATION: X is the output of an activation before this layer, and dX is the gradient before that activation.
#define A_ALONG_SUM
#define B_ALONG_SUM
#include "workgroup_product.glsl"
#include <ACTIVATION>

READ(outputGradients);
READ(parameters);   // [inputs + 1 x outputs]: W and, below it, the biases
WRITE(inputGradients);
#ifdef ACTIVATION
READ(activations);
#endif
SIZE(inputTexels);
SIZE(outputTexels);
SIZE(inputColumns);

int beginA(int row)
{
    return matrixTexel(row, 0, outputTexels);
}

vec4 loadA(int begun, int row, int k)
{
    return row < rows && k < 4 * outputTexels ? LOAD(outputGradients, begun + k / 4) : vec4(0.0);
}

int beginB(int column)
{
    return matrixTexel(column, 0, outputTexels);
}

// Past the last input, zero: there lie the biases, and the padding of dX stays zero.
vec4 loadB(int begun, int column, int k)
{
    return column < inputColumns && k < 4 * outputTexels ? LOAD(parameters, begun + k / 4) : vec4(0.0);
}

void main()
{
    firstTileRow = workGroup().y * TILE_ROWS;
    firstTileTexel = workGroup().x * TILE_COLUMN_TEXELS;
    sumProducts(0, 4 * outputTexels);
#ifdef ACTIVATION
#define BEFORE_ACTIVATION(gradient, at) gradientFromOutput(gradient, LOAD(activations, at))
#else
#define BEFORE_ACTIVATION(gradient, at) gradient
#endif
#define STORE_RESULT(row, t) \
    if (RESULT_ROW(row) < rows && RESULT_TEXEL(t) < inputTexels) \
    { \
        int at = matrixTexel(RESULT_ROW(row), RESULT_TEXEL(t), inputTexels); \
        STORE(inputGradients, at, BEFORE_ACTIVATION(tileSums[row * LANE_TEXELS + t], at)); \
    }
#define STORE_RESULTS(row) ACROSS(STORE_RESULT, row)
    EACH_LANE_ROW(STORE_RESULTS)
}
