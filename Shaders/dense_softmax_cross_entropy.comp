// The last dense layer, the softmax, its loss and their gradients, in one: for each row of H [rows x inputs]
//   z = h . W + b;   L and dz as in softmax_cross_entropy_forward and _backward;   with INPUT_GRADIENTS: dh = dz . transpose(W),
//   and with RELU, H being the output of a ReLU, dh where h > 0, else 0.
// Writes dZ [rows x classes], L with the right predictions [rows x 4], and dH [rows x inputs]. The logits are never stored.
//
// An invocation is a row of the batch. The logits stay in CLASS_TEXELS registers: the loops over them are unrolled, which takes
// few classes. Every sum has the order of the kernels that this one replaces.
#include "matrix.glsl"
#include "relu.glsl"
#define classTexels CLASS_TEXELS
#include "targets.glsl"

layout(local_size_x = GROUP_SIZE) in;
layout(binding = 0, rgba32f) readonly uniform image2D inputs;
layout(binding = 2, rgba32f) readonly uniform image2D parameters;   // [inputs + 1 x classes]: W and, below it, the biases
layout(binding = 3, rgba32f) writeonly uniform image2D logitGradients;
layout(binding = 4, rgba32f) writeonly uniform image2D rowLosses;
#ifdef INPUT_GRADIENTS
layout(binding = 5, rgba32f) writeonly uniform image2D inputGradients;
#endif
layout(location = SIZE_1) uniform int inputTexels;
layout(location = SIZE_2) uniform int inputColumns;
layout(location = SCALAR_0) uniform float entropyBonus;

vec4 z[CLASS_TEXELS];

vec4 loadLogits(int row, int texel)
{
    return z[texel];
}

#include "softmax.glsl"
#include "cross_entropy.glsl"

void computeLogits(int row)
{
    for (int t = 0; t < CLASS_TEXELS; t++) z[t] = vec4(0.0);
    for (int k = 0; k < inputTexels; k++)
    {
        vec4 h = imageLoad(inputs, matrixTexel(row, k, inputTexels));
        ivec2 at = matrixTexel(4 * k, 0, CLASS_TEXELS);
        for (int t = 0; t < CLASS_TEXELS; t++)
        {
            z[t] += h.x * imageLoad(parameters, at + ivec2(t, 0)) + h.y * imageLoad(parameters, at + ivec2(t, 1))
                + h.z * imageLoad(parameters, at + ivec2(t, 2)) + h.w * imageLoad(parameters, at + ivec2(t, 3));
        }
    }

    for (int t = 0; t < CLASS_TEXELS; t++) z[t] += imageLoad(parameters, matrixTexel(inputColumns, t, CLASS_TEXELS));
}

#ifdef INPUT_GRADIENTS
void storeInputGradients(int row, vec4 gradients[CLASS_TEXELS])
{
    for (int k = 0; k < inputTexels; k++)
    {
        ivec2 at = matrixTexel(4 * k, 0, CLASS_TEXELS);
        vec4 sum = vec4(0.0);
        for (int t = 0; t < CLASS_TEXELS; t++)
        {
            vec4 g = gradients[t];
            sum += vec4(
                dot(g, imageLoad(parameters, at + ivec2(t, 0))), dot(g, imageLoad(parameters, at + ivec2(t, 1))),
                dot(g, imageLoad(parameters, at + ivec2(t, 2))), dot(g, imageLoad(parameters, at + ivec2(t, 3))));
        }

        // The padding stays zero: what follows the last row of W are the biases.
        ivec2 inputAt = matrixTexel(row, k, inputTexels);
        sum = mix(vec4(0.0), sum, lessThan(4 * k + ivec4(0, 1, 2, 3), ivec4(inputColumns)));
#ifdef RELU
        sum = reluGradient(sum, imageLoad(inputs, inputAt));
#endif
        imageStore(inputGradients, inputAt, sum);
    }
}
#endif

void main()
{
    int row = int(gl_GlobalInvocationID.x);
    if (row >= rows) return;

    computeLogits(row);
    Target target = loadTarget(row);
    Softmax softmax = softmaxOfRow(row);
    imageStore(rowLosses, matrixTexel(row, 0, 1), rowLoss(row, target, softmax));

    vec4 gradients[CLASS_TEXELS];
    for (int t = 0; t < CLASS_TEXELS; t++)
    {
        gradients[t] = logitGradient(row, t, target, softmax);
        imageStore(logitGradients, matrixTexel(row, t, CLASS_TEXELS), gradients[t]);
    }

#ifdef INPUT_GRADIENTS
    storeInputGradients(row, gradients);
#endif
}
