// The last dense layer of rows, for few outputs: z = h . W + b, a row of H [rows x hidden] by ROW_LANES invocations side by side, GROUP_ROWS rows at a time.
//
// Lane l adds the products of the texels l, l + ROW_LANES, ... of its row one by one, in order; then lanes at a distance of ROW_LANES / 2, ROW_LANES / 4, ... 1 add their
// sums. All invocations of a row then have all of z. A row of fewer texels than lanes adds zeros, which change no bits.
//
// The including kernel declares or defines hiddenTexels and hiddenColumns, the sizes of a row of H, and the functions below.
#include "matrix.glsl"
#include "products.glsl"

shared vec4 laneSums[LANE_SUMS];   // [GROUP_ROWS * ROW_LANES x OUTPUT_TEXELS]

vec4 z[OUTPUT_TEXELS];

// A texel of h, to be used for z: what computes H does it here.
vec4 computeHidden(int row, int texel);

// The scale of a sum over h.
vec4 scaleHidden(vec4 sum);

// A texel of [W; b] [hidden + 1 x outputs].
vec4 outputParameter(int unit, int texel);

vec4 networkOutput(int row, int texel)
{
    return z[texel];
}

int laneOfRow()
{
    return int(gl_LocalInvocationID.x) % ROW_LANES;
}

int rowInGroup()
{
    return int(gl_LocalInvocationID.x) / ROW_LANES;
}

// A texel of W. Past the last unit, that of the biases, which the padding of H multiplies by zero.
vec4 outputWeights(int unit, int texel)
{
    return outputParameter(min(unit, hiddenColumns), texel);
}

// z of a row, by all invocations of the workgroup.
void computeOutputs(int row)
{
    int place = int(gl_LocalInvocationID.x) * OUTPUT_TEXELS;
    vec4 sum[OUTPUT_TEXELS];
    for (int t = 0; t < OUTPUT_TEXELS; t++) sum[t] = vec4(0.0);
    for (int k = laneOfRow(); k < hiddenTexels; k += ROW_LANES)
    {
        vec4 h = computeHidden(row, k);
        for (int t = 0; t < OUTPUT_TEXELS; t++)
        {
            sum[t] = addProduct(sum[t], vec4(h.x), outputWeights(4 * k, t));
            sum[t] = addProduct(sum[t], vec4(h.y), outputWeights(4 * k + 1, t));
            sum[t] = addProduct(sum[t], vec4(h.z), outputWeights(4 * k + 2, t));
            sum[t] = addProduct(sum[t], vec4(h.w), outputWeights(4 * k + 3, t));
        }
    }

    for (int t = 0; t < OUTPUT_TEXELS; t++) laneSums[place + t] = sum[t];
    for (int distance = ROW_LANES / 2; distance > 0; distance /= 2)
    {
        memoryBarrierShared();
        barrier();
        if (laneOfRow() < distance)
        {
            for (int t = 0; t < OUTPUT_TEXELS; t++) laneSums[place + t] += laneSums[place + distance * OUTPUT_TEXELS + t];
        }
    }

    memoryBarrierShared();
    barrier();
    int first = rowInGroup() * ROW_LANES * OUTPUT_TEXELS;
    for (int t = 0; t < OUTPUT_TEXELS; t++) z[t] = scaleHidden(laneSums[first + t]) + outputParameter(hiddenColumns, t);
}

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
