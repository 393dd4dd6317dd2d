// One step of an optimizer for every element of a parameter (the formulas stand in update.glsl), from its gradient. Texels
// are taken as they lie, folded or not.
layout(local_size_x = GROUP_SIZE) in;
#include "matrix.glsl"

layout(binding = 0, rgba32f) readonly uniform image2D gradients;
layout(location = SIZE_0) uniform int width;        // of the textures, in texels
layout(location = SIZE_1) uniform int height;

#include "update.glsl"

void main()
{
    ivec2 at = invocation();
    if (at.x >= width || at.y >= height) return;

    loadRecord();
    update(at, imageLoad(gradients, at));
}
