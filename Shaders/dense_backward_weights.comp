// [dW; db] [inputs + 1 x outputs] = transpose([X, 1] [rows x inputs + 1]) . dY [rows x outputs]: the gradient of the biases is
// that of a last row of weights whose input is always one.
//
// With UPDATE: the optimizer's update by that gradient instead, which is then never stored. With LOSS_PARTS: a last row of
// workgroups, the first of which sums the batch's losses.
//
// An invocation keeps ROWS rows (a multiple of four: complete texels of X) by TEXELS texels of dW and walks along the batch,
// four of its rows at a time: an outer product of texels of X and texels of dY. The sum over the batch has one order, four
// products at a time; batch rows not in use count as zero, whatever the matrices hold there.
#include "samples.glsl"
#include "products.glsl"
#include "tile.glsl"

READ_INPUTS(inputs);
READ(outputGradients);
#ifdef UPDATE
#include "update.glsl"
#else
WRITE(parameterGradients);
#endif
#ifdef LOSS_PARTS
#include "loss_sum.glsl"
#endif
SIZE(inputTexels);
SIZE(outputTexels);
SIZE(inputColumns);

const int INPUT_TEXELS = ROWS / 4;

vec4 loadInput(int at, int texel, bool isInput)
{
    return zeroUnless(isInput, LOAD_INPUTS(inputs, at + texel));
}

void main()
{
#ifdef LOSS_PARTS
    sumLosses(int(gl_LocalInvocationID.x), GROUP_SIZE, workGroup().x == 0 && workGroup().y * ROWS * (GROUP_SIZE / COLUMN_LANES) > inputColumns);
#endif
    int firstTexel = tileColumn() * TEXELS;
    int firstInputTexel = tileRow() * INPUT_TEXELS;
    if (firstTexel >= outputTexels || 4 * firstInputTexel > inputColumns) return;

    // The padding of X is zero, so the input that is always one can be added to it.
    vec4 ones[INPUT_TEXELS];
    bool isInput[INPUT_TEXELS];
#define FIND_ONE(row) \
    if (row % 4 == 0) \
    { \
        ivec4 column = 4 * firstInputTexel + row + ivec4(0, 1, 2, 3); \
        ones[row / 4] = mix(vec4(0.0), vec4(INPUT_ONE), equal(column, ivec4(inputColumns))); \
        isInput[row / 4] = firstInputTexel + row / 4 < inputTexels; \
    }
    EACH_ROW(FIND_ONE)

    vec4 sum[ROWS * TEXELS];
#define START(row, t) sum[row * TEXELS + t] = vec4(0.0);
#define START_ROW(row) ACROSS(START, row)
    EACH_ROW(START_ROW)

    int b = 0;
    do
    {
#ifdef DRAWN_INPUTS
        ivec4 drawn = drawnRows(b);
        int inputAt0 = matrixTexel(drawn.x, firstInputTexel, inputTexels), inputAt1 = matrixTexel(drawn.y, firstInputTexel, inputTexels);
        int inputAt2 = matrixTexel(drawn.z, firstInputTexel, inputTexels), inputAt3 = matrixTexel(drawn.w, firstInputTexel, inputTexels);
#else
        int inputAt0 = matrixTexel(b, firstInputTexel, inputTexels), inputAt1 = inputAt0 + inputTexels;
        int inputAt2 = inputAt1 + inputTexels, inputAt3 = inputAt2 + inputTexels;
#endif
        int gradientAt0 = matrixTexel(b, firstTexel, outputTexels), gradientAt1 = gradientAt0 + outputTexels;
        int gradientAt2 = gradientAt1 + outputTexels, gradientAt3 = gradientAt2 + outputTexels;
        vec4 x0[INPUT_TEXELS], x1[INPUT_TEXELS], x2[INPUT_TEXELS], x3[INPUT_TEXELS];
        vec4 g0[TEXELS], g1[TEXELS], g2[TEXELS], g3[TEXELS];
        bool use1 = b + 1 < rows, use2 = b + 2 < rows, use3 = b + 3 < rows;
#define LOAD_INPUT(row) \
        if (row % 4 == 0) \
        { \
            x0[row / 4] = loadInput(inputAt0, row / 4, isInput[row / 4]) + ones[row / 4]; \
            x1[row / 4] = zeroUnless(use1, loadInput(inputAt1, row / 4, isInput[row / 4]) + ones[row / 4]); \
            x2[row / 4] = zeroUnless(use2, loadInput(inputAt2, row / 4, isInput[row / 4]) + ones[row / 4]); \
            x3[row / 4] = zeroUnless(use3, loadInput(inputAt3, row / 4, isInput[row / 4]) + ones[row / 4]); \
        }
#define LOAD_GRADIENT(t) \
        g0[t] = LOAD(outputGradients, gradientAt0 + t); \
        g1[t] = zeroUnless(use1, LOAD(outputGradients, gradientAt1 + t)); \
        g2[t] = zeroUnless(use2, LOAD(outputGradients, gradientAt2 + t)); \
        g3[t] = zeroUnless(use3, LOAD(outputGradients, gradientAt3 + t));
#define MULTIPLY(row, t) \
        sum[row * TEXELS + t] += productSum( \
            vec4(x0[row / 4][row % 4], x1[row / 4][row % 4], x2[row / 4][row % 4], x3[row / 4][row % 4]), g0[t], g1[t], g2[t], g3[t]);
#define MULTIPLY_TEXEL(t) DOWN(MULTIPLY, t)
        EACH_TEXEL(LOAD_GRADIENT)
        EACH_ROW(LOAD_INPUT)
        EACH_TEXEL(MULTIPLY_TEXEL)
        b += 4;
    }
    while (b < rows);

#ifdef UPDATE
    loadDrop();
#define FINISH(at, isWanted, gradient) update(at, isWanted, gradient)
#else
#define FINISH(at, isWanted, gradient) { vec4 stored = gradient; if (isWanted) STORE(parameterGradients, at, stored); }
#endif
#define STORE_TEXEL(row, t) \
    FINISH(at + t, isParameter && firstTexel + t < outputTexels, scaleInputs(sum[row * TEXELS + t]));
#define STORE_ROW(row) \
    { \
        int at = matrixTexel(4 * firstInputTexel + row, firstTexel, outputTexels); \
        bool isParameter = 4 * firstInputTexel + row <= inputColumns; \
        ACROSS(STORE_TEXEL, row) \
    }
    EACH_ROW(STORE_ROW)
#ifdef UPDATE
    noteKept();
#endif
}
