// Whether a value is neither NaN nor infinite. Not by a comparison that is negated: compilers turn it round, and then it says of NaN that it is.
bool isFinite(float value)
{
    return !isnan(value) && !isinf(value);
}
