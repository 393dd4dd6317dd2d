// Rescales one output of a dense layer: z' = factor * z + offset, by its column of the parameters [W; b] [inputs + 1 x outputs], in
// place. An invocation is a row of the parameters, and leaves the rescale's number in its receipt [inputs + 1 x 1]: a row that has it stays.
#include "matrix.glsl"

layout(local_size_x = GROUP_SIZE) in;
READ_WRITE(parameters);
READ_WRITE(receipts);
SIZE(outputTexels);
SIZE(column);
SCALAR(factor);
SCALAR(offset);
SCALAR(number);

void main()
{
    int row = invocation().x;
    if (row >= rows) return;

    int receipt = matrixTexel(row, 0, 1);
    if (LOAD(receipts, receipt).x >= number) return;

    int at = matrixTexel(row, column / 4, outputTexels);
    vec4 values = LOAD(parameters, at);
    values[column % 4] = factor * values[column % 4] + (row == rows - 1 ? offset : 0.0);
    STORE(parameters, at, values);
    STORE(receipts, receipt, vec4(number, 0.0, 0.0, 0.0));
}
