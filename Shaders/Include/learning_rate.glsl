// What an optimizer calls stepRate: the learning rate that the dispatch gives or, with GUIDED_RATE, that of guided_rate.glsl, which the including
// kernel loads into guidedRate first.
#include "bindings.glsl"

SCALAR(learningRate);
#ifdef GUIDED_RATE
float guidedRate;
#define stepRate guidedRate
#else
#define stepRate learningRate
#endif
