// The sum over the inputs of a dense layer's output, whose PARTS parts lie side by side in partSums [rows x PARTS * outputs], added in order. The parts are loaded some at a
// time before they are added, since a loop that adds each as it comes waits for each: EACH_PART(F) is F(0) F(1) ... F(PARTS_AT_ONCE - 1).
#include "matrix.glsl"

READ(partSums);

vec4 sumOfParts(int row, int texel, int texelsPerRow)
{
    int at = matrixTexel(row, texel, PARTS * texelsPerRow);
    vec4 sum = vec4(0.0);
    for (int first = 0; first < PARTS; first += PARTS_AT_ONCE)
    {
        vec4 part[PARTS_AT_ONCE];
#define LOAD_PART(i) part[i] = first + i < PARTS ? LOAD(partSums, at + (first + i) * texelsPerRow) : vec4(0.0);
#define ADD_PART(i) sum += part[i];
        EACH_PART(LOAD_PART)
        EACH_PART(ADD_PART)
    }

    return sum;
}
