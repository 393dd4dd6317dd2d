// Slot LOSS: softmax cross-entropy with an entropy bonus, of a row of logits against its label.
#include "label_targets.glsl"
#include "softmax.glsl"

SCALAR(entropyBonus);

struct LossRow
{
    Target target;
    Softmax softmax;
};

LossRow beginLoss(int row, int texels)
{
    Target target = loadTarget(row);
    return LossRow(target, softmaxOfRow(row, texels));
}

// L = weight * (-log p_label) - entropyBonus * H(p), then 1 if the first greatest logit is the label's, else 0.
vec4 rowLoss(int row, LossRow begun)
{
    Target target = begun.target;
    Softmax softmax = begun.softmax;
    float crossEntropy = softmax.logSum - (networkOutput(row, target.label / 4)[target.label % 4] - softmax.maximum);
    precise float loss = fma(-entropyBonus, softmax.entropy, target.weight * crossEntropy);
    return vec4(loss, softmax.best == target.label ? 1.0 : 0.0, 0.0, 0.0);
}

// dz_j = (weight * (p_j - [j = label]) + entropyBonus * p_j * (log p_j + H(p))) / rows for allowed classes j, else 0.
vec4 outputGradient(int row, int texel, LossRow begun)
{
    Target target = begun.target;
    Softmax softmax = begun.softmax;
    vec4 logits = networkOutput(row, texel);
    bvec4 allowed = loadAllowed(row, texel);
    vec4 p = exponentials(logits, allowed, softmax.maximum) / softmax.sum;
    vec4 logP = mix(vec4(0.0), shiftedLogits(logits, softmax.maximum) - softmax.logSum, allowed);
    vec4 isLabel = mix(vec4(0.0), vec4(1.0), equal(4 * texel + ivec4(0, 1, 2, 3), ivec4(target.label)));
    precise vec4 gradient = addProduct(target.weight * (p - isLabel), entropyBonus * p, logP + softmax.entropy) / float(rows);
    return gradient;
}
