// The rows H [rows x hidden] that a last layer continues with. An invocation takes them one after the other: from firstRow() on, every
// GROUP_SIZE rows, below lastRow(). With GROUP_ROWS they are computed here first, by the dense layer before: a workgroup has all columns of
// GROUP_ROWS rows, tile after tile. Otherwise they are read, and a workgroup has GROUP_SIZE of them.
// COMPUTE_ROWS(computeRow) is the body of the kernel. Code that uses a row first calls lookUpRow of samples.glsl.
#include "samples.glsl"
#include "last_layer.glsl"

#ifdef GROUP_ROWS

EXCHANGE(hidden);
READ_INPUTS(inputs);
READ(parameters);
SIZE(inputTexels);
SIZE(inputColumns);
#define outputTexels hiddenTexels
#define STORE_TILE(at, values) STORE(hidden, at, values)
#include "dense_tile.glsl"

vec4 scaleHidden(vec4 sum)
{
    return sum;
}

vec4 loadHidden(int row, int texel)
{
    return LOAD(hidden, matrixTexel(row, texel, hiddenTexels));
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
READ_INPUTS(hidden);

vec4 scaleHidden(vec4 sum)
{
    return scaleInputs(sum);
}

vec4 loadHidden(int row, int texel)
{
    return LOAD_INPUTS(hidden, matrixTexel(foundInputRow(row), texel, hiddenTexels));
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

#define COMPUTE_ROWS(computeRow) \
    computeHidden(); \
    int row = firstRow(); \
    do \
    { \
        if (row < lastRow()) computeRow(row); \
        row += GROUP_SIZE; \
    } \
    while (row < lastRow());
