// The stand-in family's sums, each from its last product to its first, one at a time. They are written out by macros, so that the fused kernel
// has the text of those that it replaces, and so their bits. A loop turns once for four products: common drivers stop one silently that turns more
// than 65,535 times.
//   SUM_OF_INPUTS     one texel of X . W:              loadInput(k) is a texel of a row of X
//   SUM_OF_OUTPUTS    one texel of dY . transpose(W):  loadGradient(n) is a texel of a row of dY
// W [inputs x outputs] is in `parameters`, starting at the texel `origin`, with the biases as its last row.
#include "matrix.glsl"

// The texel of the output column `texel`. The padding of X is zero.
#define SUM_OF_INPUTS(sum, loadInput, inputTexels, parameters, origin, texel, outputTexels) \
    vec4 sum = vec4(0.0); \
    for (int k = inputTexels - 1; k >= 0; k--) \
    { \
        vec4 x = loadInput(k); \
        int weightAt = (origin) + matrixTexel(4 * k, texel, outputTexels); \
        sum += x.w * LOAD(parameters, weightAt + 3 * outputTexels); \
        sum += x.z * LOAD(parameters, weightAt + 2 * outputTexels); \
        sum += x.y * LOAD(parameters, weightAt + outputTexels); \
        sum += x.x * LOAD(parameters, weightAt); \
    }

// The texel of the input column `texel`; what lies past inputColumns stays zero, where the rows of W end and the biases follow.
#define SUM_OF_OUTPUTS(sum, loadGradient, outputTexels, parameters, origin, texel, inputColumns) \
    vec4 sum = vec4(0.0); \
    for (int n = outputTexels - 1; n >= 0; n--) \
    { \
        vec4 g = loadGradient(n); \
        int weightAt = (origin) + matrixTexel(4 * (texel), n, outputTexels); \
        mat4 w = transpose(mat4( \
            LOAD(parameters, weightAt), LOAD(parameters, weightAt + outputTexels), \
            LOAD(parameters, weightAt + 2 * outputTexels), LOAD(parameters, weightAt + 3 * outputTexels))); \
        sum += g.w * w[3]; \
        sum += g.z * w[2]; \
        sum += g.y * w[1]; \
        sum += g.x * w[0]; \
    } \
    sum = mix(vec4(0.0), sum, lessThan(4 * (texel) + ivec4(0, 1, 2, 3), ivec4(inputColumns)));
