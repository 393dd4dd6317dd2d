// What an optimizer calls stepRate: the learning rate that the dispatch gives or, with GUIDED_RATE, the one that follows the divergence
// (rate_guide.glsl), which the including kernel loads into guidedRate first.
#include "bindings.glsl"

SCALAR(learningRate);
#ifdef GUIDED_RATE
float guidedRate;
#define stepRate guidedRate
#else
#define stepRate learningRate
#endif
