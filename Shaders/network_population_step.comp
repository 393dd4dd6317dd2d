// A training step of a population, each network on its own batch X [rows x inputs]: forward, loss, backward and update.
//   H = X . W1 + b1;  Z = relu(H) . W2 + b2;  loss and dZ as in softmax_cross_entropy_forward and _backward
//   dW2 = transpose(relu(H)) . dZ;  dH = dZ . transpose(W2) where H > 0;  dW1 = transpose(X) . dH;  db = the columns' sums
//   g' = g + weightDecay * w;  v' = momentum * v + g' (without MOMENTUM: g');  w' = w - learningRate * v'
// Reads the committed weights and velocities, writes the pending ones; a network whose loss is not finite keeps both.
//
// One dispatch takes ROWS rows of everyone's batch. Further ones (MORE) add theirs to what the ones before left pending: the
// sums over a batch are linear in it. H is computed again for the gradients, which is less work than to store and load it.
#include "population.glsl"

READ_WORDS(targets);   // [members * rows x 4 * targetTexels], see targets.glsl
#if MORE
#define ACCUMULATE(name) READ_WRITE(name)   // what is pending after the dispatches before
#else
#define ACCUMULATE(name) WRITE(name)
#endif
ACCUMULATE(pendingParameters);
ACCUMULATE(losses);   // [members x 1]
#if MOMENTUM
READ(velocities);
ACCUMULATE(pendingVelocities);
#endif
SIZE(firstRow);
SCALAR(learningRate);
SCALAR(momentum);
SCALAR(weightDecay);
SCALAR(entropyBonus);

const int TARGET_TEXELS = (TARGET_MASK_WORD + (CLASSES + 31) / 32 + 3) / 4;

bool isAllowed(int row, uvec4 firstWords, int j)
{
    const int word = TARGET_MASK_WORD + j / 32;
#if CLASSES > 64
    firstWords = LOAD(targets, matrixTexel(row, word / 4, TARGET_TEXELS));
#endif
    return (firstWords[word % 4] >> uint(j % 32) & 1u) != 0u;
}

// One texel of the parameters, whose committed value is w and whose gradient over these rows is g.
void update(int at, vec4 w, vec4 g, bool keep)
{
#if MORE
    vec4 pendingW = LOAD(pendingParameters, at) - learningRate * g;
#if MOMENTUM
    vec4 v = LOAD(velocities, at);
    vec4 pendingV = LOAD(pendingVelocities, at) + g;
#endif
#else
    g += weightDecay * w;
#if MOMENTUM
    vec4 v = LOAD(velocities, at);
    vec4 pendingV = momentum * v + g;
    g = pendingV;
#endif
    vec4 pendingW = w - learningRate * g;
#endif
#if MOMENTUM
    STORE(pendingVelocities, at, keep ? v : pendingV);
#endif
    STORE(pendingParameters, at, keep ? w : pendingW);
}

