// The last dense layer, a row by several invocations, with what the layer before makes of its sums (KEPT_HIDDEN): Z [rows x outputs] = H . W + b, H [rows x hidden].
#include "last_layer_lanes.glsl"

WRITE(outputs);

void main()
{
    int row = rowOfLanes();
    lookUpRow(row);
    computeOutputs(row);
    FOR_TEXELS_OF_LANE(t)
    {
        if (isRowInUse()) STORE(outputs, matrixTexel(row, t, OUTPUT_TEXELS), networkOutput(row, t));
    }
}
