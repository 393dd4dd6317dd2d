// Stochastic gradient descent: g' = g + weightDecay * w;  v' = momentum * v + g' (without momentum g');  w' = w - learningRate * v'.

layout(location = SCALAR_0) uniform float learningRate;
layout(location = SCALAR_1) uniform float momentum;
layout(location = SCALAR_2) uniform float weightDecay;

vec4 decayedGradient(vec4 w, vec4 gradient)
{
    return gradient + weightDecay * w;
}

vec4 descend(vec4 w, vec4 v)
{
    return w - learningRate * v;
}
