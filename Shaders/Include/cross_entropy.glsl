// The loss of one row and its gradient, from softmax.glsl and targets.glsl; the including kernel defines entropyBonus.

// L = weight * (-log p_label) - entropyBonus * H(p), then 1 if the first greatest logit is the label's, else 0.
vec4 rowLoss(int row, Target target, Softmax softmax)
{
    float crossEntropy = softmax.logSum - (loadLogits(row, target.label / 4)[target.label % 4] - softmax.maximum);
    float loss = target.weight * crossEntropy - entropyBonus * softmax.entropy;
    return vec4(loss, softmax.best == target.label ? 1.0 : 0.0, 0.0, 0.0);
}

// dz_j = (weight * (p_j - [j = label]) + entropyBonus * p_j * (log p_j + H(p))) / rows for allowed classes j, else 0.
vec4 logitGradient(int row, int texel, Target target, Softmax softmax)
{
    vec4 logits = loadLogits(row, texel);
    bvec4 allowed = loadAllowed(row, texel);
    vec4 p = exponentials(logits, allowed, softmax.maximum) / softmax.sum;
    vec4 logP = mix(vec4(0.0), shiftedLogits(logits, softmax.maximum) - softmax.logSum, allowed);
    vec4 isLabel = mix(vec4(0.0), vec4(1.0), equal(4 * texel + ivec4(0, 1, 2, 3), ivec4(target.label)));
    return (target.weight * (p - isLabel) + entropyBonus * p * (logP + softmax.entropy)) / float(rows);
}
