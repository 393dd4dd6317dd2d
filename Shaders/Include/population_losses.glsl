// A population step's results for each network: its mean loss in `losses` [members x 1]. With GUIDED_RATE [members x 4], (loss, divergence, rate, policy loss): each
// network has a learning rate of its own (rate_guide.glsl), which stays there from step to step, and the dispatch that ENDS_BATCH moves it.
// The including kernel declares policyLoss for that, with its loss.
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

// The losses of some rows of the batch, whose sums are given: those of several add up, whether they are stored in between or not.
vec4 lossesOf(SUMS sums)
{
    precise vec4 found = vec4(0.0);
    found.SUMMED = sums / float(rows);
#ifdef GUIDED_RATE
    found = vec4(found.xy, 0.0, policyLoss(found));   // which is linear, so that parts of a batch add up
#endif
    return found;
}

#ifdef ADDS_TO_SUMS
// Those of the dispatches before.
vec4 lossesBefore(int member)
{
    return LOAD(losses, matrixTexel(member, 0, 1));
}
#endif

// Of the losses of all rows so far.
MemberLoss storeFound(int member, vec4 found)
{
    int at = matrixTexel(member, 0, 1);
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

// Of the sums over the rows of this dispatch.
MemberLoss storeLosses(int member, SUMS sums)
{
    vec4 found = lossesOf(sums);
#ifdef ADDS_TO_SUMS
    found += lossesBefore(member);
#endif
    return storeFound(member, found);
}
