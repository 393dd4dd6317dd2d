// A dispatch may run in parts, some lines of its workgroups now and the rest in a later frame; these are the indices of workgroups
// and invocations, GROUP_SIZE of them along x in a group, within the complete dispatch.
#include "bindings.glsl"

SIZE(firstGroupX);
SIZE(firstGroupY);

ivec2 workGroup()
{
    return ivec2(gl_WorkGroupID.xy) + ivec2(firstGroupX, firstGroupY);
}

ivec2 invocation()
{
    return workGroup() * ivec2(GROUP_SIZE, 1) + ivec2(gl_LocalInvocationID.xy);
}
