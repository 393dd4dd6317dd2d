// With LOG_SLOTS: the log of a trainer's steps, [LOG_SLOTS + 2 x 4]. Row s mod LOG_SLOTS is (loss, correct, rows, s) of
// step s, and shows its reader that the step has run. The first value of the row behind these is the first step whose loss was not
// finite, or 0; that of the last row is the last step in which a parameter kept its value (parameter_update.glsl). That step writes nothing, so the pending values stay as before the last step, whose loss was finite.
// The steps after it copy. Without LOG_SLOTS every step counts, and its loss goes to the only row.
#include "matrix.glsl"
#include "finite.glsl"

#ifdef LOG_SLOTS

SIZE_OF_STEP(stepNumber);   // from 1

float droppedStep;   // the value in its row; updating code loads it first

int logOfStep()
{
    return matrixTexel(stepNumber % LOG_SLOTS, 0, 1);
}

int logOfDrop()
{
    return matrixTexel(LOG_SLOTS, 0, 1);
}

int logOfKept()
{
    return matrixTexel(LOG_SLOTS + 1, 0, 1);
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
