// The forward pass of BLOCKS * ROWS samples of each network: Z = activate(X . W1 + b1) . W2 + b2 (slot ACTIVATION). A network has 32 lanes, and a workgroup NETWORKS networks.
// Features [members * rows x inputs] have one row per sample; the samples of a network are consecutive. Its blocks of ROWS rows are computed one after the other.
//
// A lane has the hidden units lane, lane + 32, ...; samples and outputs are in shared memory. With KEEPS_WEIGHTS the weights of its units are in registers; otherwise, if there are too many,
// those of the inputs are read where they are needed, for each block and again for their update, which costs little since the caches of a card have them then. The sums have one
// order: inputs one by one, the bias last; of Z, a lane's units in order, then the lanes in order, then the bias.
//
// C# generates the macros (WorkgroupTiledPopulation): EACH_UNIT(F) the hidden units of a lane, EACH_INPUT_TEXEL(F), EACH_OUTPUT_TEXEL(F), EACH_ROW(F) of a block, EACH_ROW_TEXEL(F) for
// four rows at a time, and EACH_PASS(F) with EACH_ROW_OF_PASS(F): the rows whose lanes add their outputs at once, of all of which shared memory would have little room for many outputs.
#include "population_lane_layout.glsl"
#include "products.glsl"
#include <ACTIVATION>

layout(local_size_x = GROUP_SIZE) in;   // NETWORKS * LANES
READ(features);

const int LANES = 32;
const int FEATURE_TEXELS = (INPUTS + 3) / 4;
const int ROW_TEXELS = (ROWS + 3) / 4;
const int PADDED_ROWS = 4 * ROW_TEXELS;
const int ALL_ROWS = BLOCKS * PADDED_ROWS;
const int LANE_STRIDE = LANES + 1;   // odd: lanes that each add one output read from different banks

shared vec4 samples[SAMPLES];               // [NETWORKS x ALL_ROWS x INPUT_TEXELS], where there is room with the input that is always one
shared vec4 laneOutputs[LANE_OUTPUTS];      // [NETWORKS x PASS_ROWS * OUTPUT_TEXELS x LANE_STRIDE]
shared vec4 networkOutputs[SHARED_OUTPUTS]; // [NETWORKS x ALL_ROWS x OUTPUT_TEXELS]

#ifdef KEEPS_WEIGHTS
vec4 weightsOfInputs[UNITS * INPUT_TEXELS];
#endif
vec4 weightsOfOutputs[UNITS * OUTPUT_TEXELS];
vec4 hidden[UNITS * ROW_TEXELS];   // of a block, four rows in a texel
#ifdef BIASES_APART
float biases[UNITS];
#endif

// A texel of the lane's hidden units of any block. Each lane reads what it has written itself.
#if BLOCKS == 1
#define HIDDEN_OF(block, j, q) hidden[(j) * ROW_TEXELS + (q)]
#else
shared vec4 keptHidden[KEPT_HIDDEN];   // [NETWORKS x BLOCKS x UNITS * ROW_TEXELS x LANES]
#define HIDDEN_OF(block, j, q) keptHidden[((networkInGroup() * BLOCKS + (block)) * UNITS * ROW_TEXELS + (j) * ROW_TEXELS + (q)) * LANES + laneOfNetwork()]
#endif

int laneOfNetwork()
{
    return int(gl_LocalInvocationID.x) % LANES;
}

int networkInGroup()
{
    return int(gl_LocalInvocationID.x) / LANES;
}

bool isMember()
{
    return workGroup().x * NETWORKS + networkInGroup() < members;
}

// Past the last member it is the last one again, whose results are not stored.
int memberOfLanes()
{
    return max(min(workGroup().x * NETWORKS + networkInGroup(), members - 1), 0);
}

// The blocks that have rows of the batch.
int blocksInUse(int firstRow)
{
    return BLOCKS == 1 ? 1 : max(min((rows - firstRow + ROWS - 1) / ROWS, BLOCKS), 1);
}

// Past the last row of the batch it is the last one again, whose results are not used.
int sampleRow(int member, int row)
{
    return member * rows + max(min(row, rows - 1), 0);
}

