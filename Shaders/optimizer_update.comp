// One step of an optimizer for every element of a parameter, from its gradient: slot OPTIMIZER, as in update.glsl. Texels
// are taken in memory order, in lines of lineTexels.
layout(local_size_x = GROUP_SIZE) in;
#include "update.glsl"

READ(gradients);
SIZE(texels);
SIZE(lineTexels);

void main()
{
    int at = invocation().y * lineTexels + invocation().x;
    if (at >= texels) return;

    loadDrop();
    update(at, true, LOAD(gradients, at));
    noteKept();
}
