// Slot LOSS: the mean squared error of a row of n outputs y against its values t. The padding of outputs and values is zero.
#include "value_targets.glsl"
#include "products.glsl"

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

// L = weight * (1 / n) * sum_j (y_j - t_j)^2. No prediction is correct or incorrect, so none is counted.
vec4 rowLoss(int row, LossRow begun)
{
    float sum = 0.0;
    for (int texel = 0; texel < begun.texels; texel++)
    {
        vec4 difference = networkOutput(row, texel) - loadValues(row, texel);
        sum += productSum(difference.wzyx, difference.wzyx);   // value by value
    }

    precise float loss = begun.weight * sum / float(targetValues);
    return vec4(loss, 0.0, 0.0, 0.0);
}

// dy_j = 2 * weight * (y_j - t_j) / (n * rows).
vec4 outputGradient(int row, int texel, LossRow begun)
{
    vec4 difference = networkOutput(row, texel) - loadValues(row, texel);
    precise vec4 gradient = 2.0 * begun.weight * difference / (float(targetValues) * float(rows));
    return gradient;
}
