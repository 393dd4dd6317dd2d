// The forward pass of ROWS samples of each network: Z = activate(X . W1 + b1) . W2 + b2 (slot ACTIVATION). A network has 32 lanes, and a workgroup NETWORKS networks.
// Features [members * rows x inputs] have one row per sample; the samples of a network are consecutive.
//
// A lane has the hidden units lane, lane + 32, ... with their weights in registers; samples and outputs are in shared memory. The sums have one order: inputs one by one, the bias
// last; of Z, a lane's units in order, then the lanes in order, then the bias.
//
// C# generates the macros (WorkgroupTiledPopulation): EACH_UNIT(F) the hidden units of a lane, EACH_INPUT_TEXEL(F), EACH_OUTPUT_TEXEL(F), EACH_ROW(F), and EACH_ROW_TEXEL(F) for
// four rows at a time.
#include "population_lane_layout.glsl"
#include "products.glsl"
#include <ACTIVATION>

layout(local_size_x = GROUP_SIZE) in;   // NETWORKS * LANES
READ(features);

const int LANES = 32;
const int FEATURE_TEXELS = (INPUTS + 3) / 4;
const int ROW_TEXELS = (ROWS + 3) / 4;
const int PADDED_ROWS = 4 * ROW_TEXELS;
const int LANE_STRIDE = LANES + 1;   // odd: lanes that each add one output read from different banks

shared vec4 samples[SAMPLES];               // [NETWORKS x PADDED_ROWS x INPUT_TEXELS], with the input that is always one
shared vec4 laneOutputs[LANE_OUTPUTS];      // [NETWORKS x ROWS * OUTPUT_TEXELS x LANE_STRIDE]
shared vec4 networkOutputs[SHARED_OUTPUTS]; // [NETWORKS x PADDED_ROWS x OUTPUT_TEXELS]

vec4 weightsOfInputs[UNITS * INPUT_TEXELS];
vec4 weightsOfOutputs[UNITS * OUTPUT_TEXELS];
vec4 hidden[UNITS * ROW_TEXELS];   // of four rows

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

// Past the last row of the batch it is the last one again, whose results are not used.
int sampleRow(int member, int row)
{
    return member * rows + max(min(row, rows - 1), 0);
}

int sampleAt(int row)
{
    return (networkInGroup() * PADDED_ROWS + row) * INPUT_TEXELS;
}

int outputAt(int row)
{
    return (networkInGroup() * PADDED_ROWS + row) * OUTPUT_TEXELS;
}

// The row whose outputs are read by code that knows one row alone.
int readRow;

vec4 networkOutput(int row, int texel)
{
    return networkOutputs[outputAt(readRow) + texel];
}

void loadSamples(int member, int firstRow)
{
    for (int i = laneOfNetwork(); i < PADDED_ROWS * INPUT_TEXELS; i += LANES)
    {
        int row = i / INPUT_TEXELS, texel = i % INPUT_TEXELS;
        vec4 one = mix(vec4(0.0), vec4(1.0), equal(4 * texel + ivec4(0, 1, 2, 3), ivec4(INPUTS)));
        vec4 x = texel < FEATURE_TEXELS ? LOAD(features, matrixTexel(sampleRow(member, firstRow + row), texel, FEATURE_TEXELS)) : vec4(0.0);
        samples[sampleAt(row) + texel] = x + one;
    }
}

// A lane without a unit has zeros.
void loadWeights(int member)
{
#define LOAD_UNIT(j) \
    { \
        const int unitOfLane = j; \
        int unit = laneOfNetwork() + LANES * unitOfLane; \
        bool exists = unit < HIDDEN; \
        EACH_INPUT_TEXEL(LOAD_INPUT_WEIGHTS) \
        EACH_OUTPUT_TEXEL(LOAD_OUTPUT_WEIGHTS) \
    }
#define LOAD_INPUT_WEIGHTS(k) weightsOfInputs[unitOfLane * INPUT_TEXELS + k] = exists ? LOAD(weights, hiddenParameter(member, k, unit)) : vec4(0.0);
#define LOAD_OUTPUT_WEIGHTS(t) weightsOfOutputs[unitOfLane * OUTPUT_TEXELS + t] = exists ? LOAD(weights, outputParameter(member, unit, t)) : vec4(0.0);
    EACH_UNIT(LOAD_UNIT)
}

