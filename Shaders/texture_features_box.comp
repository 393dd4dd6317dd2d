// A row of features [1 x width * height * CHANNELS] from a texture of any size, or a part of it: pixel by pixel, starting with the texture's first row,
// the channels of a pixel side by side. A pixel is the mean over its box of the texture, each texel weighted by the share of it that
// the box covers. CHANNELS 1: the weighted sum of red, green and blue; 3: red, green, blue; 4: alpha too. As a byte a mean that is NaN is zero.
//
// With STORES_TARGET, the first four words of the row's target too, of `targets` [rows x 4 * targetTexels words]: a driver may skip the dispatch, so the target's row says by its weight whether
// there are features.
//
// An invocation is a pixel. The invocations of a workgroup exchange theirs, because a texel of features holds values of up to four pixels.
#include "finite.glsl"
#include "matrix.glsl"

layout(local_size_x = GROUP_SIZE) in;
#ifdef BYTE_FEATURES
WRITE_BYTES(features);
#define STORE_FEATURES(at, values) STORE_BYTES(features, at, zeroForNaN(values))
#else
WRITE(features);
#define STORE_FEATURES(at, values) STORE(features, at, values)
#endif
#ifdef STORES_TARGET
WRITE_WORDS(targets);
SIZE(targetTexels);
SIZE(firstWord);
SIZE(secondWord);
SIZE(thirdWord);
SIZE(fourthWord);
#endif
GAME_TEXTURE(sampler2D, source);
SIZE(row);
SIZE(width);
SIZE(height);
SIZE(texelsPerRow);
SIZE(sourceX);   // the part of the texture; all of its base level if the width is 0
SIZE(sourceY);
SIZE(sourceWidth);
SIZE(sourceHeight);
SCALAR(redWeight);
SCALAR(greenWeight);
SCALAR(blueWeight);

const int GROUP_TEXELS = GROUP_SIZE * CHANNELS / 4;

shared vec4 pixels[GROUP_SIZE];

// How much of a texel lies in a pixel's box, along one side: integers until the end, so that a complete texel is 1.0.
float covered(int texel, int texels, int pixel, int pixelCount)
{
    int low = max(texel * pixelCount, pixel * texels), high = min((texel + 1) * pixelCount, (pixel + 1) * texels);   // no NaN: integers
    return float(high - low) / float(pixelCount);
}

vec4 meanOfBox(ivec2 pixel)
{
    ivec2 origin = ivec2(sourceX, sourceY), part = ivec2(sourceWidth, sourceHeight);
    ivec2 size = part.x > 0 ? part : textureSize(source, 0), boxes = ivec2(width, height);
    ivec2 first = pixel * size / boxes, last = ((pixel + 1) * size - 1) / boxes;
    vec4 sum = vec4(0.0);
    float weights = 0.0;
    for (int y = first.y; y <= last.y; y++)
    {
        vec4 sumOfRow = vec4(0.0);   // summed separately, rows lose less to rounding
        float weightsOfRow = 0.0;
        for (int x = first.x; x <= last.x; x++)
        {
            float weight = covered(x, size.x, pixel.x, width);
            sumOfRow += weight * texelFetch(source, origin + ivec2(x, y), 0);
            weightsOfRow += weight;
        }

        float weight = covered(y, size.y, pixel.y, height);
        sum += weight * sumOfRow;
        weights += weight * weightsOfRow;
    }

    return sum / weights;
}

void main()
{
    int lane = int(gl_LocalInvocationID.x);
    int number = invocation().x;
    vec4 pixel = vec4(0.0);
    if (number < width * height) pixel = meanOfBox(ivec2(number % width, number / width));
#if CHANNELS == 1
    pixel.r = dot(pixel.rgb, vec3(redWeight, greenWeight, blueWeight));
#endif
    pixels[lane] = pixel;
#ifdef STORES_TARGET
    if (number == 0) STORE_WORDS(targets, matrixTexel(row, 0, targetTexels), uvec4(firstWord, secondWord, thirdWord, fourthWord));
#endif

    memoryBarrierShared();
    barrier();

    int texel = workGroup().x * GROUP_TEXELS + lane;
    if (lane >= GROUP_TEXELS || texel >= texelsPerRow) return;

    vec4 values;
    for (int i = 0; i < 4; i++)
    {
        int value = 4 * lane + i;
        values[i] = pixels[value / CHANNELS][value % CHANNELS];
    }

    STORE_FEATURES(matrixTexel(row, texel, texelsPerRow), values);
}
