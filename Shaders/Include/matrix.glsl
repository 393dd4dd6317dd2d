// The texture layout of a matrix [rows x columns]: four columns a texel; row r lies in column block r / FOLD_HEIGHT at
// texture row r mod FOLD_HEIGHT. MatrixShape is the same in C#. FOLD_HEIGHT is a power of two and a multiple of four, so
// four rows that start at a multiple of four lie in one block, below each other.

#include "dispatch.glsl"

layout(location = ROWS_LOCATION) uniform int rows;   // rows of the batch in use; a plan may have room for more

// A row is never negative; that it is unsigned here makes the division a shift.
ivec2 matrixTexel(int row, int texel, int texelsPerRow)
{
    return ivec2(int(uint(row) / uint(FOLD_HEIGHT)) * texelsPerRow + texel, row & (FOLD_HEIGHT - 1));
}

// A store there has no effect, and a load is zero. A branch instead would end what a compiler sees at once: it reads uniforms again in each.
const ivec2 NOWHERE = ivec2(-1);

// A value of a row that may lie past the rows in use, where the texture holds whatever an earlier batch left.
vec4 zeroUnless(bool inUse, vec4 value)
{
    return inUse ? value : vec4(0.0);
}
