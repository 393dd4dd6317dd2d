// One step of Adam (Kingma and Ba, 2015, algorithm 1), for every element of a parameter, at step t (from 1):
//   m' = beta1 * m + (1 - beta1) * g;   v' = beta2 * v + (1 - beta2) * g^2
//   w' = w - learningRate * (m' / (1 - beta1^t)) / (sqrt(v' / (1 - beta2^t)) + epsilon)
// Reads the committed weights and moments, writes the pending ones. The two corrections come as scalars, computed in double.
layout(local_size_x = GROUP_SIZE) in;
layout(binding = 0, rgba32f) readonly uniform image2D weights;
layout(binding = 1, rgba32f) readonly uniform image2D gradients;
layout(binding = 2, rgba32f) writeonly uniform image2D pendingWeights;
layout(binding = 3, rgba32f) readonly uniform image2D means;
layout(binding = 4, rgba32f) writeonly uniform image2D pendingMeans;
layout(binding = 5, rgba32f) readonly uniform image2D variances;
layout(binding = 6, rgba32f) writeonly uniform image2D pendingVariances;
layout(location = SIZE_0) uniform int width;        // of the textures, in texels
layout(location = SIZE_1) uniform int height;
layout(location = SCALAR_0) uniform float learningRate;
layout(location = SCALAR_1) uniform float beta1;
layout(location = SCALAR_2) uniform float beta2;
layout(location = SCALAR_3) uniform float epsilon;
layout(location = SCALAR_4) uniform float meanCorrection;       // 1 / (1 - beta1^t)
layout(location = SCALAR_5) uniform float varianceCorrection;   // 1 / (1 - beta2^t)

void main()
{
    ivec2 at = ivec2(gl_GlobalInvocationID.xy);
    if (at.x >= width || at.y >= height) return;

    vec4 g = imageLoad(gradients, at);
    vec4 m = beta1 * imageLoad(means, at) + (1.0 - beta1) * g;
    vec4 v = beta2 * imageLoad(variances, at) + (1.0 - beta2) * g * g;
    imageStore(pendingMeans, at, m);
    imageStore(pendingVariances, at, v);
    imageStore(pendingWeights, at, imageLoad(weights, at) - learningRate * (m * meanCorrection) / (sqrt(v * varianceCorrection) + epsilon));
}
