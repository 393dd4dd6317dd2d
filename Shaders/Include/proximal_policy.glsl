// Slot LOSS: the clipped objective of proximal policy optimization, of a row of logits followed by a value, against an earlier
// decision. Its targets are those of label_targets.glsl, the action being the label and its advantage the weight; words 2 and 3 are
// the bits of log p_action when it was chosen, and of the return. No bit of the mask belongs to the value, so the softmax leaves it out.
// An output that is NaN makes L NaN, unless its action is not allowed.
//   ratio r = exp(log p_action - log of then);  L = -min(r A, clamp(r, 1 - clip, 1 + clip) A) - entropyBonus H(p) + valueWeight / 2 (v - R)^2
#include "label_targets.glsl"
#include "softmax.glsl"

SCALAR(clipRange);
SCALAR(entropyBonus);
SCALAR(valueWeight);
SCALAR(mostLogRatio);   // beyond, the ratio stays constant, so that it is finite

struct LossRow
{
    Target target;
    Softmax softmax;
    float logRatio;
    float ratio;
    float valueError;
};

float outputAt(int row, int column)
{
    return networkOutput(row, column / 4)[column % 4];
}

LossRow beginLoss(int row, int texels)
{
    Target target = loadTarget(row);
    uvec4 words = loadTargets(row, 0);
    Softmax softmax = softmaxOfRow(row, texels);
    float logP = shiftedLogit(outputAt(row, target.label), softmax.maximum) - softmax.logSum;
    float logRatio = clampOrNaN(logP - uintBitsToFloat(words.z), -mostLogRatio, mostLogRatio);
    return LossRow(target, softmax, logRatio, expOrNaN(logRatio), outputAt(row, VALUE_OUTPUT) - uintBitsToFloat(words.w));
}

// L, then the step's diagnostics: the divergence r - 1 - log r, whose mean estimates KL(then, now), H(p) and the value's loss (v - R)^2 / 2.
vec4 rowLoss(int row, LossRow begun)
{
    float advantage = begun.target.weight;
    float clipped = clampOrNaN(begun.ratio, 1.0 - clipRange, 1.0 + clipRange);
    precise float valueLoss = 0.5 * begun.valueError * begun.valueError;
    float objective = minOrNaN(begun.ratio * advantage, clipped * advantage);
    float loss = addProduct(addProduct(-objective, -entropyBonus, begun.softmax.entropy), valueWeight, valueLoss);
    return vec4(loss, begun.ratio - 1.0 - begun.logRatio, begun.softmax.entropy, valueLoss);
}

// The policy's share of L, from means or sums of what rowLoss gives.
float policyLoss(vec4 found)
{
    return addProduct(addProduct(found.x, entropyBonus, found.z), -valueWeight, found.w);
}

// dz_j = (A r (p_j - [j = action]), where the objective is not clipped, + entropyBonus p_j (log p_j + H(p))) / rows for allowed actions j;
// dv = valueWeight (v - R) / rows.
vec4 outputGradient(int row, int texel, LossRow begun)
{
    Softmax softmax = begun.softmax;
    float advantage = begun.target.weight;
    bool isClipped = advantage >= 0.0 ? begun.ratio >= 1.0 + clipRange : begun.ratio <= 1.0 - clipRange;
    float slope = isClipped ? 0.0 : advantage * begun.ratio;
    ivec4 column = 4 * texel + ivec4(0, 1, 2, 3);
    vec4 logits = networkOutput(row, texel);
    bvec4 allowed = loadAllowed(row, texel);
    vec4 p = exponentials(logits, allowed, softmax.maximum) / softmax.sum;
    vec4 logP = mix(vec4(0.0), shiftedLogits(logits, softmax.maximum) - softmax.logSum, allowed);
    vec4 isAction = mix(vec4(0.0), vec4(1.0), equal(column, ivec4(begun.target.label)));
    vec4 ofPolicy = addProduct(slope * (p - isAction), entropyBonus * p, logP + softmax.entropy);
    vec4 ofValue = mix(vec4(0.0), vec4(valueWeight * begun.valueError), equal(column, ivec4(VALUE_OUTPUT)));
    precise vec4 gradient = (ofPolicy + ofValue) / float(rows);
    return gradient;
}
