// Slot LOSS: actions of several numbers, a choice in each discrete branch and continuous actions that are normally distributed. The outputs of a row are
// the logits of the branches, one after the other, the means of the continuous actions, the logarithms s of their deviations and, with PROXIMAL, a value. ComposedTargets packs the
// targets: (weight, log p when it was chosen, return, 0), then for each branch the output that was chosen and the end of the branch, then the continuous actions, then the mask.
//   log p = sum over branches log softmax_chosen + sum over actions (-z^2 / 2 - s - log(2 pi) / 2),  z = (x - mean) exp(-s);  H the sum of the entropies
// With PROXIMAL the objective is that of proximal_policy.glsl; without, L = -weight log p - entropyBonus H.
// With WEIGHS_ROWS word 3 of a target is the weight w of the row: L is multiplied by it or, where it is negative, L = -|w| log p of an action that was demonstrated.
// An output that is NaN makes L NaN, unless its class is not allowed, or it is the value of an action that was demonstrated. One that is infinite counts as what it is held to, and makes L NaN
// only where it is the logit of an allowed class and +infinity.
// With REFERENCE_WORD the outputs of a reference policy q lie behind the mask. Where D = KL(p || q) is above mostDrift, driftPull (D - mostDrift) stands for the objective and the entropy:
//   D = sum over branches sum p (log p - log q) + sum over actions (s_q - s + (exp(2 (s - s_q)) + ((mean - mean_q) exp(-s_q))^2) / 2 - 1 / 2)
#include "label_targets.glsl"
#include "softmax.glsl"

const float HALF_LOG_TWO_PI = 0.918938533;

SCALAR(entropyBonus);
SCALAR(leastLogDeviation);   // s is held within
SCALAR(mostLogDeviation);
SCALAR(mostDistance);        // and z within this, so that the loss is finite
#ifdef PROXIMAL
SCALAR(clipRange);
SCALAR(valueWeight);
SCALAR(mostLogRatio);   // beyond, the ratio stays what it is, so that it is finite
#endif
#ifdef REFERENCE_WORD
SCALAR(mostDrift);
SCALAR(driftPull);
#endif
#if defined(WEIGHS_ROWS) || defined(REFERENCE_WORD)
#define ENTROPY_BONUS begun.bonus
#else
#define ENTROPY_BONUS entropyBonus
#endif

struct LossRow
{
    Softmax branches[max(BRANCHES, 1)];
    vec4 found;       // what rowLoss gives
    float slope;      // -dL / d log p
    float ofValue;    // dL / dv
#if defined(WEIGHS_ROWS) || defined(REFERENCE_WORD)
    float bonus;      // -dL / dH
    float weight;     // of the row
#endif
#ifdef REFERENCE_WORD
    float pull;                         // dL / dD
    vec3 references[max(BRANCHES, 1)];  // the greatest logit and log sum of the reference's branches, and their parts of D
#endif
};

float outputAt(int row, int column)
{
    return networkOutput(row, column / 4)[column % 4];
}

uint targetWord(int row, int word)
{
    return loadTargets(row, word / 4)[word % 4];
}

int chosenOutput(int row, int branch)
{
    return int(targetWord(row, TAKEN_WORD + 2 * branch));
}

int endOfBranch(int row, int branch)
{
    return int(targetWord(row, TAKEN_WORD + 2 * branch + 1));
}

float logDeviation(int row, int action)
{
    return clampOrNaN(outputAt(row, DISCRETE_OUTPUTS + CONTINUOUS_ACTIONS + action), leastLogDeviation, mostLogDeviation);
}

// z: how many deviations the action is from its mean.
float distanceFromMean(int row, int action, float s)
{
    float x = uintBitsToFloat(targetWord(row, TAKEN_WORD + 2 * BRANCHES + action));
    return clampOrNaN((x - outputAt(row, DISCRETE_OUTPUTS + action)) * exp(-s), -mostDistance, mostDistance);
}

Softmax softmaxOfBranch(int row, int first, int end)
{
    Softmax softmax = Softmax(LOWEST, 0.0, 0.0, 0.0, first);
    for (int j = first; j < end; j++) softmax.maximum = loadAllowed(row, j / 4)[j % 4] ? maxOrNaN(softmax.maximum, outputAt(row, j)) : softmax.maximum;
    float weighted = 0.0;   // sum exp(z - m) (z - m)
    for (int j = first; j < end; j++)
    {
        bool allowed = loadAllowed(row, j / 4)[j % 4];
        float shifted = shiftedLogit(outputAt(row, j), softmax.maximum), term = exp(shifted);
        softmax.sum += allowed ? term : 0.0;
        weighted = allowed ? addProduct(weighted, term, shifted) : weighted;
    }

    softmax.logSum = logOfSum(softmax.sum);
    softmax.entropy = entropyOf(softmax.logSum, weighted, softmax.sum);
    return softmax;
}

