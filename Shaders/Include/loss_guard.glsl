// Notes in the record of record.glsl that the loss of a row is not finite, before any update of this step.
#include "record.glsl"

layout(binding = RECORD_IMAGE, rgba32f) uniform imageBuffer stepRecord;
layout(std430, binding = RECORD_BUFFER) writeonly buffer NotedStepRecord { TEXEL notedStepRecord[]; };

void noteLoss(float loss)
{
    float droppedStep = imageLoad(stepRecord, recordOfDrop()).x;
    if (!isFinite(loss) && droppedStep == 0.0) notedStepRecord[recordOfDrop()] = asTexel(vec4(float(stepNumber), 0.0, 0.0, 0.0));
}
