// The order in which samples are drawn: row numbers [texels x 4] of the batches from `firstBatch` of `epoch` on, each batch at a
// multiple of `stride` positions (its size, rounded up to complete texels). An epoch draws each of `count` samples once; its last
// batch takes the remaining samples. An invocation writes a texel: four samples of one batch.
//
// The order of an epoch is a permutation keyed by the seed and the epoch: a Feistel network of ROUNDS rounds on the bits of
// count - 1, alternating halves; a value not below count is mapped again until it is (cycle walking: Luby and Rackoff,
// 1988; Black and Rogaway, 2002, "Ciphers with Arbitrary Finite Domains"). SampleOrder.RowAt is the same in C#.
#include "matrix.glsl"

layout(local_size_x = GROUP_SIZE) in;
WRITE_WORDS(order);
SIZE(texels);
SIZE(count);
SIZE(batchSize);
SIZE(stride);
SIZE(firstBatch);
SIZE(seed);
SIZE(epochLow);
SIZE(epochHigh);

const uint GOLDEN = 0x9E3779B9u;

uint roundKeys[ROUNDS];

// The finalizer of MurmurHash3 (Appleby).
uint mixBits(uint x)
{
    x = (x ^ (x >> 16)) * 0x85EBCA6Bu;
    x = (x ^ (x >> 13)) * 0xC2B2AE35u;
    return x ^ (x >> 16);
}

void findRoundKeys(int laterEpochs)
{
    uint low = uint(epochLow) + uint(laterEpochs);
    uint high = uint(epochHigh) + (low < uint(epochLow) ? 1u : 0u);
    uint key = mixBits(uint(seed) ^ mixBits(high ^ mixBits(low + GOLDEN)));
    for (int i = 0; i < ROUNDS; i++) roundKeys[i] = mixBits(key + uint(i + 1) * GOLDEN);
}

uint rowAt(uint position)
{
    int bits = findMSB(uint(count - 1)) + 1;
    int lowBits = bits - bits / 2;
    uint lowMask = (1u << uint(lowBits)) - 1u, highMask = (1u << uint(bits / 2)) - 1u;
    uint value = position;
    do
    {
        uint low = value & lowMask, high = value >> uint(lowBits);
        for (int i = 0; i < ROUNDS; i += 2)
        {
            high ^= mixBits(low + roundKeys[i]) & highMask;
            low ^= mixBits(high + roundKeys[i + 1]) & lowMask;
        }

        value = (high << uint(lowBits)) | low;
    }
    while (value >= uint(count));
    return value;
}

void main()
{
    int texel = invocation().x;
    if (texel >= texels) return;

    int slot = 4 * texel;
    int batchesPerEpoch = (count - 1) / batchSize + 1;
    int batch = firstBatch + slot / stride;
    int first = batch % batchesPerEpoch * batchSize + slot % stride;
    findRoundKeys(batch / batchesPerEpoch);
    uvec4 found;
    for (int i = 0; i < 4; i++) found[i] = rowAt(uint(min(first + i, count - 1)));   // past an epoch's end: its last sample again
    STORE_WORDS(order, texel, found);
}
