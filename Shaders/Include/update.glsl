// One step of an optimizer for one texel of a parameter: from the committed weights and state into the pending ones. The
// including kernel says which optimizer (UPDATE) and which image units are free (UPDATE_IMAGE_n).
//   UPDATE_SGD, UPDATE_MOMENTUM   sgd.glsl
//   UPDATE_ADAM   m' = beta1 * m + (1 - beta1) * g;   v' = beta2 * v + (1 - beta2) * g^2
//                 w' = w - learningRate * (m' / (1 - beta1^t)) / (sqrt(v' / (1 - beta2^t)) + epsilon)
// Adam: Kingma and Ba, 2015, algorithm 1; its two corrections come as scalars, computed in double.

layout(binding = UPDATE_IMAGE_0, rgba32f) readonly uniform image2D weights;
layout(binding = UPDATE_IMAGE_1, rgba32f) writeonly uniform image2D pendingWeights;

#if UPDATE == UPDATE_ADAM

layout(location = SCALAR_0) uniform float learningRate;
layout(binding = UPDATE_IMAGE_2, rgba32f) readonly uniform image2D means;
layout(binding = UPDATE_IMAGE_3, rgba32f) writeonly uniform image2D pendingMeans;
layout(binding = UPDATE_IMAGE_4, rgba32f) readonly uniform image2D variances;
layout(binding = UPDATE_IMAGE_5, rgba32f) writeonly uniform image2D pendingVariances;
layout(location = SCALAR_1) uniform float beta1;
layout(location = SCALAR_2) uniform float beta2;
layout(location = SCALAR_3) uniform float epsilon;
layout(location = SCALAR_4) uniform float meanCorrection;       // 1 / (1 - beta1^t)
layout(location = SCALAR_5) uniform float varianceCorrection;   // 1 / (1 - beta2^t)

void update(ivec2 at, vec4 gradient)
{
    vec4 m = beta1 * imageLoad(means, at) + (1.0 - beta1) * gradient;
    vec4 v = beta2 * imageLoad(variances, at) + (1.0 - beta2) * gradient * gradient;
    imageStore(pendingMeans, at, m);
    imageStore(pendingVariances, at, v);
    imageStore(pendingWeights, at, imageLoad(weights, at) - learningRate * (m * meanCorrection) / (sqrt(v * varianceCorrection) + epsilon));
}

#else

#include "sgd.glsl"
#if UPDATE == UPDATE_MOMENTUM
layout(binding = UPDATE_IMAGE_2, rgba32f) readonly uniform image2D velocities;
layout(binding = UPDATE_IMAGE_3, rgba32f) writeonly uniform image2D pendingVelocities;
#endif

void update(ivec2 at, vec4 gradient)
{
    vec4 w = imageLoad(weights, at);
    vec4 v = decayedGradient(w, gradient);
#if UPDATE == UPDATE_MOMENTUM
    v = momentum * imageLoad(velocities, at) + v;
    imageStore(pendingVelocities, at, v);
#endif
    imageStore(pendingWeights, at, descend(w, v));
}

#endif
