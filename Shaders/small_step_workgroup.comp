// A complete training step of a small network by one workgroup: dense - activation - dense under a loss and an optimizer.
//   H = activate(X . W1 + b1);   z = H . W2 + b2;   L and dZ as in loss_forward and loss_backward (slot LOSS)
//   dH = gradientFromOutput(dZ . transpose(W2), H);   [dW; db] = transpose([X, 1]) . dH and transpose([H, 1]) . dZ;   slot OPTIMIZER
// Reads X [rows x inputs] and the targets, W1 [inputs + 1 x hidden] and W2 [hidden + 1 x outputs]; writes the pending weights and state
// and the batch's loss [1 x 4] = (sum L_i / rows, sum correct_i, 0, 0).
//
// The parameters and all that lies between them are in shared memory: X too, with FEATURES. In each phase the invocations take tasks in turn, and a barrier ends it.
// Every sum has the order of the kernels that this one replaces: dense_forward_tile, or dense_forward_rows where H has few columns (HIDDEN_LANES, of each row);
// dense_loss_row_lanes; two_layer_update_tile. LANES_OF_Z lanes share a row of z: as many as its sum needs of those.
//
// With STEPS: consecutive steps, each on the next batch that is drawn (consecutive_steps.glsl), with the parameters in shared memory in between. The samples of the next batch are loaded into
// registers before the updates, so that a step does not begin with a wait.
#define LOOKS_UP_TARGETS
#include "samples.glsl"
#include "step_log.glsl"

layout(local_size_x = GROUP_SIZE) in;
READ_INPUTS(inputs);
#ifdef STEPS
IN_PLACE(batchLoss);
#define LOAD_LOG(at) LOAD_STORED(batchLoss, at)
#define LOAD_PARAMETERS(name, at) LOAD_STORED(name, at)
#else
READ(hiddenParameters);
READ(outputParameters);
#define LOAD_LOG(at) LOAD(batchLoss, at)
#define LOAD_PARAMETERS(name, at) LOAD(name, at)
#ifdef LOG_SLOTS
READ_WRITE(batchLoss);
#else
WRITE(batchLoss);
#endif
#endif
SIZE(inputTexels);
SIZE(inputColumns);
SIZE(hiddenTexels);
SIZE(hiddenColumns);

// Padded to whole texels of X and of H, so that a texel of either meets four rows.
shared vec4 hiddenWeights[HIDDEN_WEIGHTS];   // [4 * inputTexels or inputs + 1 x hiddenTexels]
shared vec4 lastWeights[LAST_WEIGHTS];       // [4 * hiddenTexels or hidden + 1 x OUTPUT_TEXELS]
#ifdef FEATURES
shared vec4 features[FEATURES];              // [rows x inputTexels], each row padded to an odd number of texels: so rows begin in different banks of the memory
vec4 nextFeatures[FEATURE_LOADS];            // of this invocation
#endif
shared vec4 hiddenRows[HIDDEN_ROWS];         // [rows x hiddenTexels]
shared vec4 gradientRows[GRADIENT_ROWS];     // [rows x OUTPUT_TEXELS]
shared vec2 lossRows[LOSS_ROWS];             // [rows]
shared int lossIsNotFinite;
#ifdef KEPT_STATES
shared vec4 keptStates[KEPT_STATES];         // [STATE_SLOTS x PARAMETER_TEXELS]: of the hidden parameters, and then of the others
#endif

#define ROW_LANES LANES_OF_Z
#define GROUP_ROWS (SUMMING_LANES / ROW_LANES)
#include "row_lanes.glsl"
#define hiddenGradientRows laneSums          // [rows x hiddenTexels]: the sums of lanes are not needed any more when the gradients of H come

#include <LOSS>
#include <ACTIVATION>
#ifdef STEPS
#include "two_layer_update_in_turn.glsl"
#else
#include "two_layer_update.glsl"
#endif

vec4 loadHiddenParameter(int at)
{
    return hiddenWeights[at];
}

