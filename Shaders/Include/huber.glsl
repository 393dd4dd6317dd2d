// Slot LOSS: the Huber loss of a row of n outputs y against its values t. The padding of outputs and values is zero.
#include "finite.glsl"
#include "products.glsl"
#include "value_targets.glsl"

SCALAR(huberDelta);

// Defined by the kernel: one texel of a row's outputs.
vec4 networkOutput(int row, int texel);

struct LossRow
{
    float weight;
    int texels;   // of the outputs
};

LossRow beginLoss(int row, int texels)
{
    return LossRow(loadWeight(row), texels);
}

// clamp(d, -delta, delta), and NaN for NaN.
vec4 clampToDelta(vec4 difference)
{
    return mix(difference, huberDelta * sign(difference), isBeyond(difference, huberDelta));
}

// L = weight * (1 / n) * sum_j c_j * (d_j - c_j / 2), with d = y - t and c = clamp(d, -delta, delta): d^2 / 2 up to delta, and a line beyond.
vec4 rowLoss(int row, LossRow begun)
{
    float sum = 0.0;
    for (int texel = 0; texel < begun.texels; texel++)
    {
        vec4 difference = networkOutput(row, texel) - loadValues(row, texel);
        vec4 clamped = clampToDelta(difference);
        sum += productSum(clamped.wzyx, (difference - 0.5 * clamped).wzyx);   // value by value
    }

    precise float loss = begun.weight * sum / float(targetValues);
    return vec4(loss, 0.0, 0.0, 0.0);
}

// dy_j = weight * clamp(y_j - t_j, -delta, delta) / (n * rows).
vec4 outputGradient(int row, int texel, LossRow begun)
{
    vec4 difference = networkOutput(row, texel) - loadValues(row, texel);
    precise vec4 gradient = begun.weight * clampToDelta(difference) / (float(targetValues) * float(rows));
    return gradient;
}
