// The last dense layer, the loss of its outputs and their gradients, in one: for each row of H [rows x hidden]
//   z = h . W + b;   L and dz as in loss_forward and loss_backward (slot LOSS);   with INPUT_GRADIENTS: dh = dz . transpose(W),
//   and with ACTIVATION, if H is the output of an activation, the gradient before it.
// Writes dZ [rows x outputs], L and the correct predictions [rows x 4], and dH [rows x hidden]. The outputs are never stored.
//
// An invocation is a row of the batch. Every sum has the order of the kernels that this one replaces. With GROUP_ROWS, H is also
// computed here, by the layer before and the activation after it.
#include "hidden_rows.glsl"
#include "loss_guard.glsl"
#include <LOSS>
#include <ACTIVATION>

WRITE(networkGradients);
WRITE(rowLosses);
#ifdef INPUT_GRADIENTS
WRITE(hiddenGradients);
#endif

void computeRow(int row)
{
    lookUpRow(row);
    computeOutputs(row);
    LossRow begun = beginLoss(row, OUTPUT_TEXELS);
    vec4 loss = rowLoss(row, begun);
    STORE(rowLosses, matrixTexel(row, 0, 1), loss);
    noteLoss(loss.x);

    vec4 gradients[OUTPUT_TEXELS];
    for (int t = 0; t < OUTPUT_TEXELS; t++)
    {
        gradients[t] = outputGradient(row, t, begun);
        STORE(networkGradients, matrixTexel(row, t, OUTPUT_TEXELS), gradients[t]);
    }

#ifdef INPUT_GRADIENTS
    int k = 0;
    do
    {
        vec4 gradient = hiddenGradient(k, gradients);
#ifdef ACTIVATION
        gradient = gradientFromOutput(gradient, loadHidden(row, k));
#endif
        STORE(hiddenGradients, matrixTexel(row, k, hiddenTexels), gradient);
        k++;
    }
    while (k < hiddenTexels);
#endif
}

void main()
{
    COMPUTE_ROWS(computeRow)
}
