// The last dense layer, the softmax, its loss and their gradients, in one: for each row of H [rows x hidden]
//   z = h . W + b;   L and dz as in softmax_cross_entropy_forward and _backward;   with INPUT_GRADIENTS: dh = dz . transpose(W),
//   and with RELU, H being the output of a ReLU, dh where h > 0, else 0.
// Writes dZ [rows x classes], L with the right predictions [rows x 4], and dH [rows x hidden]. The logits are never stored.
//
// An invocation is a row of the batch. Every sum has the order of the kernels that this one replaces. With GROUP_ROWS, H is computed here
// too, by the layer before and the ReLU behind it.
#include "matrix.glsl"
#include "relu.glsl"
#include "samples.glsl"
#define classTexels CLASS_TEXELS
#include "targets.glsl"

layout(binding = OUTPUT_PARAMETERS_IMAGE, rgba32f) readonly uniform imageBuffer outputParameters;
layout(std430, binding = LOGIT_GRADIENTS_BUFFER) writeonly buffer LogitGradients { TEXEL logitGradients[]; };
layout(std430, binding = ROW_LOSSES_BUFFER) writeonly buffer RowLosses { TEXEL rowLosses[]; };
#ifdef INPUT_GRADIENTS
layout(std430, binding = HIDDEN_GRADIENTS_BUFFER) writeonly buffer HiddenGradients { TEXEL hiddenGradients[]; };
#endif
layout(location = SIZE_1) uniform int hiddenTexels;
layout(location = SIZE_2) uniform int hiddenColumns;
layout(location = SCALAR_0) uniform float entropyBonus;

#include "hidden_rows.glsl"
#include "last_layer.glsl"
#include "softmax.glsl"
#include "cross_entropy.glsl"
#ifdef RECORD_SLOTS
#include "loss_guard.glsl"
#endif

void computeRow(int row)
{
    lookUpRow(row);
    computeLogits(row);
    Target target = loadTarget(row);
    Softmax softmax = softmaxOfRow(row);
    vec4 loss = rowLoss(row, target, softmax);
    rowLosses[matrixTexel(row, 0, 1)] = asTexel(loss);
#ifdef RECORD_SLOTS
    noteLoss(loss.x);
#endif

    vec4 gradients[CLASS_TEXELS];
    for (int t = 0; t < CLASS_TEXELS; t++)
    {
        gradients[t] = logitGradient(row, t, target, softmax);
        logitGradients[matrixTexel(row, t, CLASS_TEXELS)] = asTexel(gradients[t]);
    }

#ifdef INPUT_GRADIENTS
    int k = 0;
    do
    {
        vec4 gradient = hiddenGradient(k, gradients);
#ifdef RELU
        gradient = reluGradient(gradient, loadHidden(row, k));
#endif
        hiddenGradients[matrixTexel(row, k, hiddenTexels)] = asTexel(gradient);
        k++;
    }
    while (k < hiddenTexels);
#endif
}
