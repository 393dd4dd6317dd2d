// How a kernel declares, loads and stores its bindings, by name: the only place that decides how a matrix is stored.
// C# provides the place of each name (name_IMAGE, name_BUFFER, name_UNIT, name_LOCATION): Dispatch.cs.
//
//   SIZE(name);  SCALAR(name);     an integer and a float passed by the dispatch
//   READ(name);  WRITE(name);      a matrix that the kernel reads, or writes
//   READ_WRITE(name);              both, each texel by one invocation only
//   EXCHANGE(name);                both, and invocations read what others have written, after a barrier
//   IN_PLACE(name);                both, in its buffer alone: an invocation also reads what it has written itself
//   LOAD(name, at)                 the texel of a matrix at an address of matrix.glsl
//   STORE(name, at, values);
//   LOAD_STORED(name, at)          the texel of a matrix that is IN_PLACE; there is none past its end
//   SIZE_OF_STEP(name);            a size that changes from step to step: see below
//   LOOK_UP(name);  FETCH(name, at)   a matrix that many kernels look up besides their bindings: at a texture unit, of which there are more
//   GAME_TEXTURE(type, name);      a texture of the game
// READ_WORDS, LOOK_UP_WORDS, WRITE_WORDS and STORE_WORDS do the same for texels of 32-bit words; READ_BYTES, WRITE_BYTES and STORE_BYTES for bytes,
// which are read as integers and stored from values of 0 to 1, of which none is NaN: a driver may pack any byte for one.
//
// A kernel reads a matrix as a buffer texture, at an image unit, and writes it as a storage buffer, at a separate binding: a software
// driver's store to a buffer takes half as long as one to an image. A matrix that a kernel both reads and writes is not declared readonly,
// because that would let a compiler move its loads across the stores. With FETCHES a matrix that the kernel only reads is at a texture unit instead
// (name_UNIT, and name_FETCHED is 1): the fastest way on graphics cards. A texel past the end of a matrix is then undefined, and not zero.
//
// With STEPS a dispatch runs consecutive steps. What SIZE_OF_STEP declares is then a variable, which the kernel sets for each of them, and the size that was passed,
// nameOfFirst, is that of the first.
//
// A store must lie within its buffer, so values past the end of a matrix are not stored. The value is computed before that condition,
// not in it: in a branch, a software driver reads each uniform again for every lane.

#define SIZE(name) layout(location = name##_LOCATION) uniform int name
#ifdef STEPS
#define SIZE_OF_STEP(name) \
    layout(location = name##_LOCATION) uniform int name##OfFirst; \
    int name
#else
#define SIZE_OF_STEP(name) SIZE(name)
#endif
#define SCALAR(name) layout(location = name##_LOCATION) uniform float name
#define LOOK_UP(name) layout(binding = name##_UNIT) uniform samplerBuffer name
#define LOOK_UP_WORDS(name) layout(binding = name##_UNIT) uniform usamplerBuffer name
#define GAME_TEXTURE(type, name) layout(binding = name##_UNIT) uniform type name

#ifdef FETCHES
#define READ(name) layout(binding = name##_UNIT) uniform samplerBuffer name
#define READ_WORDS(name) layout(binding = name##_UNIT) uniform usamplerBuffer name
#define READ_BYTES(name) READ_WORDS(name)
#else
#define READ(name) layout(binding = name##_IMAGE, rgba32f) readonly uniform imageBuffer name
#define READ_WORDS(name) layout(binding = name##_IMAGE, rgba32ui) readonly uniform uimageBuffer name
#define READ_BYTES(name) layout(binding = name##_IMAGE, rgba8ui) readonly uniform uimageBuffer name
#endif
#define WRITE(name) layout(std430, binding = name##_BUFFER) writeonly buffer name##Buffer { TEXEL name##Stored[]; }
#define WRITE_WORDS(name) layout(std430, binding = name##_BUFFER) writeonly buffer name##Buffer { uvec4 name##Stored[]; }
#define WRITE_BYTES(name) layout(std430, binding = name##_BUFFER) writeonly buffer name##Buffer { uint name##Stored[]; }
#define READ_WRITE(name) \
    layout(binding = name##_IMAGE, rgba32f) uniform imageBuffer name; \
    WRITE(name)
#define EXCHANGE(name) \
    layout(binding = name##_IMAGE, rgba32f) coherent uniform imageBuffer name; \
    layout(std430, binding = name##_BUFFER) coherent writeonly buffer name##Buffer { TEXEL name##Stored[]; }
#define IN_PLACE(name) layout(std430, binding = name##_BUFFER) buffer name##Buffer { TEXEL name##Stored[]; }

#ifdef FETCHES
#define LOAD(name, at) LOAD_IN_WAY(name##_FETCHED, name, at)
#define LOAD_IN_WAY(way, name, at) LOAD_IN_KNOWN_WAY(way, name, at)
#define LOAD_IN_KNOWN_WAY(way, name, at) LOAD_##way(name, at)
#define LOAD_0(name, at) imageLoad(name, at)
#define LOAD_1(name, at) texelFetch(name, at)
#else
#define LOAD(name, at) imageLoad(name, at)
#endif
#define FETCH(name, at) texelFetch(name, at)
#define STORE(name, at, values) name##Stored[at] = asTexel(values)
#define LOAD_STORED(name, at) fromTexel(name##Stored[at])
#define STORE_WORDS(name, at, words) name##Stored[at] = (words)
#define STORE_BYTES(name, at, values) name##Stored[at] = packUnorm4x8(values)   // no NaN: as said above

// The stored type. With WIDE_STORES, the same bits as two numbers of 64 bits, for a driver that stores number by number.
#ifdef WIDE_STORES
#define TEXEL dvec2

dvec2 asTexel(vec4 values)
{
    uvec4 bits = floatBitsToUint(values);
    return dvec2(packDouble2x32(bits.xy), packDouble2x32(bits.zw));
}

vec4 fromTexel(dvec2 texel)
{
    return uintBitsToFloat(uvec4(unpackDouble2x32(texel.x), unpackDouble2x32(texel.y)));
}
#else
#define TEXEL vec4
#define asTexel(values) (values)
#define fromTexel(texel) (texel)
#endif
