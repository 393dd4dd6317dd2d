// The bindings of the last layer for row_lanes.glsl, a row of the batch by ROW_LANES invocations of a workgroup of GROUP_ROWS rows.
//
// H is read, from `hidden`; or, with KEPT_HIDDEN, it is what the layer before and the activation after it make of the parts of its sums (part_sums.glsl). Code that uses
// a row first calls lookUpRow of samples.glsl.
#include "samples.glsl"

layout(local_size_x = GROUP_SIZE) in;   // GROUP_ROWS * ROW_LANES
READ(outputParameters);   // [hidden + 1 x outputs]: W and, below it, b
SIZE(hiddenTexels);
SIZE(hiddenColumns);
#include "row_lanes.glsl"

vec4 outputParameter(int unit, int texel)
{
    return LOAD(outputParameters, matrixTexel(unit, texel, OUTPUT_TEXELS));
}

#ifdef KEPT_HIDDEN
#include "part_sums.glsl"
#include <ACTIVATION>

READ(parameters);   // of the layer before: [inputs + 1 x hidden]
SIZE(inputColumns);
#ifdef STORES_HIDDEN
WRITE(hidden);
#endif

shared vec4 keptHidden[KEPT_HIDDEN];   // [GROUP_ROWS x hiddenTexels]

vec4 loadHidden(int row, int texel)
{
    return keptHidden[rowInGroup() * hiddenTexels + texel];
}

vec4 computeHidden(int row, int texel)
{
    vec4 h = sumOfParts(row, texel, hiddenTexels) + LOAD(parameters, matrixTexel(inputColumns, texel, hiddenTexels));
#ifdef ACTIVATION
    h = activate(h);
#endif
    return h;
}

void keepHidden(int row, int texel, vec4 h)
{
    keptHidden[rowInGroup() * hiddenTexels + texel] = h;
#ifdef STORES_HIDDEN
    STORE(hidden, matrixTexel(row, texel, hiddenTexels), h);
#endif
}

vec4 scaleHidden(vec4 sum)
{
    return sum;
}
#else
READ_INPUTS(hidden);

vec4 loadHidden(int row, int texel)
{
    return LOAD_INPUTS(hidden, matrixTexel(foundInputRow(row), texel, hiddenTexels));
}

vec4 computeHidden(int row, int texel)
{
    return loadHidden(row, texel);
}

vec4 scaleHidden(vec4 sum)
{
    return scaleInputs(sum);
}
#endif

bool isRowInUse()
{
    return workGroup().x * GROUP_ROWS + rowInGroup() < rows;
}

// Past the last row it is the last one again, whose results are the same.
int rowOfLanes()
{
    return max(min(workGroup().x * GROUP_ROWS + rowInGroup(), rows - 1), 0);
}
