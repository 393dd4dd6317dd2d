// With RECORD_SLOTS: what the steps of a trainer found, [RECORD_SLOTS + 1 x 4]. Row s mod RECORD_SLOTS is (loss, right, rows, s) of
// step s, and tells whoever reads it that the step has run. The first value of the last row is the first step whose loss was not
// finite, or 0. That step writes nothing, so that what was pending stays as it was before the last step, whose loss was finite.
// The steps after it copy. Without: every step counts, and finds its loss in the only row.

#ifdef RECORD_SLOTS

layout(location = STEP) uniform int stepNumber;   // from 1

float droppedStep;   // what the last row says; whoever updates loads it first

int recordOfStep()
{
    return matrixTexel(stepNumber % RECORD_SLOTS, 0, 1);
}

int recordOfDrop()
{
    return matrixTexel(RECORD_SLOTS, 0, 1);
}

bool isFinite(float value)
{
    return !isnan(value) && !isinf(value);
}

vec4 stepResult(float lossSum, float right)
{
    return vec4(lossSum / float(rows), right, float(rows), float(stepNumber));
}

#define STORE_UPDATE(pending, at, isWanted, old, new) \
    { \
        vec4 stored = droppedStep == 0.0 ? new : old; \
        if (isWanted && droppedStep != float(stepNumber)) pending[at] = asTexel(stored); \
    }

#else

int recordOfStep()
{
    return 0;
}

vec4 stepResult(float lossSum, float right)
{
    return vec4(lossSum / float(rows), right, 0.0, 0.0);
}

#define STORE_UPDATE(pending, at, isWanted, old, new) \
    { \
        vec4 stored = new; \
        if (isWanted) pending[at] = asTexel(stored); \
    }

#endif
