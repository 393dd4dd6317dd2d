// The mean loss and the number of correct predictions of a batch, by the invocations of one workgroup:
//   [1 x 4] = (sum L_i / rows, sum correct_i, 0, 0) from [rows x 4].
// If a trainer keeps a log, this is one of its rows (step_log.glsl).
// LOSS_PARTS interleaved parts, part p of rows p, p + LOSS_PARTS, ... in order, then the parts in order: the same bits for any
// number of invocations. Every invocation of the workgroup must call it, because it waits for the others; a group that is not to sum passes false.
//
// With GUIDED_RATE the sum over rows covers all four values, and gives the rate of the step (guided_rate.glsl).
#include "step_log.glsl"
#ifdef GUIDED_RATE
#include "guided_rate.glsl"
#define SUMS vec4
#define SUMMED xyzw
#else
#define SUMS vec2
#define SUMMED xy
#endif

READ(rowLosses);
WRITE(batchLoss);

shared SUMS lossParts[LOSS_PARTS];

void sumLosses(int invocation, int invocations, bool isWanted)
{
    for (int part = isWanted ? invocation : LOSS_PARTS; part < LOSS_PARTS; part += invocations)
    {
        SUMS sum = SUMS(0.0);
        for (int row = part; row < rows; row += LOSS_PARTS) sum += LOAD(rowLosses, matrixTexel(row, 0, 1)).SUMMED;
        lossParts[part] = sum;
    }

    memoryBarrierShared();
    barrier();

    if (isWanted && invocation == 0)
    {
        SUMS sum = SUMS(0.0);
        for (int part = 0; part < LOSS_PARTS; part++) sum += lossParts[part];
#ifdef GUIDED_RATE
        STORE(batchLoss, logOfStep(), stepResult(sum.x, 0.0));
        STORE(batchLoss, logOfRate(stepNumber), rateFromSums(sum));
#else
        STORE(batchLoss, logOfStep(), stepResult(sum.x, sum.y));
#endif
    }
}
