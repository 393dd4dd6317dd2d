// The rows of a batch. Where its samples lie among all others (DRAWN_INPUTS, DRAWN_TARGETS), their row numbers are looked up in
// `order`, four a texel: those of this batch lie there from the position firstSample on, a multiple of four.

#ifdef BYTE_INPUTS
#define INPUT_FORMAT rgba8
#else
#define INPUT_FORMAT rgba32f
#endif

#if defined(DRAWN_INPUTS) || defined(DRAWN_TARGETS)

layout(binding = ORDER_TEXTURE) uniform usampler2D order;
layout(location = FIRST_SAMPLE) uniform int firstSample;

// The row numbers of four samples, the first one a multiple of four.
ivec4 drawnRows(int row)
{
    return ivec4(texelFetch(order, matrixTexel((firstSample + row) / 4, 0, 1), 0));
}

int drawnRow(int row)
{
    return drawnRows(row)[row % 4];
}

#endif

#ifdef DRAWN_INPUTS
#define inputRow(row) drawnRow(row)
#else
#define inputRow(row) (row)
#endif

#ifdef DRAWN_TARGETS
#define targetRow(row) drawnRow(row)
#else
#define targetRow(row) (row)
#endif
