// Sums of products, always rounded the same way. In a * b + c * d a compiler may contract either product into a fused multiply-add,
// and the other one in the next kernel: then a fused step has other bits than a plain one. Here each product except the first is added by fma(), in order,
// and `precise` prevents any other form. Drivers without that instruction multiply and add.

vec4 addProduct(vec4 sum, vec4 a, vec4 b)
{
    precise vec4 added = fma(a, b, sum);
    return added;
}

float addProduct(float sum, float a, float b)
{
    precise float added = fma(a, b, sum);
    return added;
}

// x.x * w0 + x.y * w1 + x.z * w2 + x.w * w3
vec4 productSum(vec4 x, vec4 w0, vec4 w1, vec4 w2, vec4 w3)
{
    precise vec4 sum = fma(vec4(x.w), w3, fma(vec4(x.z), w2, fma(vec4(x.y), w1, x.x * w0)));
    return sum;
}

// a.w * b.w + a.z * b.z + a.y * b.y + a.x * b.x
float productSum(vec4 a, vec4 b)
{
    precise float sum = fma(a.x, b.x, fma(a.y, b.y, fma(a.z, b.z, a.w * b.w)));
    return sum;
}
