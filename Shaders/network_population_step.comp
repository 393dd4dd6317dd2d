// A training step of a population, each network on its own batch X [rows x inputs]: forward, loss, backward and update.
//   H = activate(X . W1 + b1);  Z = H . W2 + b2;  L and dZ as in loss_forward and loss_backward (slot LOSS)
//   dW2 = transpose(H) . dZ;  dH = gradientFromOutput(dZ . transpose(W2), H);  dW1 = transpose(X) . dH;  db = the columns' sums;  slot OPTIMIZER
// Reads the committed weights and state, writes the pending ones; a network whose loss is not finite keeps both.
//
// One dispatch takes ROWS rows of every network's batch. If there are more, the first dispatch leaves the gradients of its rows, and later ones
// add theirs (ADDS_TO_SUMS); only the last one has UPDATE. H is recomputed for the gradients, which is less work than storing and loading it.
#include "population.glsl"
#include <LOSS>
#include "population_losses.glsl"
#ifdef UPDATE
#include "population_update.glsl"
#endif

#ifdef ADDS_TO_SUMS
#ifdef UPDATE
READ(gradients);
#else
READ_WRITE(gradients);
#endif
#elif !defined(UPDATE)
WRITE(gradients);
#endif
SIZE(firstRow);

// One texel of the parameters, whose committed value is w and whose gradient over these rows is g.
void finish(int at, vec4 w, vec4 g, bool keeps)
{
#ifdef ADDS_TO_SUMS
    g += LOAD(gradients, at);
#endif
#ifdef UPDATE
    update(at, w, g, keeps);
#else
    STORE(gradients, at, g);
#endif
}

void main()
{
    int member = invocation().x;
    if (member >= members) return;

    int origin = parameterOrigin(member);
    DECLARE_SAMPLES(member, firstRow)
    DECLARE_FEATURES
    vec4 z[ROWS * OUTPUT_TEXELS];
    COMPUTE_OUTPUTS

    // Losses, and z becomes dZ.
    SUMS found = SUMS(0.0);
#define LOSS_ROW(row) \
    { \
        const int lossRow = row; \
        bool inUse = firstRow + row < rows; \
        int targetRow = sampleRow[row]; \
        lookUpRow(targetRow); \
        TAKE_OUTPUTS(row) \
        LossRow begun = beginLoss(targetRow, NOT_UNROLLED(OUTPUT_TEXELS)); \
        found += inUse ? rowLoss(targetRow, begun).SUMMED : SUMS(0.0); \
        EACH_OUTPUT_TEXEL(OUTPUT_GRADIENT) \
    }
#define OUTPUT_GRADIENT(t) z[lossRow * OUTPUT_TEXELS + t] = zeroUnless(inUse, outputGradient(targetRow, t, begun));
    EACH_ROW(LOSS_ROW)

    MemberLoss ofMember = storeLosses(member, found);
    bool keeps = ofMember.keeps;
#ifdef UPDATE
    USE_RATE(ofMember.rate)
#endif

    // The output's biases.
#define OUTPUT_BIASES(t) \
    { \
        const int texel = t; \
        vec4 sum = vec4(0.0); \
        EACH_ROW(ADD_OUTPUT_BIASES) \
        int at = parameterTexel(origin, HIDDEN_TEXELS * RUN_TEXELS + texel); \
        finish(at, LOAD(weights, at), sum, keeps); \
    }
#define ADD_OUTPUT_BIASES(row) sum += z[row * OUTPUT_TEXELS + texel];
    EACH_OUTPUT_TEXEL(OUTPUT_BIASES)

    for (int h = 0; h < NOT_UNROLLED(HIDDEN_TEXELS); h++)
    {
        int run = h * RUN_TEXELS;
        vec4 hidden[ROWS];
        COMPUTE_HIDDEN

        // dH, and the gradient of W2: sum over the rows of dZ * H.
        vec4 dHidden[ROWS];
#define START_GRADIENT(row) dHidden[row] = vec4(0.0);
#define OUTPUT_WEIGHT_GRADIENTS(t) \
        { \
            const int texel = t; \
            OUTPUT_WEIGHT_GRADIENT(0) \
            OUTPUT_WEIGHT_GRADIENT(1) \
            OUTPUT_WEIGHT_GRADIENT(2) \
            OUTPUT_WEIGHT_GRADIENT(3) \
        }
#define OUTPUT_WEIGHT_GRADIENT(i) \
            if (4 * texel + i < OUTPUTS) \
            { \
                const int component = i; \
                int at = parameterTexel(origin, run + INPUTS + 1 + 4 * texel + i); \
                vec4 w = LOAD(weights, at); \
                vec4 g = vec4(0.0); \
                EACH_ROW(ADD_OUTPUT_WEIGHT_GRADIENT) \
                finish(at, w, g, keeps); \
            }
#define ADD_OUTPUT_WEIGHT_GRADIENT(row) \
                dHidden[row] = addProduct(dHidden[row], vec4(z[row * OUTPUT_TEXELS + texel][component]), w); \
                g = addProduct(g, vec4(z[row * OUTPUT_TEXELS + texel][component]), hidden[row]);
        EACH_ROW(START_GRADIENT)
        EACH_OUTPUT_TEXEL(OUTPUT_WEIGHT_GRADIENTS)

        vec4 sum = vec4(0.0);
#define ADD_HIDDEN_BIASES(row) \
        dHidden[row] = gradientFromOutput(dHidden[row], hidden[row]); \
        sum += dHidden[row];
        EACH_ROW(ADD_HIDDEN_BIASES)
        finish(parameterTexel(origin, run + INPUTS), bias1, sum, keeps);

        // The gradient of W1: sum over the rows of x * dH.
#define INPUT_WEIGHT_GRADIENTS(k) \
        { \
            const int texel = k; \
            vec4 g0 = vec4(0.0), g1 = vec4(0.0), g2 = vec4(0.0), g3 = vec4(0.0); \
            EACH_ROW(ADD_INPUT_WEIGHT_GRADIENTS) \
            FINISH_INPUT(4 * texel, g0) \
            FINISH_INPUT(4 * texel + 1, g1) \
            FINISH_INPUT(4 * texel + 2, g2) \
            FINISH_INPUT(4 * texel + 3, g3) \
        }
#define ADD_INPUT_WEIGHT_GRADIENTS(row) \
        { \
            vec4 v = FEATURE(row, texel); \
            g0 = addProduct(g0, vec4(v.x), dHidden[row]); \
            g1 = addProduct(g1, vec4(v.y), dHidden[row]); \
            g2 = addProduct(g2, vec4(v.z), dHidden[row]); \
            g3 = addProduct(g3, vec4(v.w), dHidden[row]); \
        }
#define FINISH_INPUT(i, g) \
        if (i < INPUTS) \
        { \
            int at = parameterTexel(origin, run + i); \
            finish(at, LOAD(weights, at), g, keeps); \
        }
        EACH_INPUT_TEXEL(INPUT_WEIGHT_GRADIENTS)
    }
}
