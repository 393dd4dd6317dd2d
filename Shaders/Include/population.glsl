// The forward pass of a population: Z = activate(X . W1 + b1) . W2 + b2 (slot ACTIVATION). A lane walks its own weights and ROWS of its own
// samples, exchanges nothing with adjacent lanes and needs no barrier.
//
// Features [members * rows x inputs] and targets have one row per sample; the rows of a network are contiguous.
//
// Short dimensions are unrolled in the source text; longer ones are loops, whose arrays stay in memory. C# generates the macros
// (RegisterTiledPopulation):
//   EACH_ROW(F)             F(0) F(1) ... F(ROWS - 1)
//   EACH_INPUT_TEXEL(F)     F(0) F(1) ... F(INPUT_TEXELS - 1), or a loop of F
//   EACH_OUTPUT_TEXEL(F)    the same of OUTPUT_TEXELS
// With KEEPS_FEATURES, features stay in registers for the complete kernel.
// The including kernel declares z, an array of ROWS * OUTPUT_TEXELS texels.
// The sums have one order: inputs four products at a time, hidden units four at a time, batch rows and outputs in order.
#include "population_layout.glsl"
#include "products.glsl"
#include <ACTIVATION>

READ(features);

// The address of each row's features. Past the last row, the last one is repeated; those results are not used.
#define DECLARE_SAMPLES(member, firstRow) \
    int sampleRow[ROWS]; \
    int featureAt[ROWS]; \
    EACH_ROW(FIND_SAMPLE)
#define FIND_SAMPLE(row) \
    sampleRow[row] = member * rows + min(firstRow + row, rows - 1); \
    featureAt[row] = matrixTexel(sampleRow[row], 0, INPUT_TEXELS);

// FEATURE(row, k) is a texel of the features.
#ifdef KEEPS_FEATURES
#define DECLARE_FEATURES vec4 kept[ROWS * INPUT_TEXELS]; EACH_INPUT_TEXEL(KEEP_INPUT)
#define KEEP_INPUT(k) { const int keptTexel = k; EACH_ROW(KEEP_FEATURE) }
#define KEEP_FEATURE(row) kept[row * INPUT_TEXELS + keptTexel] = LOAD(features, featureAt[row] + keptTexel);
#define FEATURE(row, k) kept[row * INPUT_TEXELS + k]
#else
#define DECLARE_FEATURES
#define FEATURE(row, k) LOAD(features, featureAt[row] + k)
#endif

// hidden[row] = activate(b1 + sum over inputs) for the texel of hidden units whose run begins at texel `run`.
#define COMPUTE_HIDDEN \
    vec4 bias1 = LOAD(weights, parameterTexel(origin, run + INPUTS)); \
    EACH_ROW(START_HIDDEN) \
    EACH_INPUT_TEXEL(ADD_INPUT) \
    EACH_ROW(ACTIVATE)
#define START_HIDDEN(row) hidden[row] = bias1;
#define ADD_INPUT(k) \
    { \
        const int texel = k; \
        vec4 w0 = INPUT_WEIGHTS(4 * texel), w1 = INPUT_WEIGHTS(4 * texel + 1); \
        vec4 w2 = INPUT_WEIGHTS(4 * texel + 2), w3 = INPUT_WEIGHTS(4 * texel + 3); \
        EACH_ROW(ADD_PRODUCTS) \
    }
#define INPUT_WEIGHTS(i) (i < INPUTS ? LOAD(weights, parameterTexel(origin, run + i)) : vec4(0.0))
#define ADD_PRODUCTS(row) \
    { \
        vec4 v = FEATURE(row, texel); \
        hidden[row] += productSum(v, w0, w1, w2, w3); \
    }
#define ACTIVATE(row) hidden[row] = activate(hidden[row]);

// z[row * OUTPUT_TEXELS + t]: the outputs.
#define COMPUTE_OUTPUTS \
    EACH_OUTPUT_TEXEL(START_OUTPUT) \
    for (int h = 0; h < NOT_UNROLLED(HIDDEN_TEXELS); h++) \
    { \
        int run = h * RUN_TEXELS; \
        vec4 hidden[ROWS]; \
        COMPUTE_HIDDEN \
        EACH_OUTPUT_TEXEL(ADD_OUTPUT) \
    }
#define START_OUTPUT(t) \
    { \
        const int texel = t; \
        vec4 bias2 = LOAD(weights, parameterTexel(origin, HIDDEN_TEXELS * RUN_TEXELS + texel)); \
        EACH_ROW(START_OUTPUT_ROW) \
    }
#define START_OUTPUT_ROW(row) z[row * OUTPUT_TEXELS + texel] = bias2;
#define ADD_OUTPUT(t) \
    { \
        const int texel = t; \
        vec4 w0 = OUTPUT_WEIGHTS(4 * texel), w1 = OUTPUT_WEIGHTS(4 * texel + 1); \
        vec4 w2 = OUTPUT_WEIGHTS(4 * texel + 2), w3 = OUTPUT_WEIGHTS(4 * texel + 3); \
        EACH_ROW(ADD_OUTPUT_ROW) \
    }
#define OUTPUT_WEIGHTS(j) (j < OUTPUTS ? LOAD(weights, parameterTexel(origin, run + INPUTS + 1 + j)) : vec4(0.0))
#define ADD_OUTPUT_ROW(row) \
    z[row * OUTPUT_TEXELS + texel] += vec4(productSum(hidden[row], w0), productSum(hidden[row], w1), productSum(hidden[row], w2), productSum(hidden[row], w3));

// The outputs of one row at a time: losses and the softmax index them by a variable, which keeps an array out of registers.
vec4 rowOutputs[OUTPUT_TEXELS];

#define TAKE_OUTPUTS(row) { const int taken = row; EACH_OUTPUT_TEXEL(TAKE_OUTPUT) }
#define TAKE_OUTPUT(t) rowOutputs[t] = z[taken * OUTPUT_TEXELS + t];

vec4 networkOutput(int row, int texel)
{
    return rowOutputs[OUTPUT_TEXELS == 1 ? 0 : texel];
}