vec4 loadOutputParameter(int at)
{
    return lastWeights[at];
}

vec4 outputParameter(int unit, int texel)
{
    return lastWeights[matrixTexel(unit, texel, OUTPUT_TEXELS)];
}

vec4 scaleHidden(vec4 sum)
{
    return sum;
}

vec4 loadHidden(int row, int texel)
{
    return hiddenRows[matrixTexel(row, texel, hiddenTexels)];
}

vec4 computeHidden(int row, int texel)
{
    return loadHidden(row, texel);
}

vec4 loadFeatures(int row, int texel)
{
#ifdef FEATURES
    return features[matrixTexel(row, texel, inputTexels | 1)];
#else
    return LOAD_INPUTS(inputs, matrixTexel(inputRow(row), texel, inputTexels));
#endif
}

// The products of a texel of X and a texel of H, added to a sum one by one.
vec4 addInputs(vec4 sum, int row, int texel, int hiddenTexel)
{
    vec4 x = loadFeatures(row, texel);
    int at = matrixTexel(4 * texel, hiddenTexel, hiddenTexels);
    sum = addProduct(sum, vec4(x.x), hiddenWeights[at]);
    sum = addProduct(sum, vec4(x.y), hiddenWeights[at + hiddenTexels]);
    sum = addProduct(sum, vec4(x.z), hiddenWeights[at + 2 * hiddenTexels]);
    return addProduct(sum, vec4(x.w), hiddenWeights[at + 3 * hiddenTexels]);
}

vec4 sumOfInputs(int row, int hiddenTexel)
{
#ifdef HIDDEN_LANES
    vec4 sums[HIDDEN_LANES];
    for (int l = 0; l < HIDDEN_LANES; l++) sums[l] = l < inputTexels ? addInputs(vec4(0.0), row, l, hiddenTexel) : vec4(0.0);
    for (int distance = HIDDEN_LANES / 2; distance > 0; distance /= 2)
    {
        for (int l = 0; l < distance; l++) sums[l] += sums[l + distance];
    }

    return sums[0];
#else
    vec4 sum = vec4(0.0);
    for (int k = 0; k < inputTexels; k++) sum = addInputs(sum, row, k, hiddenTexel);
    return sum;
#endif
}

void loadParameters(int lane)
{
    int hiddenCount = matrixTexel(inputColumns + 1, 0, hiddenTexels), lastCount = matrixTexel(hiddenColumns + 1, 0, OUTPUT_TEXELS);
    for (int at = lane; at < HIDDEN_WEIGHTS; at += GROUP_SIZE) hiddenWeights[at] = at < hiddenCount ? LOAD_PARAMETERS(hiddenParameters, at) : vec4(0.0);
    for (int at = lane; at < LAST_WEIGHTS; at += GROUP_SIZE) lastWeights[at] = at < lastCount ? LOAD_PARAMETERS(outputParameters, at) : vec4(0.0);
#ifdef STEPS
    loadStates(hiddenCount, lastCount, lane);
#endif
}

// The targets of the first rows whose losses an invocation computes, and its share of X, which keepFeatures passes on to the others.
void loadSamples(int lane)
{
    int row = max(min(rowInGroup(), rows - 1), 0);
    lookUpRow(row);
    lookUpTargets(row);
#ifdef FEATURES
#define LOAD_FEATURES(i) \
    { \
        int at = min(lane + i * GROUP_SIZE, max(rows * inputTexels - 1, 0)); \
        nextFeatures[i] = LOAD_INPUTS(inputs, matrixTexel(inputRow(at / max(inputTexels, 1)), at % max(inputTexels, 1), inputTexels)); \
    }
    EACH_FEATURE_LOAD(LOAD_FEATURES)
#endif
}

void keepFeatures(int lane)
{
#ifdef FEATURES
#define KEEP_FEATURES(i) \
    { \
        int at = lane + i * GROUP_SIZE; \
        if (at < rows * inputTexels) features[matrixTexel(at / inputTexels, at % inputTexels, inputTexels | 1)] = nextFeatures[i]; \
    }
    EACH_FEATURE_LOAD(KEEP_FEATURES)
#endif
}

