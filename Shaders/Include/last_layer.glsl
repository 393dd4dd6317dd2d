// The last dense layer of a row, for few classes: the logits z = h . W + b stay in CLASS_TEXELS texels, and dh = dz . transpose(W).
// The including kernel defines `outputParameters` [hidden + 1 x classes] (W and, below it, the biases), hiddenTexels, hiddenColumns,
// `vec4 loadHidden(int row, int texel)`, and scaleHidden for a sum over what that gives. Sums have the order of dense_forward and dense_backward_input.

vec4 z[CLASS_TEXELS];

vec4 loadLogits(int row, int texel)
{
    return z[texel];
}

void computeLogits(int row)
{
    vec4 sum[CLASS_TEXELS];   // in registers; z is not, since others index it by a variable
    for (int t = 0; t < CLASS_TEXELS; t++) sum[t] = vec4(0.0);
    int k = 0;
    do
    {
        vec4 h = loadHidden(row, k);
        int at = matrixTexel(4 * k, 0, CLASS_TEXELS);
        for (int t = 0; t < CLASS_TEXELS; t++)
        {
            sum[t] += h.x * imageLoad(outputParameters, at + t) + h.y * imageLoad(outputParameters, at + t + CLASS_TEXELS)
                + h.z * imageLoad(outputParameters, at + t + 2 * CLASS_TEXELS) + h.w * imageLoad(outputParameters, at + t + 3 * CLASS_TEXELS);
        }

        k++;
    }
    while (k < hiddenTexels);

    for (int t = 0; t < CLASS_TEXELS; t++) z[t] = scaleHidden(sum[t]) + imageLoad(outputParameters, matrixTexel(hiddenColumns, t, CLASS_TEXELS));
}

// A texel of dh. Its padding is zero: what follows the last row of W are the biases.
vec4 hiddenGradient(int k, vec4 gradients[CLASS_TEXELS])
{
    int at = matrixTexel(4 * k, 0, CLASS_TEXELS);
    vec4 sum = vec4(0.0);
    for (int t = 0; t < CLASS_TEXELS; t++)
    {
        vec4 g = gradients[t];
        sum += vec4(
            dot(g, imageLoad(outputParameters, at + t)), dot(g, imageLoad(outputParameters, at + t + CLASS_TEXELS)),
            dot(g, imageLoad(outputParameters, at + t + 2 * CLASS_TEXELS)), dot(g, imageLoad(outputParameters, at + t + 3 * CLASS_TEXELS)));
    }

    return mix(vec4(0.0), sum, lessThan(4 * k + ivec4(0, 1, 2, 3), ivec4(hiddenColumns)));
}
