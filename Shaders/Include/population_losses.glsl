// A population step's results for each network: its mean loss in `losses` [members x 1]. With GUIDED_RATE [members x 4], (loss, divergence, rate, policy loss): each
// network has a learning rate of its own (rate_guide.glsl), which stays there from step to step, and the dispatch that ENDS_BATCH moves it.
#include "matrix.glsl"
#include "finite.glsl"
#ifdef GUIDED_RATE
#include "rate_guide.glsl"
#define SUMS vec4
#define SUMMED xyzw   // of what rowLoss gives
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
#ifdef GUIDED_RATE
    found = vec4(found.xy, 0.0, policyLoss(found));   // which is linear, so that parts of a batch add up
#endif
#ifdef ADDS_TO_SUMS
    found += LOAD(losses, at);
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
