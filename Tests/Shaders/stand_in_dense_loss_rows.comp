// The last dense layer, the loss of its outputs and their gradients, in one: for each row of H [rows x hidden]
//   z = h . W + b;   L and dz as in loss_forward and loss_backward (slot LOSS);   with INPUT_GRADIENTS: dh = dz . transpose(W),
//   and with ACTIVATION, H being the output of one, the gradient before it.
// Writes dZ [rows x outputs], L with the correct predictions [rows x 4], and dH [rows x hidden]. An invocation is a row.
#include "samples.glsl"
#include "loss_guard.glsl"
#include "stand_in_result.glsl"
#include "stand_in_sums.glsl"
#include <LOSS>
#include <ACTIVATION>

READ_INPUTS(hidden);
READ(outputParameters);   // [hidden + 1 x outputs]
WRITE(networkGradients);
WRITE(rowLosses);
#ifdef INPUT_GRADIENTS
WRITE(hiddenGradients);
#endif
SIZE(hiddenTexels);
SIZE(hiddenColumns);

vec4 z[OUTPUT_TEXELS];

vec4 networkOutput(int row, int texel)
{
    return z[texel];
}

void main()
{
    int row = resultTexel().y;
    if (row >= rows) return;

    lookUpRow(row);
    int hiddenAt = matrixTexel(foundInputRow(row), 0, hiddenTexels);
#define LOAD_HIDDEN(k) LOAD_INPUTS(hidden, hiddenAt + k)
    for (int t = 0; t < OUTPUT_TEXELS; t++)
    {
        SUM_OF_INPUTS(sum, LOAD_HIDDEN, hiddenTexels, outputParameters, 0, t, OUTPUT_TEXELS)
        z[t] = scaleInputs(sum) + LOAD(outputParameters, matrixTexel(hiddenColumns, t, OUTPUT_TEXELS));
    }

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
#define LOAD_GRADIENT(n) gradients[n]
    for (int h = 0; h < hiddenTexels; h++)
    {
        SUM_OF_OUTPUTS(sum, LOAD_GRADIENT, OUTPUT_TEXELS, outputParameters, 0, h, hiddenColumns)
#ifdef ACTIVATION
        sum = gradientFromOutput(sum, LOAD_HIDDEN(h));
#endif
        STORE(hiddenGradients, matrixTexel(row, h, hiddenTexels), sum);
    }
#endif
}
