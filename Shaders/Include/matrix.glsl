// The layout of a matrix [rows x columns]: four columns a texel, ceil(columns / 4) texels a row, one row behind the other. MatrixShape is
// the same in C#. A kernel reads a matrix as a buffer texture, at an image unit (NAME_IMAGE), and writes it as a storage buffer, at a binding of
// its own (NAME_BUFFER): a software driver's store to a buffer takes half as long as one to an image. A matrix that a kernel both reads and writes
// is not declared readonly, which would let a compiler move its loads over the stores.
//
// A store to a buffer must lie within it, so what lies past the end of a matrix is not stored. The value is computed before that condition,
// not in it: in a branch a software driver reads each uniform anew for every lane.

#include "dispatch.glsl"

layout(location = ROWS_LOCATION) uniform int rows;   // rows of the batch in use; a plan may have room for more

int matrixTexel(int row, int texel, int texelsPerRow)
{
    return row * texelsPerRow + texel;
}

// What is stored. With WIDE_STORES the same bits as two numbers of 64 bits, for a driver that stores number by number.
#ifdef WIDE_STORES
#define TEXEL dvec2

dvec2 asTexel(vec4 values)
{
    uvec4 bits = floatBitsToUint(values);
    return dvec2(packDouble2x32(bits.xy), packDouble2x32(bits.zw));
}
#else
#define TEXEL vec4
#define asTexel(values) (values)
#endif

// A value of a row that may lie past the rows in use, where the matrix holds whatever an earlier batch left.
vec4 zeroUnless(bool inUse, vec4 value)
{
    return inUse ? value : vec4(0.0);
}
