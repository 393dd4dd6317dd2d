// With LOG_SLOTS: the log of a trainer's steps, [LOG_SLOTS + 1 x 4]. Row s mod LOG_SLOTS is (loss, correct, rows, s) of
// step s, and tells whoever reads it that the step has run. The first value of the last row is the first step whose loss was not
// finite, or 0. That step writes nothing, so that what was pending stays as it was before the last step, whose loss was finite.
// The steps after it copy. Without: every step counts, and finds its loss in the only row.
#include "matrix.glsl"
#include "finite.glsl"

#ifdef LOG_SLOTS

SIZE(stepNumber);   // from 1

float droppedStep;   // what the last row says; whoever updates loads it first

int logOfStep()
{
    return matrixTexel(stepNumber % LOG_SLOTS, 0, 1);
}

int logOfDrop()
{
    return matrixTexel(LOG_SLOTS, 0, 1);
}

vec4 stepResult(float lossSum, float correct)
{
    return vec4(lossSum / float(rows), correct, float(rows), float(stepNumber));
}

#define STORE_UPDATE(pending, at, isWanted, old, new) \
    { \
        vec4 stored = droppedStep == 0.0 ? new : old; \
        if (isWanted && droppedStep != float(stepNumber)) STORE(pending, at, stored); \
    }

#else

int logOfStep()
{
    return 0;
}

vec4 stepResult(float lossSum, float correct)
{
    return vec4(lossSum / float(rows), correct, 0.0, 0.0);
}

#define STORE_UPDATE(pending, at, isWanted, old, new) \
    { \
        vec4 stored = new; \
        if (isWanted) STORE(pending, at, stored); \
    }

#endif
