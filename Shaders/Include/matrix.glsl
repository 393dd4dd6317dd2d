// The layout of a matrix [rows x columns]: four columns per texel, ceil(columns / 4) texels per row, rows contiguous. MatrixShape is
// the same in C#. bindings.glsl declares, loads and stores matrices.
#include "bindings.glsl"
#include "dispatch.glsl"

SIZE_OF_STEP(rows);   // rows of the batch in use; a plan may have room for more

// The bound of a loop that a compiler must not unroll. Some unroll up to 32 iterations if an array is indexed by them: in a kernel that repeats
// the loop for each of its rows, compiling then takes a minute.
#define NOT_UNROLLED(count) ((count) + min(rows, 0))

int matrixTexel(int row, int texel, int texelsPerRow)
{
    return row * texelsPerRow + texel;
}

// A value of a row that may lie past the rows in use, where the matrix holds leftovers of an earlier batch.
vec4 zeroUnless(bool inUse, vec4 value)
{
    return inUse ? value : vec4(0.0);
}
