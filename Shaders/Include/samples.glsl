// The location of a batch's rows. It is uploaded, row by row; or it is drawn (DRAWN_INPUTS, DRAWN_TARGETS) from all samples:
// `order` has row numbers, four per texel; those of this batch begin at position firstSample, a multiple of four.
// With BYTE_INPUTS the features are bytes that stand for value / 255. Kernels sum over values of 0 to 255, where one is INPUT_ONE, and scale
// the sum: scaling each value would take a twentieth more multiplications.
#include "matrix.glsl"

#ifdef BYTE_INPUTS
#define READ_INPUTS(name) READ_BYTES(name)
#define LOAD_INPUTS(name, at) vec4(ivec4(LOAD(name, at)))   // signed integers are converted in one instruction
#define INPUT_ONE 255.0

// Precise: an unfused step stores it, and a fused one must not contract it into what follows.
vec4 scaleInputs(vec4 sum)
{
    precise vec4 scaled = sum * (1.0 / 255.0);
    return scaled;
}
#else
#define READ_INPUTS(name) READ(name)
#define LOAD_INPUTS(name, at) LOAD(name, at)
#define INPUT_ONE 1.0
#define scaleInputs(sum) (sum)
#endif

#if defined(DRAWN_INPUTS) || defined(DRAWN_TARGETS)

LOOK_UP_WORDS(order);
SIZE_OF_STEP(firstSample);

// The row numbers of four samples, beginning with a row in use that is a multiple of four. They exist past the end of a batch, too.
ivec4 drawnRows(int row)
{
    return ivec4(FETCH(order, (firstSample + row) / 4));
}

int drawnRow(int row)
{
    row = max(min(row, rows - 1), 0);   // a warm-up has no rows
    return drawnRows(row)[row % 4];
}

// For kernels with one row per invocation: lookUpRow loads the row numbers for later use.
int foundRow;

void lookUpRow(int row)
{
    foundRow = drawnRow(row);
}

#else
#define lookUpRow(row)
#endif

#ifdef DRAWN_INPUTS
#define inputRow(row) drawnRow(row)
#define foundInputRow(row) foundRow
#else
#define inputRow(row) (row)
#define foundInputRow(row) (row)
#endif

#ifdef DRAWN_TARGETS
#define foundTargetRow(row) foundRow
#else
#define foundTargetRow(row) (row)
#endif
