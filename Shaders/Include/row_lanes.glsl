// The last dense layer of rows: z = h . W + b, a row of H [rows x hidden] by ROW_LANES invocations side by side, GROUP_ROWS rows at a time. There are two orders of its sums.
//
// Few outputs: lane l adds the products of the texels l, l + ROW_LANES, ... of its row one by one, in order; then lanes at a distance of ROW_LANES / 2, ROW_LANES / 4, ... 1 add their
// sums. A row of fewer texels than lanes adds zeros, which change no bits.
//
// More outputs, with PARTS_OF_Z: those of dense_forward_tile. The products of a part of the sum, Z_PART_LENGTH long, are added one by one by one lane, PARTS_AT_A_TIME parts of each texel of z at
// a time; then the parts are added in order.
//
// All invocations of a row then have all of z: in registers, or with OUTPUTS_IN_SHARED_MEMORY in shared memory, for outputs in parts that are too many for registers.
//
// TEXELS_AT_ONCE texels of a lane are loaded before their products are added, since a loop that adds each as it comes waits for each. With SUMMING_LANES only so many invocations
// of the workgroup, whole rows, compute sums; the others have the results of some of these.
//
// The including kernel declares or defines hiddenTexels and hiddenColumns, the sizes of a row of H, and the functions below.
#include "matrix.glsl"
#include "products.glsl"

#ifndef TEXELS_AT_ONCE
#define TEXELS_AT_ONCE 1
#endif
#ifdef SUMMING_LANES
#define IS_SUMMING (int(gl_LocalInvocationID.x) < SUMMING_LANES)
#define SUMMING_LANE (int(gl_LocalInvocationID.x) % SUMMING_LANES)
#else
#define IS_SUMMING true
#define SUMMING_LANE int(gl_LocalInvocationID.x)
#endif

// [GROUP_ROWS * ROW_LANES x OUTPUT_TEXELS]; with PARTS_OF_Z [GROUP_ROWS x PARTS_AT_A_TIME x OUTPUT_TEXELS], and with OUTPUTS_IN_SHARED_MEMORY z before the parts of its row.
shared vec4 laneSums[LANE_SUMS];

#ifdef OUTPUTS_IN_SHARED_MEMORY
#define SUMS_OF_ROW ((1 + PARTS_AT_A_TIME) * OUTPUT_TEXELS)
#else
vec4 z[OUTPUT_TEXELS];
#endif

// A texel of h, to be used for z: what computes H does it here, and keeps it in keepHidden if that is defined.
vec4 computeHidden(int row, int texel);
#ifdef KEPT_HIDDEN
void keepHidden(int row, int texel, vec4 h);
#else
#define keepHidden(row, texel, h)
#endif

// The same after a barrier, of any lane.
vec4 loadHidden(int row, int texel);

// The scale of a sum over h.
vec4 scaleHidden(vec4 sum);

// A texel of [W; b] [hidden + 1 x outputs].
vec4 outputParameter(int unit, int texel);

int laneOfRow()
{
    return SUMMING_LANE % ROW_LANES;
}

int rowInGroup()
{
    return SUMMING_LANE / ROW_LANES;
}

// A texel of z, and what precedes a statement for each texel of outputs that this invocation stores.
#ifdef OUTPUTS_IN_SHARED_MEMORY
vec4 networkOutput(int row, int texel)
{
    return laneSums[rowInGroup() * SUMS_OF_ROW + texel];
}

#define FOR_TEXELS_OF_LANE(t) for (int t = laneOfRow(); t < OUTPUT_TEXELS; t += ROW_LANES)
#else
vec4 networkOutput(int row, int texel)
{
    return z[texel];
}

#define FOR_TEXELS_OF_LANE(t) for (int t = 0; t < OUTPUT_TEXELS; t++) if (laneOfRow() == t)
#endif

// A texel of W. Past the last unit, that of the biases, which the padding of H multiplies by zero.
vec4 outputWeights(int unit, int texel)
{
    return outputParameter(min(unit, hiddenColumns), texel);
}

#ifdef PARTS_OF_Z
// The part of the sum of a texel of z, its products one by one.
vec4 sumOfPart(int row, int texel, int part)
{
    vec4 sum = vec4(0.0);
    for (int i = 0; i < (Z_PART_LENGTH + 3) / 4; i++)
    {
        int k = part * (Z_PART_LENGTH / 4) + i;
        vec4 h = k < hiddenTexels ? loadHidden(row, k) : vec4(0.0);
        sum = addProduct(sum, vec4(h.x), outputWeights(4 * k, texel));
        sum = addProduct(sum, vec4(h.y), outputWeights(4 * k + 1, texel));
        sum = addProduct(sum, vec4(h.z), outputWeights(4 * k + 2, texel));
        sum = addProduct(sum, vec4(h.w), outputWeights(4 * k + 3, texel));
    }

    return scaleHidden(sum);
}

void keepHiddenOfRow(int row)
{
#ifdef KEPT_HIDDEN
    for (int k = laneOfRow(); k < hiddenTexels; k += ROW_LANES) keepHidden(row, k, computeHidden(row, k));
#endif
}

// Some parts of z of a row, from the first one given on, at this place of laneSums.
void sumParts(int row, int first, int parts, int place)
{
    int tasks = parts * OUTPUT_TEXELS;
    memoryBarrierShared();
    barrier();
    for (int task = IS_SUMMING ? laneOfRow() : tasks; task < tasks; task += ROW_LANES) laneSums[place + task] = sumOfPart(row, task % OUTPUT_TEXELS, first + task / OUTPUT_TEXELS);
    memoryBarrierShared();
    barrier();
}

