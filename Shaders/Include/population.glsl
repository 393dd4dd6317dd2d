// A population: many networks of one shape, softmax(relu(x . W1 + b1) . W2 + b2). A lane is a network: it walks its own weights
// and ROWS of its own samples, exchanges nothing with the lanes beside it and needs no barrier.
//
// The parameters of one network are PARAMETER_TEXELS texels. First, for each texel h of the hidden layer (four units), a run of
// RUN_TEXELS: the rows of W1 [inputs x hidden] in their column h, then b1's, then those of W2 transposed [classes x hidden], so
// that ten classes cost ten and not twelve. Then b2 [classes]. So a lane reads from the first texel to the last.
// GROUP_SIZE networks share a row of the matrix [members / GROUP_SIZE x 4 * PARAMETER_TEXELS * GROUP_SIZE], their texels
// by turns: what the lanes of a workgroup read at once lies side by side. PopulationLayout is the same in C#.
//
// Features [members * rows x inputs] and targets have a row a sample, those of a network below each other.
//
// Short dimensions are written out in the source text; longer ones are loops, where arrays keep to memory. The sums have one
// order: inputs four products at a time, hidden units four at a time, batch rows and classes in order.
// The including kernel declares z, the logits, as an array of ROWS * CLASS_SLOTS + 3 numbers.
#include "matrix.glsl"

layout(local_size_x = GROUP_SIZE) in;
READ(parameters);
READ(features);
SIZE(members);

const int INPUT_TEXELS = (INPUTS + 3) / 4;
const int HIDDEN_TEXELS = (HIDDEN + 3) / 4;
const int CLASS_TEXELS = (CLASSES + 3) / 4;
const int RUN_TEXELS = INPUTS + 1 + CLASSES;
const int PARAMETER_TEXELS = HIDDEN_TEXELS * RUN_TEXELS + CLASS_TEXELS;
const float LOWEST = -3.402823466e38;

#if ROWS == 1
#define EACH_ROW(F) F(0)
#elif ROWS == 2
#define EACH_ROW(F) F(0) F(1)
#elif ROWS == 4
#define EACH_ROW(F) F(0) F(1) F(2) F(3)
#elif ROWS == 8
#define EACH_ROW(F) F(0) F(1) F(2) F(3) F(4) F(5) F(6) F(7)
#endif

// EACH_CLASS(F) and EACH_INPUT(F) may run past the last one, so that F begins with a condition on a constant.
#if CLASSES <= 4
#define CLASS_SLOTS 4
#define EACH_CLASS(F) F(0) F(1) F(2) F(3)
#elif CLASSES <= 8
#define CLASS_SLOTS 8
#define EACH_CLASS(F) F(0) F(1) F(2) F(3) F(4) F(5) F(6) F(7)
#elif CLASSES <= 16
#define CLASS_SLOTS 16
#define EACH_CLASS(F) F(0) F(1) F(2) F(3) F(4) F(5) F(6) F(7) F(8) F(9) F(10) F(11) F(12) F(13) F(14) F(15)
#else
#define CLASS_SLOTS ((CLASSES + 3) / 4 * 4)
#define EACH_CLASS(F) for (int nextClass = 0; nextClass < CLASSES; nextClass++) { F(nextClass) }
#endif

#if INPUTS <= 4
#define INPUT_SLOTS 1
#define EACH_INPUT(F) F(0)
#elif INPUTS <= 8
#define INPUT_SLOTS 2
#define EACH_INPUT(F) F(0) F(1)
#elif INPUTS <= 16
#define INPUT_SLOTS 4
#define EACH_INPUT(F) F(0) F(1) F(2) F(3)
#elif INPUTS <= 32
#define INPUT_SLOTS 8
#define EACH_INPUT(F) F(0) F(1) F(2) F(3) F(4) F(5) F(6) F(7)
#else
#define EACH_INPUT(F) for (int nextInput = 0; nextInput < INPUT_TEXELS; nextInput++) { F(nextInput) }
#endif

int parameterOrigin(int member)
{
    return matrixTexel(member / GROUP_SIZE, member % GROUP_SIZE, PARAMETER_TEXELS * GROUP_SIZE);
}

int parameterTexel(int origin, int texel)
{
    return origin + texel * GROUP_SIZE;
}

