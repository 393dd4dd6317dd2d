// The softmax of one row of logits over its allowed classes, from the logits minus their maximum:
//   p_j = exp(z_j - m) / s,  m = max z,  s = sum exp(z_j - m),  log p_j = z_j - m - log s
//   entropy H = -sum p_j log p_j = log s - sum p_j (z_j - m)
// If an allowed logit is NaN, so are m, s and all that follows from them; if one is +infinity, z - m is NaN there. One of -infinity has p = 0.
#include "finite.glsl"
#include "products.glsl"

const float LOWEST = -3.402823466e38;

struct Softmax
{
    float maximum;
    float sum;
    float logSum;
    float entropy;
    int best;      // the first class with the greatest logit
};

// Defined by the kernel: a texel of a row's logits, and which of its classes are allowed.
vec4 networkOutput(int row, int texel);
bvec4 loadAllowed(int row, int texel);

// z - m, kept finite even if logits are further apart than the range of a float, so that 0 * (z - m) is 0.
vec4 shiftedLogits(vec4 logits, float maximum)
{
    return maxOrNaN(logits - maximum, LOWEST);
}

float shiftedLogit(float logit, float maximum)
{
    return maxOrNaN(logit - maximum, LOWEST);
}

// exp(z - m) of the allowed classes, zero for the others.
vec4 exponentials(vec4 logits, bvec4 allowed, float maximum)
{
    return mix(vec4(0.0), exp(logits - maximum), allowed);
}

// A driver may compute a logarithm and a quotient by products, and contract them into a difference. They are precise in functions of their own, since some drivers take all that leads to a
// precise variable for precise, too.
float logOfSum(float sum)
{
    precise float logSum = log(sum);
    return logSum;
}

float entropyOf(float logSum, float weighted, float sum)
{
    precise float entropy = logSum - weighted / sum;
    return entropy;
}

Softmax softmaxOfRow(int row, int texels)
{
    Softmax softmax = Softmax(LOWEST, 0.0, 0.0, 0.0, 0);
    uvec4 sizes = uvec4(0u);
    for (int texel = 0; texel < texels; texel++)
    {
        vec4 logits = mix(vec4(LOWEST), networkOutput(row, texel), loadAllowed(row, texel));
        sizes = greaterSizes(sizes, logits);
        for (int i = 0; i < 4; i++)
        {
            bool better = logits[i] > softmax.maximum;
            softmax.best = better ? texel * 4 + i : softmax.best;
            softmax.maximum = better ? logits[i] : softmax.maximum;
        }
    }

    float size = greatestSize(sizes);
    softmax.maximum = isNaN(size) ? size : softmax.maximum;
    float weighted = 0.0;   // sum exp(z - m) (z - m)
    for (int texel = 0; texel < texels; texel++)
    {
        vec4 logits = networkOutput(row, texel);
        bvec4 allowed = loadAllowed(row, texel);
        vec4 terms = exponentials(logits, allowed, softmax.maximum);
        vec4 shifted = mix(vec4(0.0), shiftedLogits(logits, softmax.maximum), allowed);
        softmax.sum += terms.x + terms.y + terms.z + terms.w;
        weighted += productSum(terms.wzyx, shifted.wzyx);   // class by class
    }

    softmax.sum = isNaN(size) ? size : softmax.sum;
    softmax.logSum = logOfSum(softmax.sum);
    softmax.entropy = entropyOf(softmax.logSum, weighted, softmax.sum);
    return softmax;
}
