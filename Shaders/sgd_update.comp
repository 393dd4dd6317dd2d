// One step of stochastic gradient descent, for every element of a parameter:
//   g' = g + weightDecay * w;   with MOMENTUM: v' = momentum * v + g', else v' = g';   w' = w - learningRate * v'
// Reads the committed weights and velocity, writes the pending ones. Texels are taken as they lie, folded or not.
layout(local_size_x = GROUP_SIZE) in;
layout(binding = 0, rgba32f) readonly uniform image2D weights;
layout(binding = 1, rgba32f) readonly uniform image2D gradients;
layout(binding = 2, rgba32f) writeonly uniform image2D pendingWeights;
#if MOMENTUM
layout(binding = 3, rgba32f) readonly uniform image2D velocities;
layout(binding = 4, rgba32f) writeonly uniform image2D pendingVelocities;
#endif
layout(location = SIZE_0) uniform int width;        // of the textures, in texels
layout(location = SIZE_1) uniform int height;
layout(location = SCALAR_0) uniform float learningRate;
layout(location = SCALAR_1) uniform float momentum;
layout(location = SCALAR_2) uniform float weightDecay;

void main()
{
    ivec2 at = ivec2(gl_GlobalInvocationID.xy);
    if (at.x >= width || at.y >= height) return;

    vec4 w = imageLoad(weights, at);
    vec4 v = imageLoad(gradients, at) + weightDecay * w;
#if MOMENTUM
    v = momentum * imageLoad(velocities, at) + v;
    imageStore(pendingVelocities, at, v);
#endif
    imageStore(pendingWeights, at, w - learningRate * v);
}
