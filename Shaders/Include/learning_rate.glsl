// The optimizers' stepRate: the learning rate passed by the dispatch or, with GUIDED_RATE, the one that follows the divergence
// (rate_guide.glsl), which the including kernel loads into guidedRate first.
#include "bindings.glsl"

SCALAR(learningRate);
#ifdef GUIDED_RATE
float guidedRate;
#define stepRate guidedRate
#else
#define stepRate learningRate
#endif
