// A population step's results for each network: its mean loss in `losses` [members x 1]. With GUIDED_RATE [members x 4], (loss, divergence, rate, 0): each
// network has a learning rate of its own (rate_guide.glsl), which stays there from step to step, and the dispatch that ENDS_BATCH moves it.
#include "matrix.glsl"
#include "finite.glsl"
#ifdef GUIDED_RATE
#include "rate_guide.glsl"
#define SUMS vec2
#define SUMMED xy   // of what rowLoss gives
#else
#define SUMS float
#define SUMMED x
#endif

#if defined(ADDS_TO_SUMS) || defined(GUIDED_RATE)
READ_WRITE(losses);
#else
WRITE(losses);
#endif

struct MemberLoss
{
    bool keeps;   // the loss is not finite: the network keeps its weights and state
    float rate;   // its learning rate, if guided
};

// From the sums over the rows of this dispatch.
MemberLoss storeLosses(int member, SUMS sums)
{
    int at = matrixTexel(member, 0, 1);
    vec4 found = vec4(0.0);
    found.SUMMED = sums / float(rows);
#ifdef ADDS_TO_SUMS
    found.SUMMED += LOAD(losses, at).SUMMED;
#endif
    bool keeps = !isFinite(found.x);
#ifdef GUIDED_RATE
    found.z = LOAD(losses, at).z;
#ifdef ENDS_BATCH
    if (!keeps) found.z = rateFrom(found.z, found.y);
#endif
#endif
    STORE(losses, at, found);
    return MemberLoss(keeps, found.z);
}
