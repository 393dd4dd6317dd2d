// dX [rows x inputs] = dY [rows x outputs] . transpose(W [inputs x outputs])
// With ACTIVATION: X is the output of an activation before this layer, and dX is the gradient before that activation.
//
// An invocation keeps ROWS rows by TEXELS texels of dX. Each element is a dot product along the outputs of a row of dY and a
// row of W; both are contiguous in that direction, so nothing is transposed.
#include "matrix.glsl"
#include "products.glsl"
#include "tile.glsl"
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

void main()
{
    int firstTexel = tileColumn() * TEXELS;
    int firstRow = tileRow() * ROWS;
    if (firstTexel >= inputTexels || firstRow >= rows) return;

    int gradientAt[ROWS];
    int weightAt[TEXELS];
    vec4 sum[ROWS * TEXELS];
#define START(row, t) sum[row * TEXELS + t] = vec4(0.0);
#define START_ROW(row) gradientAt[row] = matrixTexel(firstRow + row, 0, outputTexels); ACROSS(START, row)
#define START_TEXEL(t) weightAt[t] = matrixTexel(4 * (firstTexel + t), 0, outputTexels);
    EACH_ROW(START_ROW)
    EACH_TEXEL(START_TEXEL)

    for (int n = 0; n < outputTexels; n++)
    {
        vec4 g[ROWS];
        vec4 w0[TEXELS], w1[TEXELS], w2[TEXELS], w3[TEXELS];
#define LOAD_GRADIENT(row) g[row] = LOAD(outputGradients, gradientAt[row] + n);
#define LOAD_WEIGHTS(t) \
        w0[t] = LOAD(parameters, weightAt[t] + n); w1[t] = LOAD(parameters, weightAt[t] + n + outputTexels); \
        w2[t] = LOAD(parameters, weightAt[t] + n + 2 * outputTexels); w3[t] = LOAD(parameters, weightAt[t] + n + 3 * outputTexels);
#define MULTIPLY(row, t) \
        sum[row * TEXELS + t] += vec4(productSum(g[row], w0[t]), productSum(g[row], w1[t]), productSum(g[row], w2[t]), productSum(g[row], w3[t]));
#define MULTIPLY_TEXEL(t) DOWN(MULTIPLY, t)
        EACH_TEXEL(LOAD_WEIGHTS)
        EACH_ROW(LOAD_GRADIENT)
        EACH_TEXEL(MULTIPLY_TEXEL)
    }

    // The padding of dX stays zero: the biases follow the last row of W.
    bvec4 isInput[TEXELS];
#define KEEP(t) isInput[t] = lessThan(4 * (firstTexel + t) + ivec4(0, 1, 2, 3), ivec4(inputColumns));
    EACH_TEXEL(KEEP)
#ifdef ACTIVATION
#define BEFORE_ACTIVATION(gradient, at) gradientFromOutput(gradient, LOAD(activations, at))
#else
#define BEFORE_ACTIVATION(gradient, at) gradient
#endif
#define STORE_TEXEL(row, t) \
    { \
        vec4 dx = BEFORE_ACTIVATION(mix(vec4(0.0), sum[row * TEXELS + t], isInput[t]), at + t); \
        if (isInUse && firstTexel + t < inputTexels) STORE(inputGradients, at + t, dx); \
    }
#define STORE_ROW(row) \
    { \
        int at = matrixTexel(firstRow + row, firstTexel, inputTexels); \
        bool isInUse = firstRow + row < rows; \
        ACROSS(STORE_TEXEL, row) \
    }
    EACH_ROW(STORE_ROW)
}