// H of the lane's units, four rows at a time.
void computeHidden()
{
#define HIDDEN_ROWS(q) \
    { \
        const int rowTexel = q; \
        EACH_UNIT(START_UNIT) \
        EACH_INPUT_TEXEL(ADD_INPUT_TEXEL) \
        EACH_UNIT(ACTIVATE_UNIT) \
    }
#define START_UNIT(j) hidden[j * ROW_TEXELS + rowTexel] = vec4(0.0);
#define ADD_INPUT_TEXEL(k) \
    { \
        const int inputTexel = k; \
        vec4 x0 = samples[sampleAt(4 * rowTexel) + k], x1 = samples[sampleAt(4 * rowTexel + 1) + k]; \
        vec4 x2 = samples[sampleAt(4 * rowTexel + 2) + k], x3 = samples[sampleAt(4 * rowTexel + 3) + k]; \
        EACH_UNIT(ADD_PRODUCTS) \
    }
#define ADD_PRODUCTS(j) \
    { \
        vec4 w = weightsOfInputs[j * INPUT_TEXELS + inputTexel]; \
        vec4 sum = hidden[j * ROW_TEXELS + rowTexel]; \
        sum = addProduct(sum, vec4(x0.x, x1.x, x2.x, x3.x), vec4(w.x)); \
        sum = addProduct(sum, vec4(x0.y, x1.y, x2.y, x3.y), vec4(w.y)); \
        sum = addProduct(sum, vec4(x0.z, x1.z, x2.z, x3.z), vec4(w.z)); \
        hidden[j * ROW_TEXELS + rowTexel] = addProduct(sum, vec4(x0.w, x1.w, x2.w, x3.w), vec4(w.w)); \
    }
#define ACTIVATE_UNIT(j) if (laneOfNetwork() + LANES * j < HIDDEN) hidden[j * ROW_TEXELS + rowTexel] = activate(hidden[j * ROW_TEXELS + rowTexel]);
    EACH_ROW_TEXEL(HIDDEN_ROWS)
}

// What the lane's units add to Z.
void computeLaneOutputs()
{
#define LANE_OUTPUTS_OF_ROW(row) \
    { \
        const int rowOfLane = row; \
        EACH_OUTPUT_TEXEL(LANE_OUTPUT) \
    }
#define LANE_OUTPUT(t) \
    { \
        const int outputTexel = t; \
        vec4 sum = vec4(0.0); \
        EACH_UNIT(ADD_UNIT) \
        laneOutputs[((networkInGroup() * ROWS + rowOfLane) * OUTPUT_TEXELS + outputTexel) * LANE_STRIDE + laneOfNetwork()] = sum; \
    }
#define ADD_UNIT(j) sum = addProduct(sum, vec4(hidden[j * ROW_TEXELS + rowOfLane / 4][rowOfLane % 4]), weightsOfOutputs[j * OUTPUT_TEXELS + outputTexel]);
    EACH_ROW(LANE_OUTPUTS_OF_ROW)
}

// Z, a texel of a row by a lane.
void sumLaneOutputs(int member)
{
    for (int i = laneOfNetwork(); i < ROWS * OUTPUT_TEXELS; i += LANES)
    {
        int first = (networkInGroup() * ROWS * OUTPUT_TEXELS + i) * LANE_STRIDE;
        vec4 sum = vec4(0.0);
        for (int lane = 0; lane < LANES; lane++) sum += laneOutputs[first + lane];
        networkOutputs[outputAt(0) + i] = sum + LOAD(weights, outputParameter(member, HIDDEN, i % OUTPUT_TEXELS));
    }
}

// Z of all rows. All invocations of the workgroup call it.
void computeOutputs(int member, int firstRow)
{
    loadSamples(member, firstRow);
    loadWeights(member);
    memoryBarrierShared();
    barrier();

    computeHidden();
    computeLaneOutputs();
    memoryBarrierShared();
    barrier();

    sumLaneOutputs(member);
    memoryBarrierShared();
    barrier();
}
