// Rescales one output of every network of a population, z' = factor * z + offset, by its weights, in place. An invocation is a network. Places
// [members x units + 1] are the positions of its weights, the bias last: indices into the parameters, row by row. Scales [members x 2] are factor and offset. The
// rescale's number is left in the network's receipt [members x 1]: a network that has it stays.
#include "matrix.glsl"

layout(local_size_x = GROUP_SIZE) in;
READ_WRITE(parameters);
READ_WRITE(receipts);
READ_WORDS(places);
READ(scales);
SIZE(units);
SIZE(placeTexels);
SCALAR(number);

void main()
{
    int member = invocation().x;
    if (member >= rows) return;

    int receipt = matrixTexel(member, 0, 1);
    if (LOAD(receipts, receipt).x >= number) return;

    vec4 scale = LOAD(scales, matrixTexel(member, 0, 1));
    for (int unit = 0; unit <= units; unit++)
    {
        int place = int(LOAD(places, matrixTexel(member, unit / 4, placeTexels))[unit % 4]);
        vec4 values = LOAD(parameters, place / 4);
        values[place % 4] = scale.x * values[place % 4] + (unit == units ? scale.y : 0.0);
        STORE(parameters, place / 4, values);
    }

    STORE(receipts, receipt, vec4(number, 0.0, 0.0, 0.0));
}
