// dX [rows x inputs] = dY [rows x outputs] . transpose(W [inputs x outputs])
// With RELU: dX where X, the output of a ReLU before this layer, is above zero, else 0: the gradient before that ReLU.
//
// An invocation keeps ROWS rows by TEXELS texels of dX. Each element is a dot product along the outputs of a row of dY and a
// row of W; both lie packed along that direction, so nothing is transposed.
#include "matrix.glsl"
#include "tile.glsl"
#include "relu.glsl"

layout(binding = OUTPUT_GRADIENTS_IMAGE, rgba32f) readonly uniform imageBuffer outputGradients;
layout(binding = PARAMETERS_IMAGE, rgba32f) readonly uniform imageBuffer parameters;   // [inputs + 1 x outputs]: W and, below it, the biases
layout(std430, binding = INPUT_GRADIENTS_BUFFER) writeonly buffer InputGradients { TEXEL inputGradients[]; };
#ifdef RELU
layout(binding = ACTIVATIONS_IMAGE, rgba32f) readonly uniform imageBuffer activations;
#endif
layout(location = SIZE_0) uniform int inputTexels;
layout(location = SIZE_1) uniform int outputTexels;
layout(location = SIZE_2) uniform int inputColumns;

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
#define LOAD_GRADIENT(row) g[row] = imageLoad(outputGradients, gradientAt[row] + n);
#define LOAD_WEIGHTS(t) \
        w0[t] = imageLoad(parameters, weightAt[t] + n); w1[t] = imageLoad(parameters, weightAt[t] + n + outputTexels); \
        w2[t] = imageLoad(parameters, weightAt[t] + n + 2 * outputTexels); w3[t] = imageLoad(parameters, weightAt[t] + n + 3 * outputTexels);
#define MULTIPLY(row, t) \
        sum[row * TEXELS + t] += vec4(dot(g[row], w0[t]), dot(g[row], w1[t]), dot(g[row], w2[t]), dot(g[row], w3[t]));
#define MULTIPLY_TEXEL(t) DOWN(MULTIPLY, t)
        EACH_TEXEL(LOAD_WEIGHTS)
        EACH_ROW(LOAD_GRADIENT)
        EACH_TEXEL(MULTIPLY_TEXEL)
    }

    // The padding of dX stays zero: what follows the last row of W are the biases.
    bvec4 isInput[TEXELS];
#define KEEP(t) isInput[t] = lessThan(4 * (firstTexel + t) + ivec4(0, 1, 2, 3), ivec4(inputColumns));
    EACH_TEXEL(KEEP)
#ifdef RELU
#define THROUGH_RELU(gradient, at) reluGradient(gradient, imageLoad(activations, at))
#else
#define THROUGH_RELU(gradient, at) gradient
#endif
#define STORE(row, t) \
    { \
        vec4 dx = THROUGH_RELU(mix(vec4(0.0), sum[row * TEXELS + t], isInput[t]), at + t); \
        if (isInUse && firstTexel + t < inputTexels) inputGradients[at + t] = asTexel(dx); \
    }
#define STORE_ROW(row) \
    { \
        int at = matrixTexel(firstRow + row, firstTexel, inputTexels); \
        bool isInUse = firstRow + row < rows; \
        ACROSS(STORE, row) \
    }
    EACH_ROW(STORE_ROW)
}