int sampleAt(int row)
{
    return (networkInGroup() * ALL_ROWS + row) * INPUT_TEXELS;
}

int outputAt(int row)
{
    return (networkInGroup() * ALL_ROWS + row) * OUTPUT_TEXELS;
}

// The row whose outputs are read by code that knows one row alone.
int readRow;

vec4 networkOutput(int row, int texel)
{
    return networkOutputs[outputAt(readRow) + texel];
}

void loadSamples(int member, int firstRow, int blocks)
{
    for (int i = laneOfNetwork(); i < blocks * PADDED_ROWS * INPUT_TEXELS; i += LANES)
    {
        int row = i / INPUT_TEXELS, texel = i % INPUT_TEXELS;
        vec4 one = mix(vec4(0.0), vec4(1.0), equal(4 * texel + ivec4(0, 1, 2, 3), ivec4(INPUTS)));
        samples[sampleAt(row) + texel] = LOAD(features, matrixTexel(sampleRow(member, firstRow + row), texel, FEATURE_TEXELS)) + one;
    }
}

// A texel of the weights of a hidden unit; zeros for a lane without one.
vec4 loadInputWeights(int member, int inputTexel, int unit)
{
    return unit < HIDDEN ? LOAD(weights, hiddenParameter(member, inputTexel, unit)) : vec4(0.0);
}

#ifdef KEEPS_WEIGHTS
#define INPUT_WEIGHTS(member, k, j) weightsOfInputs[(j) * INPUT_TEXELS + (k)]
#else
#define INPUT_WEIGHTS(member, k, j) loadInputWeights(member, k, laneOfNetwork() + LANES * (j))
#endif

void loadWeights(int member)
{
#define LOAD_UNIT(j) \
    { \
        const int unitOfLane = j; \
        int unit = laneOfNetwork() + LANES * unitOfLane; \
        bool exists = unit < HIDDEN; \
        KEEP_INPUT_WEIGHTS \
        EACH_OUTPUT_TEXEL(LOAD_OUTPUT_WEIGHTS) \
        LOAD_BIAS \
    }
#ifdef KEEPS_WEIGHTS
#define KEEP_INPUT_WEIGHTS EACH_INPUT_TEXEL(LOAD_INPUT_WEIGHTS)
#define LOAD_INPUT_WEIGHTS(k) weightsOfInputs[unitOfLane * INPUT_TEXELS + k] = loadInputWeights(member, k, unit);
#else
#define KEEP_INPUT_WEIGHTS
#endif
#define LOAD_OUTPUT_WEIGHTS(t) weightsOfOutputs[unitOfLane * OUTPUT_TEXELS + t] = exists ? LOAD(weights, outputParameter(member, unit, t)) : vec4(0.0);
#ifdef BIASES_APART
#define LOAD_BIAS biases[unitOfLane] = exists ? LOAD(weights, hiddenBiases(member, unit / 4))[unit % 4] : 0.0;
#define WITH_BIAS(sum, j) (sum + biases[j])
#else
#define LOAD_BIAS
#define WITH_BIAS(sum, j) sum
#endif
    EACH_UNIT(LOAD_UNIT)
}

