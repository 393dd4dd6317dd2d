// Rows of features [rows x observations + values]: the observations, followed by the pixels of a texture, scaled to the range of
// observations: y = clamp(2x - 1, -LIMIT, LIMIT). The last column of `observed` [rows x observations + 1] is the row of `seen`; if it
// is below zero nothing was seen, and y is 0. A pixel that is NaN stays NaN, so that the choice from it says so.
//
// An invocation is a texel of features, which need not start where a texel of observations or pixels does.
#include "finite.glsl"
#include "matrix.glsl"

layout(local_size_x = GROUP_SIZE, local_size_y = GROUP_ROWS) in;
READ(observed);
READ(seen);
WRITE(features);
SIZE(observations);
SIZE(values);
SIZE(observedTexels);
SIZE(seenTexels);
SIZE(featureTexels);

float observedAt(int row, int column)
{
    return LOAD(observed, matrixTexel(row, column / 4, observedTexels))[column % 4];
}

float seenAt(int row, int value)
{
    return LOAD(seen, matrixTexel(row, value / 4, seenTexels))[value % 4];
}

void main()
{
    int texel = invocation().x, row = workGroup().y * GROUP_ROWS + int(gl_LocalInvocationID.y);
    if (row >= rows || texel >= featureTexels) return;

    int look = int(observedAt(row, observations));
    vec4 joined = vec4(0.0);
    for (int i = 0; i < 4; i++)
    {
        int column = 4 * texel + i;
        if (column < observations) joined[i] = observedAt(row, column);
        else if (look >= 0 && column < observations + values)
            joined[i] = clampOrNaN(2.0 * seenAt(look, column - observations) - 1.0, -float(LIMIT), float(LIMIT));
    }

    STORE(features, matrixTexel(row, texel, featureTexels), joined);
}
