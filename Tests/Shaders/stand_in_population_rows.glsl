// The forward pass of ROWS samples of a network: Z = activate(X . W1 + b1) . W2 + b2 (slot ACTIVATION).
// Features [members * rows x inputs] have a row a sample, those of a network below each other.
#include "stand_in_population.glsl"
#include <ACTIVATION>

READ(features);

shared vec4 hiddenRows[ROWS * HIDDEN_TEXELS];

// Z of the one row that an invocation has.
vec4 outputsOfRow[OUTPUT_TEXELS];

vec4 networkOutput(int row, int texel)
{
    return outputsOfRow[texel];
}

// Past the last row it is the last one again, whose results are not used.
int sampleRow(int member, int row)
{
    return member * rows + min(row, rows - 1);
}

// H of all rows, by all invocations; whoever reads it waits for them.
void computeHidden(int member, int firstRow)
{
    int origin = parameterOrigin(member);
    for (int i = int(gl_LocalInvocationID.x); i < ROWS * HIDDEN_TEXELS; i += GROUP_SIZE)
    {
        int h = i % HIDDEN_TEXELS;
        int featureAt = matrixTexel(sampleRow(member, firstRow + i / HIDDEN_TEXELS), 0, INPUT_TEXELS);
#define LOAD_FEATURES(k) LOAD(features, featureAt + k)
        SUM_OF_INPUTS(sum, LOAD_FEATURES, INPUT_TEXELS, weights, origin, h, HIDDEN_TEXELS)
        hiddenRows[i] = activate(sum + LOAD(weights, origin + matrixTexel(INPUTS, h, HIDDEN_TEXELS)));
    }
}

// Z of the row that is so many behind the first one.
void computeOutputs(int member, int row)
{
    int origin = parameterOrigin(member) + LAST_LAYER;
#define LOAD_HIDDEN(k) hiddenRows[row * HIDDEN_TEXELS + k]
    for (int t = 0; t < OUTPUT_TEXELS; t++)
    {
        SUM_OF_INPUTS(sum, LOAD_HIDDEN, HIDDEN_TEXELS, weights, origin, t, OUTPUT_TEXELS)
        outputsOfRow[t] = sum + LOAD(weights, origin + matrixTexel(HIDDEN, t, OUTPUT_TEXELS));
    }
}