#ifdef REFERENCE_WORD
float referenceAt(int row, int column)
{
    return uintBitsToFloat(targetWord(row, REFERENCE_WORD + column));
}

float referenceLogDeviation(int row, int action)
{
    return clampOrNaN(referenceAt(row, DISCRETE_OUTPUTS + CONTINUOUS_ACTIONS + action), leastLogDeviation, mostLogDeviation);
}

// log p - log q of a logit.
float logDifference(int row, int column, Softmax softmax, vec3 reference)
{
    float logP = shiftedLogit(outputAt(row, column), softmax.maximum) - softmax.logSum;
    float logQ = shiftedLogit(referenceAt(row, column), reference.x) - reference.y;
    return clampOrNaN(logP - logQ, -mostDistance, mostDistance);
}

vec3 referenceBranch(int row, int first, int end, Softmax softmax)
{
    vec3 reference = vec3(LOWEST, 0.0, 0.0);
    for (int j = first; j < end; j++) reference.x = loadAllowed(row, j / 4)[j % 4] ? maxOrNaN(reference.x, referenceAt(row, j)) : reference.x;
    for (int j = first; j < end; j++) reference.y += loadAllowed(row, j / 4)[j % 4] ? exp(referenceAt(row, j) - reference.x) : 0.0;
    reference.y = logOfSum(reference.y);
    for (int j = first; j < end; j++)
    {
        float p = exp(shiftedLogit(outputAt(row, j), softmax.maximum) - softmax.logSum);
        reference.z = loadAllowed(row, j / 4)[j % 4] ? addProduct(reference.z, p, logDifference(row, j, softmax, reference)) : reference.z;
    }

    return reference;
}

// How many of the reference's deviations the mean is from the reference's.
float distanceFromReference(int row, int action)
{
    float scale = exp(-referenceLogDeviation(row, action));
    int column = DISCRETE_OUTPUTS + action;
    return clampOrNaN((outputAt(row, column) - referenceAt(row, column)) * scale, -mostDistance, mostDistance);
}

float driftOfAction(int row, int action)
{
    float s = logDeviation(row, action), before = referenceLogDeviation(row, action), distance = distanceFromReference(row, action);
    return before - s + 0.5 * addProduct(exp(2.0 * (s - before)), distance, distance) - 0.5;
}
#endif

LossRow beginLoss(int row, int texels)
{
    LossRow begun;
    precise vec4 found;
    float logP = 0.0, entropy = 0.0;
    int first = 0;
    for (int branch = 0; branch < BRANCHES; branch++)
    {
        int end = endOfBranch(row, branch);
        Softmax softmax = softmaxOfBranch(row, first, end);
        logP += shiftedLogit(outputAt(row, chosenOutput(row, branch)), softmax.maximum) - softmax.logSum;
        entropy += softmax.entropy;
        begun.branches[branch] = softmax;
        first = end;
    }

    for (int action = 0; action < CONTINUOUS_ACTIONS; action++)
    {
        float s = logDeviation(row, action), z = distanceFromMean(row, action, s);
        logP = addProduct(logP, -0.5 * z, z) - (s + HALF_LOG_TWO_PI);
        entropy += s + 0.5 + HALF_LOG_TWO_PI;
    }

    logP = maxOrNaN(logP, LOWEST);
    float weight = uintBitsToFloat(targetWord(row, 0));
#ifdef PROXIMAL
    float logRatio = clampOrNaN(logP - uintBitsToFloat(targetWord(row, 1)), -mostLogRatio, mostLogRatio), ratio = expOrNaN(logRatio);
    float valueError = outputAt(row, VALUE_OUTPUT) - uintBitsToFloat(targetWord(row, 2)), valueLoss = 0.5 * valueError * valueError;
    float objective = minOrNaN(ratio * weight, clampOrNaN(ratio, 1.0 - clipRange, 1.0 + clipRange) * weight);
    bool isClipped = weight >= 0.0 ? ratio >= 1.0 + clipRange : ratio <= 1.0 - clipRange;
    found = vec4(addProduct(addProduct(-objective, -entropyBonus, entropy), valueWeight, valueLoss), ratio - 1.0 - logRatio, entropy, valueLoss);
    begun.slope = isClipped ? 0.0 : weight * ratio;
    begun.ofValue = valueWeight * valueError;
#if defined(WEIGHS_ROWS) || defined(REFERENCE_WORD)
    begun.bonus = entropyBonus;
    begun.weight = 1.0;
#endif
#ifdef REFERENCE_WORD
    float drift = 0.0;
    for (int branch = 0; branch < BRANCHES; branch++)
    {
        begun.references[branch] = referenceBranch(row, branch == 0 ? 0 : endOfBranch(row, branch - 1), endOfBranch(row, branch), begun.branches[branch]);
        drift += begun.references[branch].z;
    }

    for (int action = 0; action < CONTINUOUS_ACTIONS; action++) drift += driftOfAction(row, action);
    bool isTooFar = isNaN(drift) || drift > mostDrift;   // of a NaN, so that the loss is NaN too
    found.x = isTooFar ? addProduct(driftPull * (drift - mostDrift), valueWeight, valueLoss) : found.x;
    begun.slope = isTooFar ? 0.0 : begun.slope;
    begun.bonus = isTooFar ? 0.0 : begun.bonus;
    begun.pull = isTooFar ? driftPull : 0.0;
#endif
#ifdef WEIGHS_ROWS
    float rowWeight = uintBitsToFloat(targetWord(row, 3));
    bool isShown = rowWeight < 0.0;
    begun.weight = abs(rowWeight);
    found = isShown ? vec4(rowWeight * logP, 0.0, 0.0, 0.0) : found * rowWeight;
    begun.slope = isShown ? 1.0 : begun.slope;
    begun.ofValue = isShown ? 0.0 : begun.ofValue;
    begun.bonus = isShown ? 0.0 : begun.bonus;
#ifdef REFERENCE_WORD
    begun.pull = isShown ? 0.0 : begun.pull;
#endif
#endif
#else
    found = vec4(addProduct(-entropyBonus * entropy, -weight, logP), 0.0, 0.0, 0.0);
    begun.slope = weight;
    begun.ofValue = 0.0;
#endif
    begun.found = found;
    return begun;
}

