// db [outputs] = the column sums of dY [rows x outputs]
//
// An invocation sums one texel of columns down the batch, four rows at a time in order.
#include "matrix.glsl"

layout(local_size_x = GROUP_SIZE) in;
layout(binding = 0, rgba32f) readonly uniform image2D outputGradients;
layout(binding = 1, rgba32f) writeonly uniform image2D biasGradients;
layout(location = SIZE_0) uniform int outputTexels;

void main()
{
    int texel = int(gl_GlobalInvocationID.x);
    if (texel >= outputTexels) return;

    vec4 sum = vec4(0.0);
    for (int b = 0; b < rows; b += 4)
    {
        ivec2 at = matrixTexel(b, texel, outputTexels);
        sum += imageLoad(outputGradients, at)
            + zeroUnless(b + 1 < rows, imageLoad(outputGradients, at + ivec2(0, 1)))
            + zeroUnless(b + 2 < rows, imageLoad(outputGradients, at + ivec2(0, 2)))
            + zeroUnless(b + 3 < rows, imageLoad(outputGradients, at + ivec2(0, 3)));
    }

    imageStore(biasGradients, ivec2(texel, 0), sum);
}