void computeHiddenRows(int lane)
{
    for (int i = lane; i < rows * hiddenTexels; i += GROUP_SIZE)
    {
        int row = i / hiddenTexels, texel = i % hiddenTexels;
        hiddenRows[i] = activate(scaleInputs(sumOfInputs(row, texel)) + hiddenWeights[matrixTexel(inputColumns, texel, hiddenTexels)]);
    }
}

// z, L and dZ of GROUP_ROWS rows from the first on. The targets of the very first have been loaded.
void computeLosses(int first)
{
    bool inUse = IS_SUMMING && first + rowInGroup() < rows;
    int row = max(min(first + rowInGroup(), rows - 1), 0);
    if (first > 0)
    {
        lookUpRow(row);
        lookUpTargets(row);
    }

    computeOutputs(row);
    LossRow begun = beginLoss(row, OUTPUT_TEXELS);
    vec4 loss = rowLoss(row, begun);
    if (inUse && laneOfRow() == 0)
    {
        lossRows[row] = loss.xy;
        if (!isFinite(loss.x)) lossIsNotFinite = 1;
    }

    for (int t = 0; t < OUTPUT_TEXELS; t++)
    {
        vec4 gradient = outputGradient(row, t, begun);
        if (inUse && laneOfRow() == t % ROW_LANES) gradientRows[matrixTexel(row, t, OUTPUT_TEXELS)] = gradient;
    }
}

void computeHiddenGradients(int lane)
{
    for (int i = lane; i < rows * hiddenTexels; i += GROUP_SIZE)
    {
        int row = i / hiddenTexels;
        vec4 gradients[OUTPUT_TEXELS];
        for (int t = 0; t < OUTPUT_TEXELS; t++) gradients[t] = gradientRows[matrixTexel(row, t, OUTPUT_TEXELS)];
        hiddenGradientRows[i] = gradientFromOutput(hiddenGradient(i % hiddenTexels, gradients), hiddenRows[i]);
    }
}

// The sums over the batch, in order, by the rows of ROWS_AT_ONCE at a time, which are loaded before they are added. Past the last row, zeros are added to a sum that is not the negative
// zero, which changes no bits. The input that is always one has no place in X or H.
vec4 sumOfHiddenGradients(int unit, int texel)
{
    int inputTexel = min(unit / 4, inputTexels - 1), place = unit % 4;
    bool isOne = unit == inputColumns;
    vec4 sum = vec4(0.0);
    for (int first = 0; first < rows; first += ROWS_AT_ONCE)
    {
        float value[ROWS_AT_ONCE];
        vec4 gradient[ROWS_AT_ONCE];
#define LOAD_HIDDEN_ROW(i) \
        { \
            int row = min(first + i, rows - 1); \
            float x = isOne ? INPUT_ONE : loadFeatures(row, inputTexel)[place]; \
            value[i] = first + i < rows ? x : 0.0; \
            gradient[i] = zeroUnless(first + i < rows, hiddenGradientRows[matrixTexel(row, texel, hiddenTexels)]); \
        }
#define ADD_ROW(i) sum = addProduct(sum, vec4(value[i]), gradient[i]);
        EACH_ROW_AT_ONCE(LOAD_HIDDEN_ROW)
        EACH_ROW_AT_ONCE(ADD_ROW)
    }

    return sum;
}

vec4 sumOfOutputGradients(int unit, int texel)
{
    int hiddenTexel = min(unit / 4, hiddenTexels - 1), place = unit % 4;
    bool isOne = unit == hiddenColumns;
    vec4 sum = vec4(0.0);
    for (int first = 0; first < rows; first += ROWS_AT_ONCE)
    {
        float value[ROWS_AT_ONCE];
        vec4 gradient[ROWS_AT_ONCE];
#define LOAD_OUTPUT_ROW(i) \
        { \
            int row = min(first + i, rows - 1); \
            float h = isOne ? 1.0 : hiddenRows[matrixTexel(row, hiddenTexel, hiddenTexels)][place]; \
            value[i] = first + i < rows ? h : 0.0; \
            gradient[i] = zeroUnless(first + i < rows, gradientRows[matrixTexel(row, texel, OUTPUT_TEXELS)]); \
        }
        EACH_ROW_AT_ONCE(LOAD_OUTPUT_ROW)
        EACH_ROW_AT_ONCE(ADD_ROW)
    }

    return sum;
}