vec4 rowLoss(int row, LossRow begun)
{
    return begun.found;
}

#ifdef PROXIMAL
// The policy's share of L, from means or sums of what rowLoss gives.
float policyLoss(vec4 found)
{
    return addProduct(addProduct(found.x, entropyBonus, found.z), -valueWeight, found.w);
}
#endif

float gradientOfLogit(int row, int column, LossRow begun)
{
    int branch = 0;
    for (int next = 1; next < BRANCHES; next++) branch = column >= endOfBranch(row, next - 1) ? next : branch;
    Softmax softmax = begun.branches[branch];
    float shifted = shiftedLogit(outputAt(row, column), softmax.maximum), p = exp(shifted) / softmax.sum;
    precise float change = p - (column == chosenOutput(row, branch) ? 1.0 : 0.0);   // p may be a product by a reciprocal
    float gradient = addProduct(begun.slope * change, ENTROPY_BONUS * p, shifted - softmax.logSum + softmax.entropy);
#ifdef REFERENCE_WORD
    vec3 reference = begun.references[branch];
    gradient = addProduct(gradient, begun.pull * p, logDifference(row, column, softmax, reference) - reference.z);
#endif
    return loadAllowed(row, column / 4)[column % 4] ? gradient : 0.0;
}

float gradientOfMean(int row, int action, LossRow begun)
{
    float s = logDeviation(row, action);
#ifdef REFERENCE_WORD
    float ofDrift = begun.pull * distanceFromReference(row, action) * exp(-referenceLogDeviation(row, action));
    return addProduct(ofDrift, -begun.slope * distanceFromMean(row, action, s), exp(-s));
#else
    return -begun.slope * distanceFromMean(row, action, s) * exp(-s);
#endif
}

// Where the deviation is at a bound, none that leads beyond.
float gradientOfLogDeviation(int row, int action, LossRow begun)
{
    float z = distanceFromMean(row, action, logDeviation(row, action)), s = outputAt(row, DISCRETE_OUTPUTS + CONTINUOUS_ACTIONS + action);
    float gradient = addProduct(-ENTROPY_BONUS, -begun.slope, addProduct(-1.0, z, z));
#ifdef REFERENCE_WORD
    gradient = addProduct(gradient, begun.pull, exp(2.0 * (logDeviation(row, action) - referenceLogDeviation(row, action))) - 1.0);
#endif
    bool leavesBounds = gradient > 0.0 ? s <= leastLogDeviation : s >= mostLogDeviation;
    return leavesBounds ? 0.0 : gradient;
}

float gradientOf(int row, int column, LossRow begun)
{
#ifdef PROXIMAL
    if (column == VALUE_OUTPUT) return begun.ofValue;
#endif
    if (column < DISCRETE_OUTPUTS) return gradientOfLogit(row, column, begun);
    if (column < DISCRETE_OUTPUTS + CONTINUOUS_ACTIONS) return gradientOfMean(row, column - DISCRETE_OUTPUTS, begun);
    if (column < DISCRETE_OUTPUTS + 2 * CONTINUOUS_ACTIONS) return gradientOfLogDeviation(row, column - DISCRETE_OUTPUTS - CONTINUOUS_ACTIONS, begun);
    return 0.0;
}

vec4 outputGradient(int row, int texel, LossRow begun)
{
    vec4 gradient = vec4(0.0);
    for (int i = 0; i < 4; i++) gradient[i] = gradientOf(row, 4 * texel + i, begun);
#if defined(WEIGHS_ROWS) || defined(REFERENCE_WORD)
    gradient *= begun.weight;
#endif
    precise vec4 mean = gradient / float(rows);
    return mean;
}