// Where each of the rows has its features. Past the last row it is the last one again, whose results are not used.
#define DECLARE_SAMPLES(member, firstRow) \
    int sampleRow[ROWS]; \
    int featureAt[ROWS]; \
    EACH_ROW(FIND_SAMPLE)
#define FIND_SAMPLE(row) \
    sampleRow[row] = member * rows + min(firstRow + row, rows - 1); \
    featureAt[row] = matrixTexel(sampleRow[row], 0, INPUT_TEXELS);

// The features, kept for the whole kernel where they are few; FEATURE(row, k) is a texel of them.
#ifdef INPUT_SLOTS
#define DECLARE_FEATURES vec4 kept[ROWS * INPUT_SLOTS]; EACH_INPUT(KEEP_INPUT)
#define KEEP_INPUT(k) if (k < INPUT_TEXELS) { const int keptTexel = k; EACH_ROW(KEEP_FEATURE) }
#define KEEP_FEATURE(row) kept[row * INPUT_SLOTS + keptTexel] = LOAD(features, featureAt[row] + keptTexel);
#define FEATURE(row, k) kept[row * INPUT_SLOTS + k]
#else
#define DECLARE_FEATURES
#define FEATURE(row, k) LOAD(features, featureAt[row] + k)
#endif

// hidden[row] = b1 + sum over inputs, before the ReLU, for the texel of hidden units whose run begins at the texel `run`.
#define COMPUTE_HIDDEN \
    vec4 bias1 = LOAD(parameters, parameterTexel(origin, run + INPUTS)); \
    EACH_ROW(START_HIDDEN) \
    EACH_INPUT(ADD_INPUT)
#define START_HIDDEN(row) hidden[row] = bias1;
#define ADD_INPUT(k) \
    if (k < INPUT_TEXELS) \
    { \
        const int texel = k; \
        vec4 w0 = LOAD_WEIGHTS(4 * texel), w1 = LOAD_WEIGHTS(4 * texel + 1); \
        vec4 w2 = LOAD_WEIGHTS(4 * texel + 2), w3 = LOAD_WEIGHTS(4 * texel + 3); \
        EACH_ROW(ADD_PRODUCTS) \
    }
#define LOAD_WEIGHTS(i) (i < INPUTS ? LOAD(parameters, parameterTexel(origin, run + i)) : vec4(0.0))
#define ADD_PRODUCTS(row) \
    { \
        vec4 v = FEATURE(row, texel); \
        hidden[row] += v.x * w0 + v.y * w1 + v.z * w2 + v.w * w3; \
    }

// z[row * CLASS_SLOTS + c]: the logits. The three behind the last are named by CLASS_TEXEL, and never used.
#define COMPUTE_LOGITS \
    EACH_CLASS(START_LOGIT) \
    for (int h = 0; h < HIDDEN_TEXELS; h++) \
    { \
        int run = h * RUN_TEXELS; \
        vec4 hidden[ROWS]; \
        COMPUTE_HIDDEN \
        EACH_ROW(RECTIFY) \
        EACH_CLASS(ADD_CLASS) \
    }
#define START_LOGIT(c) \
    if (c < CLASSES) \
    { \
        const int j = c; \
        float bias2 = LOAD(parameters, parameterTexel(origin, HIDDEN_TEXELS * RUN_TEXELS + j / 4))[j % 4]; \
        EACH_ROW(START_LOGIT_ROW) \
    }
#define START_LOGIT_ROW(row) z[row * CLASS_SLOTS + j] = bias2;
#define RECTIFY(row) hidden[row] = max(hidden[row], vec4(0.0));
#define ADD_CLASS(c) \
    if (c < CLASSES) \
    { \
        const int j = c; \
        vec4 w = LOAD(parameters, parameterTexel(origin, run + INPUTS + 1 + j)); \
        EACH_ROW(ADD_CLASS_ROW) \
    }
#define ADD_CLASS_ROW(row) z[row * CLASS_SLOTS + j] += dot(hidden[row], w);

// Four of them, from the class j on: a texel. There are none past the last class.
#define CLASS_TEXEL(row, j) \
    vec4( \
        z[row * CLASS_SLOTS + j], \
        j + 1 < CLASSES ? z[row * CLASS_SLOTS + j + 1] : 0.0, \
        j + 2 < CLASSES ? z[row * CLASS_SLOTS + j + 2] : 0.0, \
        j + 3 < CLASSES ? z[row * CLASS_SLOTS + j + 3] : 0.0)