// H of the lane's units in the rows of a block.
void computeHidden(int member, int block)
{
    int firstRow = block * PADDED_ROWS;
#define START_UNIT(j) { const int unitOfLane = j; EACH_ROW_TEXEL(START_ROWS) }
#define START_ROWS(q) hidden[unitOfLane * ROW_TEXELS + q] = vec4(0.0);
#define ADD_INPUT_TEXEL(k) \
    { \
        const int inputTexel = k; \
        vec4 weightsOfTexel[UNITS]; \
        EACH_UNIT(TAKE_WEIGHTS) \
        EACH_ROW_TEXEL(ADD_ROWS) \
    }
#define TAKE_WEIGHTS(j) weightsOfTexel[j] = INPUT_WEIGHTS(member, inputTexel, j);
#define ADD_ROWS(q) \
        { \
            const int rowTexel = q; \
            int at = sampleAt(firstRow + 4 * rowTexel) + inputTexel; \
            vec4 x0 = samples[at], x1 = samples[at + INPUT_TEXELS], x2 = samples[at + 2 * INPUT_TEXELS], x3 = samples[at + 3 * INPUT_TEXELS]; \
            EACH_UNIT(ADD_PRODUCTS) \
        }
#define ADD_PRODUCTS(j) \
            { \
                vec4 w = weightsOfTexel[j]; \
                vec4 sum = hidden[j * ROW_TEXELS + rowTexel]; \
                sum = addProduct(sum, vec4(x0.x, x1.x, x2.x, x3.x), vec4(w.x)); \
                sum = addProduct(sum, vec4(x0.y, x1.y, x2.y, x3.y), vec4(w.y)); \
                sum = addProduct(sum, vec4(x0.z, x1.z, x2.z, x3.z), vec4(w.z)); \
                hidden[j * ROW_TEXELS + rowTexel] = addProduct(sum, vec4(x0.w, x1.w, x2.w, x3.w), vec4(w.w)); \
            }
#define ACTIVATE_UNIT(j) { const int unitOfLane = j; EACH_ROW_TEXEL(ACTIVATE_ROWS) }
#define ACTIVATE_ROWS(q) \
    { \
        vec4 h = hidden[unitOfLane * ROW_TEXELS + q]; \
        if (laneOfNetwork() + LANES * unitOfLane < HIDDEN) h = activate(WITH_BIAS(h, unitOfLane)); \
        hidden[unitOfLane * ROW_TEXELS + q] = h; \
        HIDDEN_OF(block, unitOfLane, q) = h; \
    }
    EACH_UNIT(START_UNIT)
    EACH_INPUT_TEXEL(ADD_INPUT_TEXEL)
    EACH_UNIT(ACTIVATE_UNIT)
}

// Z of the rows of a pass, a texel of a row by a lane.
void sumLaneOutputs(int member, int firstRow)
{
    for (int i = laneOfNetwork(); i < PASS_ROWS * OUTPUT_TEXELS; i += LANES)
    {
        int first = (networkInGroup() * PASS_ROWS * OUTPUT_TEXELS + i) * LANE_STRIDE;
        vec4 sum = vec4(0.0);
        for (int lane = 0; lane < LANES; lane++) sum += laneOutputs[first + lane];
        networkOutputs[outputAt(firstRow) + i] = sum + LOAD(weights, outputParameter(member, HIDDEN, i % OUTPUT_TEXELS));
    }
}

// Z of the rows of a block: what each lane's units add to it, and then the sum of all lanes. All invocations of the workgroup call it.
void computeOutputsOfBlock(int member, int block)
{
#define OUTPUTS_OF_PASS(p) \
    { \
        const int firstOfPass = p * PASS_ROWS; \
        EACH_ROW_OF_PASS(LANE_OUTPUTS_OF_ROW) \
        memoryBarrierShared(); barrier(); \
        sumLaneOutputs(member, block * PADDED_ROWS + firstOfPass); \
        memoryBarrierShared(); barrier(); \
    }
#define LANE_OUTPUTS_OF_ROW(r) \
        { \
            const int rowOfPass = r; \
            EACH_OUTPUT_TEXEL(LANE_OUTPUT) \
        }
#define LANE_OUTPUT(t) \
            { \
                const int outputTexel = t; \
                vec4 sum = vec4(0.0); \
                EACH_UNIT(ADD_UNIT) \
                laneOutputs[((networkInGroup() * PASS_ROWS + rowOfPass) * OUTPUT_TEXELS + outputTexel) * LANE_STRIDE + laneOfNetwork()] = sum; \
            }
#define ADD_UNIT(j) sum = addProduct(sum, vec4(hidden[j * ROW_TEXELS + (firstOfPass + rowOfPass) / 4][(firstOfPass + rowOfPass) % 4]), weightsOfOutputs[j * OUTPUT_TEXELS + outputTexel]);
    EACH_PASS(OUTPUTS_OF_PASS)
}

// Z of the first blocks of rows. All invocations of the workgroup call it.
void computeOutputs(int member, int firstRow, int blocks)
{
    loadSamples(member, firstRow, blocks);
    loadWeights(member);
    memoryBarrierShared();
    barrier();

    for (int block = 0; block < blocks; block++)
    {
        computeHidden(member, block);
        computeOutputsOfBlock(member, block);
    }
}
