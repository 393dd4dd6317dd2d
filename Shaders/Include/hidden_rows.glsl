// The rows H [rows x hidden] that a last layer goes on with. An invocation has one of them after the other: from firstRow() on, every
// GROUP_SIZE rows, below lastRow(). With GROUP_ROWS they are computed here first, by the dense layer before: a workgroup has all columns of
// GROUP_ROWS rows, tile after tile. Else they are read, and a workgroup has GROUP_SIZE of them.
// The including kernel defines hiddenTexels and computeRow, what is done with a row; main is here. What uses a row calls lookUpRow of samples.glsl before.
#include "samples.glsl"

#ifdef GROUP_ROWS

layout(binding = HIDDEN_IMAGE, rgba32f) coherent uniform imageBuffer hidden;
layout(std430, binding = HIDDEN_BUFFER) coherent writeonly buffer Hidden { TEXEL outputs[]; };
INPUT_LAYOUT(INPUTS_IMAGE) inputs;
layout(binding = PARAMETERS_IMAGE, rgba32f) readonly uniform imageBuffer parameters;
layout(location = SIZE_3) uniform int inputTexels;
layout(location = SIZE_4) uniform int inputColumns;
#define scaleHidden(sum) (sum)
#define outputTexels hiddenTexels
#include "dense_tile.glsl"

vec4 loadHidden(int row, int texel)
{
    return imageLoad(hidden, matrixTexel(row, texel, hiddenTexels));
}

void computeHidden()
{
    int texel = tileColumn() * TEXELS;
    do
    {
        computeTile(tileRow() * ROWS, texel);
        texel += COLUMN_LANES * TEXELS;
    }
    while (texel < hiddenTexels);
    memoryBarrier();   // of buffers and of images
    barrier();
}

int firstRow()
{
    return workGroup().y * GROUP_ROWS + int(gl_LocalInvocationID.x);
}

int lastRow()
{
    return min((workGroup().y + 1) * GROUP_ROWS, rows);
}

#else

layout(local_size_x = GROUP_SIZE) in;
INPUT_LAYOUT(HIDDEN_IMAGE) hidden;
#define scaleHidden(sum) scaleInputs(sum)

vec4 loadHidden(int row, int texel)
{
    return loadInputs(hidden, matrixTexel(foundInputRow(row), texel, hiddenTexels));
}

#define computeHidden()

int firstRow()
{
    return invocation().x;
}

int lastRow()
{
    return min(firstRow() + 1, rows);
}

#endif

void computeRow(int row);

void main()
{
    computeHidden();
    int row = firstRow();
    do
    {
        if (row < lastRow()) computeRow(row);
        row += GROUP_SIZE;
    }
    while (row < lastRow());
}
