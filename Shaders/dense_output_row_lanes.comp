// The last dense layer, a row by several invocations, with what the layer before makes of its sums (KEPT_HIDDEN): Z [rows x outputs] = H . W + b, H [rows x hidden].
#include "last_layer_lanes.glsl"

WRITE(outputs);

void main()
{
    int row = rowOfLanes();
    lookUpRow(row);
    computeOutputs(row);
    for (int t = 0; t < OUTPUT_TEXELS; t++)
    {
        if (isRowInUse() && laneOfRow() == t) STORE(outputs, matrixTexel(row, t, OUTPUT_TEXELS), networkOutput(row, t));
    }
}
