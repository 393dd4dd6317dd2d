// Y [rows x outputs] = X [rows x inputs] . W [inputs x outputs] + b [outputs]; b is the row of the parameters below W. With ACTIVATION: Y = activate(X . W + b).
// A workgroup has a tile of Y, as in workgroup_product.glsl.
//
// The sum over the inputs has parts of PART_LENGTH, which are added in order. With PARTS_APART each part is a workgroup, which stores it in
// partSums [rows x PARTS * outputs], and whoever reads them adds them; otherwise a workgroup has all of them in turn. The bits are the same.
#include "samples.glsl"
#include <ACTIVATION>
#define A_ALONG_SUM
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
#if PARTS == 1
    sumProducts(0, inputColumns);
#define WHOLE_SUM(i) scaleInputs(tileSums[i])
#else
    vec4 whole[LANE_ROWS * LANE_TEXELS];
#define START_WHOLE(row, t) whole[row * LANE_TEXELS + t] = vec4(0.0);
#define START_WHOLES(row) ACROSS(START_WHOLE, row)
    EACH_LANE_ROW(START_WHOLES)
    for (int first = 0; first < inputColumns; first += PART_LENGTH)
    {
        sumProducts(first, min(first + PART_LENGTH, inputColumns));
#define ADD_PART(row, t) whole[row * LANE_TEXELS + t] += scaleInputs(tileSums[row * LANE_TEXELS + t]);
#define ADD_PARTS(row) ACROSS(ADD_PART, row)
        EACH_LANE_ROW(ADD_PARTS)
    }
#define WHOLE_SUM(i) whole[i]
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
