// Row numbers of samples in the order of an epoch, for some batches one behind the other, each filled up to a multiple of four:
//   order[batch * stride + i] = permutation(firstPosition + batch * batchSize + i), four a texel
// where i < batchSize and the position is below count, else 0.
//
// The permutation of [0, count) is a Feistel network on as many bits as count needs, with eight rounds that change one half of
// the bits by a function of the other in turn; a number beyond count goes through it again until it is below (cycle walking,
// Black and Rogaway, 2002). SampleOrder gives the same numbers in C#. An invocation is a texel.
#include "matrix.glsl"

layout(local_size_x = GROUP_SIZE) in;
layout(binding = 0, rgba32ui) writeonly uniform uimage2D order;
layout(location = SIZE_0) uniform int texels;
layout(location = SIZE_1) uniform int strideTexels;
layout(location = SIZE_2) uniform int batchSize;
layout(location = SIZE_3) uniform int firstPosition;
layout(location = SIZE_4) uniform int count;
layout(location = SIZE_5) uniform int lowBits;
layout(location = SIZE_6) uniform int highBits;
layout(location = SIZE_7) uniform int key;

// The finalizer of MurmurHash3 (Appleby, 2011): every bit of the result depends on every bit of the value.
uint mixed(uint value)
{
    value = (value ^ (value >> 16)) * 0x85ebca6bu;
    value = (value ^ (value >> 13)) * 0xc2b2ae35u;
    return value ^ (value >> 16);
}

uint permuted(uint position)
{
    uint lowMask = (1u << uint(lowBits)) - 1u, highMask = (1u << uint(highBits)) - 1u;
    uint value = position;
    do
    {
        uint low = value & lowMask, high = value >> uint(lowBits);
        for (uint i = 0u; i < ROUNDS; i += 2u)
        {
            high ^= mixed(low ^ mixed(uint(key) + i)) & highMask;
            low ^= mixed(high ^ mixed(uint(key) + i + 1u)) & lowMask;
        }

        value = high << uint(lowBits) | low;
    } while (value >= uint(count));
    return value;
}

void main()
{
    int texel = invocation().x;
    if (texel >= texels) return;

    int firstOfBatch = texel % strideTexels * 4;
    uvec4 rowNumbers = uvec4(0u);
    for (int i = 0; i < 4; i++)
    {
        int position = firstPosition + texel / strideTexels * batchSize + firstOfBatch + i;
        bool isDrawn = firstOfBatch + i < batchSize && position < count;
        uint row = permuted(isDrawn ? uint(position) : 0u);
        rowNumbers[i] = isDrawn ? row : 0u;
    }

    imageStore(order, matrixTexel(texel, 0, 1), rowNumbers);
}