// The result of the step, in the log: the losses of the batch, one after the other.
void storeLosses()
{
    vec2 sum = vec2(0.0);
    for (int first = 0; first < rows; first += ROWS_AT_ONCE)
    {
        vec2 loss[ROWS_AT_ONCE];
#define LOAD_LOSS(i) { vec2 ofRow = lossRows[min(first + i, rows - 1)]; loss[i] = first + i < rows ? ofRow : vec2(0.0); }
#define ADD_LOSS(i) sum += loss[i];
        EACH_ROW_AT_ONCE(LOAD_LOSS)
        EACH_ROW_AT_ONCE(ADD_LOSS)
    }

    STORE(batchLoss, logOfStep(), stepResult(sum.x, sum.y));
}

// The updates: a task is a texel of the parameters of either layer.
void updateAll(int lane)
{
    int hiddenCount = matrixTexel(inputColumns + 1, 0, hiddenTexels), count = hiddenCount + matrixTexel(hiddenColumns + 1, 0, OUTPUT_TEXELS);
    for (int task = lane; task < count; task += GROUP_SIZE)
    {
        bool isOfHidden = task < hiddenCount;
        int at = isOfHidden ? task : task - hiddenCount;
        int texels = isOfHidden ? hiddenTexels : OUTPUT_TEXELS;
        int unit = at / texels, texel = at % texels;
        if (isOfHidden) updateHidden(at, true, scaleInputs(sumOfHiddenGradients(unit, texel)));
        else updateOutput(at, true, sumOfOutputGradients(unit, texel));
    }
}

// All phases of a step, whose samples have been loaded. Shared memory has the parameters before it; with STEPS, a barrier later, those after it.
void runStep(int lane, int step, int last)
{
    if (lane == 0) lossIsNotFinite = 0;
    keepFeatures(lane);
    memoryBarrierShared();
    barrier();

    computeHiddenRows(lane);
    memoryBarrierShared();
    barrier();

    for (int first = 0; first < rows; first += GROUP_ROWS)
    {
        computeLosses(first);
        memoryBarrierShared();
        barrier();
    }

    computeHiddenGradients(lane);
    memoryBarrierShared();
    barrier();

#ifdef LOG_SLOTS
    bool dropsNow = droppedStep == 0.0 && lossIsNotFinite == 1;
    if (dropsNow) droppedStep = float(stepNumber);
    if (dropsNow && lane == 0) STORE(batchLoss, logOfDrop(), vec4(droppedStep, 0.0, 0.0, 0.0));
#endif
#ifdef STEPS
    if (step < last)
    {
        setBatch(step + 1);
        loadSamples(lane);
        setBatch(step);
    }
#endif
    if (lane == GROUP_SIZE - 1) storeLosses();   // which has the fewest tasks of the updates
    updateAll(lane);
    noteKept();
}

void main()
{
#ifdef STEPS
    if (steps == 0) return;   // a warm-up
#else
    if (rows == 0) return;
#endif

    int lane = int(gl_LocalInvocationID.x);
#ifdef LOG_SLOTS
    droppedStep = LOAD_LOG(logOfDrop()).x;
#endif
    loadParameters(lane);
#ifdef STEPS
    setBatch(0);
    loadSamples(lane);
    for (int step = 0; step < steps; step++)
    {
        beginStep(step);
        forgetKept(lane);
        runStep(lane, step, steps - 1);
        memoryBarrierShared();
        barrier();
        storeKept(lane);
    }
#else
    loadSamples(lane);
    runStep(lane, 0, 0);
#endif
}
