// A register tile of ROWS x TEXELS texels, unrolled in the source text: drivers do not unroll loops of this length, and
// an array stays in registers only if every index is a constant. C# generates the macros (RegisterTiledFamily):
//   EACH_ROW(F)      F(0) F(1) ... F(ROWS - 1)
//   EACH_TEXEL(F)    F(0) F(1) ... F(TEXELS - 1)
//   ACROSS(F, row)   F(row, 0) F(row, 1) ... F(row, TEXELS - 1)
//   DOWN(F, t)       F(0, t) F(1, t) ... F(ROWS - 1, t)
// A workgroup is one line of GROUP_SIZE invocations: COLUMN_LANES of them lie side by side along the columns, the rest below.
#include "dispatch.glsl"

layout(local_size_x = GROUP_SIZE) in;

int tileColumn()
{
    return workGroup().x * COLUMN_LANES + int(gl_LocalInvocationID.x) % COLUMN_LANES;
}

int tileRow()
{
    return workGroup().y * (GROUP_SIZE / COLUMN_LANES) + int(gl_LocalInvocationID.x) / COLUMN_LANES;
}
