// One step of an optimizer for every element of a parameter (the formulas stand in update.glsl), from its gradient. Texels
// are taken as they lie, in lines of lineTexels.
layout(local_size_x = GROUP_SIZE) in;
#include "matrix.glsl"

layout(binding = GRADIENTS_IMAGE, rgba32f) readonly uniform imageBuffer gradients;
layout(location = SIZE_0) uniform int texels;
layout(location = SIZE_1) uniform int lineTexels;

#include "update.glsl"

void main()
{
    int at = invocation().y * lineTexels + invocation().x;
    if (at >= texels) return;

    loadRecord();
    update(at, true, imageLoad(gradients, at));
}
