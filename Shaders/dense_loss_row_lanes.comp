// The last dense layer, the loss of its outputs and their gradients, in one, a row by several invocations: for each row of H [rows x hidden]
//   z = h . W + b;   L and dz as in loss_forward and loss_backward (slot LOSS);   with INPUT_GRADIENTS: dh = dz . transpose(W),
//   and with ACTIVATION, if H is the output of an activation, the gradient before it.
// Writes dZ [rows x outputs], L and the correct predictions [rows x 4], and dH [rows x hidden]; with KEPT_HIDDEN also H, which it makes of the sums of the layer before.
//
// All invocations of a row find its loss, which costs no more time than if one did, and share out what is stored.
#define LOOKS_UP_TARGETS
#include "last_layer_lanes.glsl"
#include "loss_guard.glsl"
#include <LOSS>
#include <ACTIVATION>

WRITE(networkGradients);
WRITE(rowLosses);
#ifdef INPUT_GRADIENTS
WRITE(hiddenGradients);
#endif

void main()
{
    int row = rowOfLanes(), lane = laneOfRow();
    lookUpRow(row);
    lookUpTargets(row);
    computeOutputs(row);
    LossRow begun = beginLoss(row, OUTPUT_TEXELS);
    vec4 loss = rowLoss(row, begun);
    vec4 gradients[OUTPUT_TEXELS];
    for (int t = 0; t < OUTPUT_TEXELS; t++) gradients[t] = outputGradient(row, t, begun);
    if (!isRowInUse()) return;

    if (lane == 0)
    {
        STORE(rowLosses, matrixTexel(row, 0, 1), loss);
        noteLoss(loss.x);
    }

    for (int t = 0; t < OUTPUT_TEXELS; t++)
    {
        if (lane == t) STORE(networkGradients, matrixTexel(row, t, OUTPUT_TEXELS), gradients[t]);
    }

#ifdef INPUT_GRADIENTS
    for (int first = lane; first < hiddenTexels; first += TEXELS_AT_ONCE * ROW_LANES)
    {
        vec4 gradient[TEXELS_AT_ONCE];
        for (int i = 0; i < TEXELS_AT_ONCE; i++)
        {
            int k = min(first + i * ROW_LANES, hiddenTexels - 1);
            gradient[i] = hiddenGradient(k, gradients);
#ifdef ACTIVATION
            gradient[i] = gradientFromOutput(gradient[i], loadHidden(row, k));
#endif
        }

        for (int i = 0; i < TEXELS_AT_ONCE; i++)
        {
            int k = first + i * ROW_LANES;
            if (k < hiddenTexels) STORE(hiddenGradients, matrixTexel(row, k, hiddenTexels), gradient[i]);
        }
    }
#endif
}
