// A row of features [1 x width * height * CHANNELS] from a texture of any size: pixel by pixel, the texture's first row first, with
// the channels of a pixel side by side. A pixel is the mean over its box of the texture, each texel weighted by how much of it the
// box covers. CHANNELS 1: the luminance of Rec. 709; 3: red, green, blue; 4: alpha too.
//
// An invocation is a pixel. Those of a workgroup exchange theirs, since a texel of features holds values of up to four pixels.
#include "matrix.glsl"

#ifdef BYTE_FEATURES
#define FEATURE_FORMAT rgba8
#else
#define FEATURE_FORMAT rgba32f
#endif

layout(local_size_x = GROUP_SIZE) in;
layout(binding = 0, FEATURE_FORMAT) writeonly uniform image2D features;
layout(binding = SOURCE_TEXTURE) uniform sampler2D source;
layout(location = SIZE_0) uniform int row;
layout(location = SIZE_1) uniform int width;
layout(location = SIZE_2) uniform int height;
layout(location = SIZE_3) uniform int texelsPerRow;

const int GROUP_TEXELS = GROUP_SIZE * CHANNELS / 4;

shared vec4 pixels[GROUP_SIZE];

vec4 meanOfBox(ivec2 pixel)
{
    ivec2 size = textureSize(source, 0), boxes = ivec2(width, height);
    ivec2 first = pixel * size / boxes, end = ((pixel + 1) * size + boxes - 1) / boxes;
    vec2 low = vec2(pixel * size) / vec2(boxes), high = vec2((pixel + 1) * size) / vec2(boxes);
    vec4 sum = vec4(0.0);
    float covered = 0.0;
    for (int y = first.y; y < end.y; y++)
    {
        float coveredOfRow = min(float(y + 1), high.y) - max(float(y), low.y);
        for (int x = first.x; x < end.x; x++)
        {
            float weight = coveredOfRow * (min(float(x + 1), high.x) - max(float(x), low.x));
            sum += weight * texelFetch(source, ivec2(x, y), 0);
            covered += weight;
        }
    }

    return sum / covered;
}

void main()
{
    int lane = int(gl_LocalInvocationID.x);
    int number = invocation().x;
    vec4 pixel = vec4(0.0);
    if (number < width * height) pixel = meanOfBox(ivec2(number % width, number / width));
#if CHANNELS == 1
    pixel.r = dot(pixel.rgb, vec3(0.2126, 0.7152, 0.0722));
#endif
    pixels[lane] = pixel;

    barrier();

    int texel = workGroup().x * GROUP_TEXELS + lane;
    if (lane >= GROUP_TEXELS || texel >= texelsPerRow) return;

    vec4 values;
    for (int i = 0; i < 4; i++)
    {
        int value = 4 * lane + i;
        values[i] = pixels[value / CHANNELS][value % CHANNELS];
    }

    imageStore(features, matrixTexel(row, texel, texelsPerRow), values);
}
