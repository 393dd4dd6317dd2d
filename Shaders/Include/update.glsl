// One step of an optimizer for one texel of a parameter: from the committed weights and state into the pending ones. The
// including kernel says which optimizer (UPDATE), and calls loadRecord first. Where there is no
// such texel (isWanted is false), nothing is updated. A step whose loss is not finite stores as record.glsl says.
//   UPDATE_SGD, UPDATE_MOMENTUM   sgd.glsl
//   UPDATE_ADAM   m' = beta1 * m + (1 - beta1) * g;   v' = beta2 * v + (1 - beta2) * g^2
//                 w' = w - learningRate * (m' / (1 - beta1^t)) / (sqrt(v' / (1 - beta2^t)) + epsilon)
// Adam: Kingma and Ba, 2015, algorithm 1; its two corrections come as scalars, computed in double.

#include "record.glsl"

#ifdef RECORD_SLOTS
layout(binding = RECORD_TEXTURE) uniform samplerBuffer stepRecord;
#endif

void loadRecord()
{
#ifdef RECORD_SLOTS
    droppedStep = texelFetch(stepRecord, recordOfDrop()).x;
#endif
}

layout(binding = WEIGHTS_IMAGE, rgba32f) readonly uniform imageBuffer weights;
layout(std430, binding = PENDING_WEIGHTS_BUFFER) writeonly buffer PendingWeights { TEXEL pendingWeights[]; };

#if UPDATE == UPDATE_ADAM

layout(location = SCALAR_0) uniform float learningRate;
layout(binding = STATE_0_IMAGE, rgba32f) readonly uniform imageBuffer means;
layout(std430, binding = PENDING_STATE_0_BUFFER) writeonly buffer PendingMeans { TEXEL pendingMeans[]; };
layout(binding = STATE_1_IMAGE, rgba32f) readonly uniform imageBuffer variances;
layout(std430, binding = PENDING_STATE_1_BUFFER) writeonly buffer PendingVariances { TEXEL pendingVariances[]; };
layout(location = SCALAR_1) uniform float beta1;
layout(location = SCALAR_2) uniform float beta2;
layout(location = SCALAR_3) uniform float epsilon;
layout(location = SCALAR_4) uniform float meanCorrection;       // 1 / (1 - beta1^t)
layout(location = SCALAR_5) uniform float varianceCorrection;   // 1 / (1 - beta2^t)

void update(int at, bool isWanted, vec4 gradient)
{
    vec4 w = imageLoad(weights, at), mean = imageLoad(means, at), variance = imageLoad(variances, at);
    vec4 m = beta1 * mean + (1.0 - beta1) * gradient;
    vec4 v = beta2 * variance + (1.0 - beta2) * gradient * gradient;
    STORE_UPDATE(pendingMeans, at, isWanted, mean, m)
    STORE_UPDATE(pendingVariances, at, isWanted, variance, v)
    STORE_UPDATE(pendingWeights, at, isWanted, w, w - learningRate * (m * meanCorrection) / (sqrt(v * varianceCorrection) + epsilon))
}

#else

#include "sgd.glsl"
#if UPDATE == UPDATE_MOMENTUM
layout(binding = STATE_0_IMAGE, rgba32f) readonly uniform imageBuffer velocities;
layout(std430, binding = PENDING_STATE_0_BUFFER) writeonly buffer PendingVelocities { TEXEL pendingVelocities[]; };
#endif

void update(int at, bool isWanted, vec4 gradient)
{
    vec4 w = imageLoad(weights, at);
    vec4 v = decayedGradient(w, gradient);
#if UPDATE == UPDATE_MOMENTUM
    vec4 velocity = imageLoad(velocities, at);
    v = momentum * velocity + v;
    STORE_UPDATE(pendingVelocities, at, isWanted, velocity, v)
#endif
    STORE_UPDATE(pendingWeights, at, isWanted, w, descend(w, v))
}

#endif
