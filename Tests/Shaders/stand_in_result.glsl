// The place of an invocation in a result: it has one texel, and workgroups have GROUP_SIZE of them by GROUP_ROWS rows.
#include "dispatch.glsl"

layout(local_size_x = GROUP_SIZE, local_size_y = GROUP_ROWS) in;

ivec2 resultTexel()
{
    return workGroup() * ivec2(GROUP_SIZE, GROUP_ROWS) + ivec2(gl_LocalInvocationID.xy);
}
