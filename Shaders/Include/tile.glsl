// A register tile of ROWS x TEXELS texels, written out in the source text: drivers do not unroll loops of this length, and
// an array keeps to registers only where every index is a constant.
//   EACH_ROW(F)      F(0) F(1) ... F(ROWS - 1)
//   EACH_TEXEL(F)    F(0) F(1) ... F(TEXELS - 1)
//   ACROSS(F, row)   F(row, 0) F(row, 1) ... F(row, TEXELS - 1)
//   DOWN(F, t)       F(0, t) F(1, t) ... F(ROWS - 1, t)
// A workgroup is one line of GROUP_SIZE invocations: COLUMN_LANES of them lie side by side along the columns, the rest below.

#define REPEAT_1(F) F(0)
#define REPEAT_2(F) REPEAT_1(F) F(1)
#define REPEAT_4(F) REPEAT_2(F) F(2) F(3)
#define REPEAT_8(F) REPEAT_4(F) F(4) F(5) F(6) F(7)
#define REPEAT_12(F) REPEAT_8(F) F(8) F(9) F(10) F(11)
#define REPEAT_16(F) REPEAT_12(F) F(12) F(13) F(14) F(15)

#define DOWN_1(F, t) F(0, t)
#define DOWN_2(F, t) DOWN_1(F, t) F(1, t)
#define DOWN_4(F, t) DOWN_2(F, t) F(2, t) F(3, t)
#define DOWN_8(F, t) DOWN_4(F, t) F(4, t) F(5, t) F(6, t) F(7, t)
#define DOWN_12(F, t) DOWN_8(F, t) F(8, t) F(9, t) F(10, t) F(11, t)
#define DOWN_16(F, t) DOWN_12(F, t) F(12, t) F(13, t) F(14, t) F(15, t)

#if ROWS == 1
#define EACH_ROW(F) REPEAT_1(F)
#define DOWN(F, t) DOWN_1(F, t)
#elif ROWS == 2
#define EACH_ROW(F) REPEAT_2(F)
#define DOWN(F, t) DOWN_2(F, t)
#elif ROWS == 4
#define EACH_ROW(F) REPEAT_4(F)
#define DOWN(F, t) DOWN_4(F, t)
#elif ROWS == 8
#define EACH_ROW(F) REPEAT_8(F)
#define DOWN(F, t) DOWN_8(F, t)
#elif ROWS == 12
#define EACH_ROW(F) REPEAT_12(F)
#define DOWN(F, t) DOWN_12(F, t)
#elif ROWS == 16
#define EACH_ROW(F) REPEAT_16(F)
#define DOWN(F, t) DOWN_16(F, t)
#endif

#if TEXELS == 1
#define EACH_TEXEL(F) F(0)
#define ACROSS(F, row) F(row, 0)
#elif TEXELS == 2
#define EACH_TEXEL(F) F(0) F(1)
#define ACROSS(F, row) F(row, 0) F(row, 1)
#elif TEXELS == 4
#define EACH_TEXEL(F) F(0) F(1) F(2) F(3)
#define ACROSS(F, row) F(row, 0) F(row, 1) F(row, 2) F(row, 3)
#endif

layout(local_size_x = GROUP_SIZE) in;

int tileColumn()
{
    return workGroup().x * COLUMN_LANES + int(gl_LocalInvocationID.x) % COLUMN_LANES;
}

int tileRow()
{
    return workGroup().y * (GROUP_SIZE / COLUMN_LANES) + int(gl_LocalInvocationID.x) / COLUMN_LANES;
}