#ifdef OUTPUTS_IN_SHARED_MEMORY
// z of a row, by all invocations of the workgroup.
void computeOutputs(int row)
{
    int place = rowInGroup() * SUMS_OF_ROW, lane = laneOfRow();
    keepHiddenOfRow(row);
    for (int first = 0; first < PARTS_OF_Z; first += PARTS_AT_A_TIME)
    {
        int parts = min(PARTS_OF_Z - first, PARTS_AT_A_TIME), placeOfParts = place + OUTPUT_TEXELS;
        sumParts(row, first, parts, placeOfParts);
        for (int t = lane; t < OUTPUT_TEXELS; t += ROW_LANES)
        {
            vec4 whole = first == 0 ? vec4(0.0) : laneSums[place + t];
            for (int part = 0; part < parts; part++) whole += laneSums[placeOfParts + part * OUTPUT_TEXELS + t];
            laneSums[place + t] = first + parts < PARTS_OF_Z ? whole : whole + outputParameter(hiddenColumns, t);
        }
    }

    memoryBarrierShared();
    barrier();
}
#else
// z of a row, by all invocations of the workgroup.
void computeOutputs(int row)
{
    int place = rowInGroup() * PARTS_AT_A_TIME * OUTPUT_TEXELS, lane = laneOfRow();
    keepHiddenOfRow(row);
    vec4 whole = vec4(0.0);   // of the texel that has the lane's number
    for (int first = 0; first < PARTS_OF_Z; first += PARTS_AT_A_TIME)
    {
        int parts = min(PARTS_OF_Z - first, PARTS_AT_A_TIME);
        sumParts(row, first, parts, place);
#if PARTS_OF_Z > 1
        for (int task = lane; task < parts * OUTPUT_TEXELS && lane < OUTPUT_TEXELS; task += OUTPUT_TEXELS) whole += laneSums[place + task];
#endif
    }

#if PARTS_OF_Z > 1
    memoryBarrierShared();
    barrier();
    if (IS_SUMMING && lane < OUTPUT_TEXELS) laneSums[place + lane] = whole;
    memoryBarrierShared();
    barrier();
#endif
    for (int t = 0; t < OUTPUT_TEXELS; t++) z[t] = laneSums[place + t] + outputParameter(hiddenColumns, t);
}
#endif
#else
// z of a row, by all invocations of the workgroup.
void computeOutputs(int row)
{
    int place = SUMMING_LANE * OUTPUT_TEXELS;
    vec4 sum[OUTPUT_TEXELS];
    for (int t = 0; t < OUTPUT_TEXELS; t++) sum[t] = vec4(0.0);
    for (int first = IS_SUMMING ? laneOfRow() : hiddenTexels; first < hiddenTexels; first += TEXELS_AT_ONCE * ROW_LANES)
    {
        vec4 h[TEXELS_AT_ONCE];
        for (int i = 0; i < TEXELS_AT_ONCE; i++) h[i] = computeHidden(row, min(first + i * ROW_LANES, hiddenTexels - 1));
        for (int i = 0; i < TEXELS_AT_ONCE; i++)
        {
            int k = first + i * ROW_LANES;
            if (k < hiddenTexels)
            {
                keepHidden(row, k, h[i]);
                for (int t = 0; t < OUTPUT_TEXELS; t++)
                {
                    sum[t] = addProduct(sum[t], vec4(h[i].x), outputWeights(4 * k, t));
                    sum[t] = addProduct(sum[t], vec4(h[i].y), outputWeights(4 * k + 1, t));
                    sum[t] = addProduct(sum[t], vec4(h[i].z), outputWeights(4 * k + 2, t));
                    sum[t] = addProduct(sum[t], vec4(h[i].w), outputWeights(4 * k + 3, t));
                }
            }
        }
    }

    for (int t = 0; t < OUTPUT_TEXELS; t++)
    {
        if (IS_SUMMING) laneSums[place + t] = sum[t];
    }

    for (int distance = ROW_LANES / 2; distance > 0; distance /= 2)
    {
        memoryBarrierShared();
        barrier();
        if (IS_SUMMING && laneOfRow() < distance)
        {
            for (int t = 0; t < OUTPUT_TEXELS; t++) laneSums[place + t] += laneSums[place + distance * OUTPUT_TEXELS + t];
        }
    }

    memoryBarrierShared();
    barrier();
    int first = rowInGroup() * ROW_LANES * OUTPUT_TEXELS;
    for (int t = 0; t < OUTPUT_TEXELS; t++) z[t] = scaleHidden(laneSums[first + t]) + outputParameter(hiddenColumns, t);
}
#endif

// A texel of dh = dz . transpose(W), its products added one by one along the outputs. The padding is zero.
vec4 hiddenGradient(int k, vec4 gradients[OUTPUT_TEXELS])
{
    vec4 sum = vec4(0.0);
    for (int t = 0; t < OUTPUT_TEXELS; t++)
    {
        vec4 w0 = outputWeights(4 * k, t), w1 = outputWeights(4 * k + 1, t), w2 = outputWeights(4 * k + 2, t), w3 = outputWeights(4 * k + 3, t);
        sum = addProduct(sum, vec4(gradients[t].x), vec4(w0.x, w1.x, w2.x, w3.x));
        sum = addProduct(sum, vec4(gradients[t].y), vec4(w0.y, w1.y, w2.y, w3.y));
        sum = addProduct(sum, vec4(gradients[t].z), vec4(w0.z, w1.z, w2.z, w3.z));
        sum = addProduct(sum, vec4(gradients[t].w), vec4(w0.w, w1.w, w2.w, w3.w));
    }

    return mix(vec4(0.0), sum, lessThan(4 * k + ivec4(0, 1, 2, 3), ivec4(hiddenColumns)));
}
