// Where a batch's rows lie. It may be uploaded, row by row; or drawn from all samples that there are: `order` has their row
// numbers, four a texel, and row i of the batch is the sample at position firstSample + i, firstSample being a multiple of four.
//   DRAWN_INPUTS, DRAWN_TARGETS   the features, the targets are drawn
//   BYTE_INPUTS                   the features are bytes, read as value / 255
// Rows past those in use are drawn too; what lies there is a sample, whichever.

#if defined(DRAWN_INPUTS) || defined(DRAWN_TARGETS)

layout(binding = ORDER_UNIT) uniform usampler2D order;
layout(location = FIRST_SAMPLE) uniform int firstSample;

// Of four rows, from a multiple of four on that is in use.
ivec4 sampleRows(int row)
{
    return ivec4(texelFetch(order, matrixTexel((firstSample + row) / 4, 0, 1), 0));
}

int sampleRow(int row)
{
    row = min(row, rows - 1);
    return sampleRows(row)[row % 4];
}

// For kernels in which an invocation is a row: its sample, looked up once.
int drawnRow;

void drawRow(int row)
{
    drawnRow = sampleRow(row);
}

#else
#define drawRow(row)
#endif

#ifdef DRAWN_INPUTS
#define inputRow(row) sampleRow(row)
#define drawnInput(row) drawnRow
#else
#define inputRow(row) (row)
#define drawnInput(row) (row)
#endif

#ifdef DRAWN_TARGETS
#define drawnTarget(row) drawnRow
#else
#define drawnTarget(row) (row)
#endif

#ifdef BYTE_INPUTS
#define INPUT_FORMAT rgba8
#else
#define INPUT_FORMAT rgba32f
#endif
