// Y [rows x outputs] = X [rows x inputs] . W [inputs x outputs] + b [outputs]; b is the row of the parameters below W. With ACTIVATION: Y = activate(X . W + b).
// A workgroup has a tile of Y, as in workgroup_product.glsl.
//
// The sum over the inputs has parts of PART_LENGTH, which are added in order. With PARTS_APART each part is a workgroup, which stores it in
// partSums [rows x PARTS * outputs], and whoever reads them adds them; otherwise a workgroup has all of them in turn. The bits are the same.
#include "samples.glsl"
#include <ACTIVATION>
#define A_ALONG_SUM
#if !defined(PARTS_APART) && PARTS > 1
#define FINISHED_PART(sum) scaleInputs(sum)
#endif
#include "workgroup_product.glsl"

READ_INPUTS(inputs);
READ(parameters);   // [inputs + 1 x outputs]
#ifdef PARTS_APART
WRITE(partSums);
#else
WRITE(outputs);
#endif
SIZE(inputTexels);
SIZE(outputTexels);
SIZE(inputColumns);

int beginA(int row)
{
    return matrixTexel(inputRow(row), 0, inputTexels);
}

vec4 loadA(int begun, int row, int k)
{
    return row < rows && k < inputColumns ? LOAD_INPUTS(inputs, begun + k / 4) : vec4(0.0);
}

int beginB(int texel)
{
    return texel;
}

vec4 loadB(int begun, int texel, int k)
{
    return texel < outputTexels && k < inputColumns ? LOAD(parameters, matrixTexel(k, texel, outputTexels)) : vec4(0.0);
}

void main()
{
    int columns = max((outputTexels + TILE_COLUMN_TEXELS - 1) / TILE_COLUMN_TEXELS, 1);
    int part = workGroup().x / columns;
    firstTileRow = workGroup().y * TILE_ROWS;
    firstTileTexel = workGroup().x % columns * TILE_COLUMN_TEXELS;

#ifdef PARTS_APART
    sumProducts(part * PART_LENGTH, min((part + 1) * PART_LENGTH, inputColumns));
#define STORE_RESULT(row, t) \
    if (RESULT_ROW(row) < rows && RESULT_TEXEL(t) < outputTexels) \
        STORE(partSums, matrixTexel(RESULT_ROW(row), part * outputTexels + RESULT_TEXEL(t), PARTS * outputTexels), scaleInputs(tileSums[row * LANE_TEXELS + t]));
#else
    sumProducts(0, inputColumns);
#ifdef FINISHED_PART
#define WHOLE_SUM(i) wholeSums[i]
#else
#define WHOLE_SUM(i) scaleInputs(tileSums[i])
#endif
#ifdef ACTIVATION
#define ACTIVATED(x) activate(x)
#else
#define ACTIVATED(x) x
#endif
#define STORE_RESULT(row, t) \
    if (RESULT_ROW(row) < rows && RESULT_TEXEL(t) < outputTexels) \
    { \
        vec4 bias = LOAD(parameters, matrixTexel(inputColumns, RESULT_TEXEL(t), outputTexels)); \
        STORE(outputs, matrixTexel(RESULT_ROW(row), RESULT_TEXEL(t), outputTexels), ACTIVATED(WHOLE_SUM(row * LANE_TEXELS + t) + bias)); \
    }
#endif
#define STORE_RESULTS(row) ACROSS(STORE_RESULT, row)
    EACH_LANE_ROW(STORE_RESULTS)
}