void main()
{
    int member = int(gl_GlobalInvocationID.x);
    if (member >= members) return;

    int origin = parameterOrigin(member);
    DECLARE_SAMPLES(member, firstRow)
    DECLARE_FEATURES
    float z[ROWS * CLASS_SLOTS + 3];
    COMPUTE_LOGITS

    // Losses, and z becomes dZ.
    int lossAt = matrixTexel(member, 0, 1);
    float loss = 0.0;
#define SOFTMAX_ROW(row) \
    { \
        const int first = row * CLASS_SLOTS; \
        bool inUse = firstRow + row < rows; \
        int targetRow = sampleRow[row]; \
        uvec4 words = LOAD(targets, matrixTexel(targetRow, 0, TARGET_TEXELS)); \
        int label = int(words.x); \
        float weight = uintBitsToFloat(words.y); \
        float maximum = LOWEST, sum = 0.0, weighted = 0.0, ofLabel = 0.0; \
        EACH_CLASS(FIND_MAXIMUM) \
        EACH_CLASS(SUM_CLASS) \
        float logSum = log(sum), entropy = logSum - weighted / sum; \
        if (inUse) loss += weight * (logSum - ofLabel) - entropyBonus * entropy; \
        EACH_CLASS(LOGIT_GRADIENT) \
    }
#define FIND_MAXIMUM(c) if (c < CLASSES && isAllowed(targetRow, words, c)) maximum = max(maximum, z[first + c]);
// As in softmax.glsl: z less its maximum stays finite, so that 0 * (z - m) is 0.
#define SUM_CLASS(c) \
    if (c < CLASSES) \
    { \
        const int j = c; \
        float shifted = max(z[first + j] - maximum, LOWEST); \
        bool allowed = isAllowed(targetRow, words, j); \
        float term = allowed ? exp(z[first + j] - maximum) : 0.0; \
        sum += term; \
        weighted += allowed ? term * shifted : 0.0; \
        ofLabel = label == j ? z[first + j] - maximum : ofLabel; \
    }
#define LOGIT_GRADIENT(c) \
    if (c < CLASSES) \
    { \
        const int j = c; \
        bool allowed = inUse && isAllowed(targetRow, words, j); \
        float p = exp(z[first + j] - maximum) / sum; \
        float logP = max(z[first + j] - maximum, LOWEST) - logSum; \
        float gradient = weight * (p - (label == j ? 1.0 : 0.0)) + entropyBonus * p * (logP + entropy); \
        z[first + j] = allowed ? gradient / float(rows) : 0.0; \
    }
    EACH_ROW(SOFTMAX_ROW)

    loss /= float(rows);
#if MORE
    loss += LOAD(losses, lossAt).x;
#endif
    STORE(losses, lossAt, vec4(loss, 0.0, 0.0, 0.0));
    bool keep = !(abs(loss) <= -LOWEST);   // NaN too

    // The output's biases.
#define OUTPUT_BIASES(c) \
    if (c < CLASSES && c % 4 == 0) \
    { \
        const int j = c; \
        vec4 sum = vec4(0.0); \
        EACH_ROW(ADD_OUTPUT_BIASES) \
        int at = parameterTexel(origin, HIDDEN_TEXELS * RUN_TEXELS + j / 4); \
        update(at, LOAD(parameters, at), sum, keep); \
    }
#define ADD_OUTPUT_BIASES(row) sum += CLASS_TEXEL(row, j);
    EACH_CLASS(OUTPUT_BIASES)

    for (int h = 0; h < HIDDEN_TEXELS; h++)
    {
        int run = h * RUN_TEXELS;
        vec4 hidden[ROWS];
        COMPUTE_HIDDEN

        // dH, and the gradient of W2: sum over the rows of dZ * relu(H).
        vec4 dHidden[ROWS];
#define START_GRADIENT(row) dHidden[row] = vec4(0.0);
#define CLASS_GRADIENT(c) \
        if (c < CLASSES) \
        { \
            const int j = c; \
            int at = parameterTexel(origin, run + INPUTS + 1 + j); \
            vec4 w = LOAD(parameters, at); \
            vec4 g = vec4(0.0); \
            EACH_ROW(ADD_CLASS_GRADIENT) \
            update(at, w, g, keep); \
        }
#define ADD_CLASS_GRADIENT(row) \
        dHidden[row] += z[row * CLASS_SLOTS + j] * w; \
        g += z[row * CLASS_SLOTS + j] * max(hidden[row], vec4(0.0));
        EACH_ROW(START_GRADIENT)
        EACH_CLASS(CLASS_GRADIENT)

        vec4 sum = vec4(0.0);
#define MASK(row) \
        dHidden[row] = mix(vec4(0.0), dHidden[row], greaterThan(hidden[row], vec4(0.0))); \
        sum += dHidden[row];
        EACH_ROW(MASK)
        update(parameterTexel(origin, run + INPUTS), bias1, sum, keep);

        // The gradient of W1: sum over the rows of x * dH.
#define INPUT_GRADIENT(k) \
        if (k < INPUT_TEXELS) \
        { \
            const int texel = k; \
            vec4 g0 = vec4(0.0), g1 = vec4(0.0), g2 = vec4(0.0), g3 = vec4(0.0); \
            EACH_ROW(ADD_INPUT_GRADIENT) \
            UPDATE_INPUT(4 * texel, g0) \
            UPDATE_INPUT(4 * texel + 1, g1) \
            UPDATE_INPUT(4 * texel + 2, g2) \
            UPDATE_INPUT(4 * texel + 3, g3) \
        }
#define ADD_INPUT_GRADIENT(row) \
        { \
            vec4 v = FEATURE(row, texel); \
            g0 += v.x * dHidden[row]; \
            g1 += v.y * dHidden[row]; \
            g2 += v.z * dHidden[row]; \
            g3 += v.w * dHidden[row]; \
        }
#define UPDATE_INPUT(i, g) \
        if (i < INPUTS) \
        { \
            int at = parameterTexel(origin, run + i); \
            update(at, LOAD(parameters, at), g, keep); \
        }
        EACH_INPUT(INPUT_GRADIENT)
    }
}
