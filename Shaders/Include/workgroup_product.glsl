// A tile of a product C [M x N] = A [M x K] . B [K x N] by one workgroup: TILE_ROWS x TILE_COLUMNS of C, staged through shared memory TILE_DEPTH of
// the sum at a time. The next stage is loaded into registers while this one is multiplied.
//
// A side lies along the sum (A_ALONG_SUM, B_ALONG_SUM: a texel holds four of the sum, of one row or column of C) or along the result (a texel holds
// four rows or columns of C, at one place of the sum). It is staged as it lies, since transposing it costs half the speed: along the
// sum in rows of an odd number of texels, so that lanes which read below each other use all banks of the memory.
//
// A lane keeps LANE_ROWS x LANE_TEXELS texels of C: groups of four rows and single texels, spread evenly over the tile, so that neighboring lanes read neighboring
// texels. Every element of C adds its products one by one along the sum, in order, from zero: the same bits for all shapes of tiles.
//
// With FINISHED_PART(sum) the sum has parts of PART_LENGTH, a multiple of TILE_DEPTH: a part is finished by this macro, and they are added in order, which gives wholeSums. The next part's first
// stage is loaded while the last one of this part is multiplied.
//
// The including kernel defines beginA, loadA, beginB and loadB, which return zero outside of the matrices. C# generates the macros (WorkgroupTiling):
//   EACH_LOAD_OF_A(F), EACH_LOAD_OF_B(F)   the texels of a stage that a lane loads
//   EACH_LANE_ROW(F), ACROSS(F, row)       the rows and, in one, the texels of C that a lane keeps
//   EACH_LANE_COLUMN(F)                    their columns
//   EACH_QUAD(F)                           four of the sum, TILE_DEPTH / 4 times
// A workgroup is one line of GROUP_SIZE invocations.
#include "matrix.glsl"
#include "products.glsl"

layout(local_size_x = GROUP_SIZE) in;

shared vec4 stagedA[STAGED_A];
shared vec4 stagedB[STAGED_B];

// What a side knows of a row or column of C before the sum begins, such as an address; where it lies along the result, it is not used.
int beginA(int line);
int beginB(int line);

// A texel. Along the sum: of row or column `line` of C, the sum's elements k to k + 3. Along the result: of texel `line` of the rows or columns, the sum's element k.
vec4 loadA(int begun, int line, int k);
vec4 loadB(int begun, int line, int k);

const int DEPTH_TEXELS = TILE_DEPTH / 4;
const int ALONG_SUM_STRIDE = DEPTH_TEXELS + 1;   // odd
const int TILE_ROW_TEXELS = TILE_ROWS / 4;
const int TILE_COLUMN_TEXELS = TILE_COLUMNS / 4;
const int LANE_ROW_TEXELS = LANE_ROWS / 4;
const int LANES_ACROSS = TILE_COLUMN_TEXELS / LANE_TEXELS;

// Of the texel that is number t of a stage: its line within the tile, its place in the sum, and its place in shared memory.
#ifdef A_ALONG_SUM
#define LINE_OF_A(t) (t / DEPTH_TEXELS)
#define SUM_OF_A(t) (4 * (t % DEPTH_TEXELS))
#define PLACE_OF_A(t) (t / DEPTH_TEXELS * ALONG_SUM_STRIDE + t % DEPTH_TEXELS)
#define FIRST_LINE_OF_A firstTileRow
#else
#define LINE_OF_A(t) (t % TILE_ROW_TEXELS)
#define SUM_OF_A(t) (t / TILE_ROW_TEXELS)
#define PLACE_OF_A(t) t
#define FIRST_LINE_OF_A (firstTileRow / 4)
#endif
#ifdef B_ALONG_SUM
#define LINE_OF_B(t) (t / DEPTH_TEXELS)
#define SUM_OF_B(t) (4 * (t % DEPTH_TEXELS))
#define PLACE_OF_B(t) (t / DEPTH_TEXELS * ALONG_SUM_STRIDE + t % DEPTH_TEXELS)
#define FIRST_LINE_OF_B (4 * firstTileTexel)
#else
#define LINE_OF_B(t) (t % TILE_COLUMN_TEXELS)
#define SUM_OF_B(t) (t / TILE_COLUMN_TEXELS)
#define PLACE_OF_B(t) t
#define FIRST_LINE_OF_B firstTileTexel
#endif

// The tile's place in C; the kernel sets it first.
int firstTileRow;
int firstTileTexel;

// The lane's texels of C.
vec4 tileSums[LANE_ROWS * LANE_TEXELS];
#ifdef FINISHED_PART
vec4 wholeSums[LANE_ROWS * LANE_TEXELS];
#endif

int laneAcross()
{
    return int(gl_LocalInvocationID.x) % LANES_ACROSS;
}

int laneDown()
{
    return int(gl_LocalInvocationID.x) / LANES_ACROSS;
}

// Where a lane's row and texel lie within the tile.
#define ROW_IN_TILE(row) (row / 4 * (TILE_ROWS / LANE_ROW_TEXELS) + 4 * laneDown() + row % 4)
#define TEXEL_IN_TILE(t) (t * LANES_ACROSS + laneAcross())

// A texel of C, by the numbers of the lane's row and texel.
#define RESULT_ROW(row) (firstTileRow + ROW_IN_TILE(row))
#define RESULT_TEXEL(t) (firstTileTexel + TEXEL_IN_TILE(t))

// What a lane reads of a stage, four of the sum: along the sum LANE_ROWS rows or 4 * LANE_TEXELS columns, a texel each; along the result four times the texels of its
// rows or columns.
#ifdef A_ALONG_SUM
#define STAGED_A_OF(quad, i) stagedA[ROW_IN_TILE(i) * ALONG_SUM_STRIDE + quad]
#define VALUE_OF_A(row, u) a[row][u]
#else
#define STAGED_A_OF(quad, i) stagedA[(4 * quad + i / LANE_ROW_TEXELS) * TILE_ROW_TEXELS + i % LANE_ROW_TEXELS * (TILE_ROW_TEXELS / LANE_ROW_TEXELS) + laneDown()]
#define VALUE_OF_A(row, u) a[u * LANE_ROW_TEXELS + row / 4][row % 4]
#endif
#ifdef B_ALONG_SUM
#define STAGED_B_OF(quad, i) stagedB[(4 * TEXEL_IN_TILE(i / 4) + i % 4) * ALONG_SUM_STRIDE + quad]
#define TEXEL_OF_B(t, u) vec4(b[4 * t][u], b[4 * t + 1][u], b[4 * t + 2][u], b[4 * t + 3][u])
#else
#define STAGED_B_OF(quad, i) stagedB[(4 * quad + i / LANE_TEXELS) * TILE_COLUMN_TEXELS + TEXEL_IN_TILE((i % LANE_TEXELS))]
#define TEXEL_OF_B(t, u) b[u * LANE_TEXELS + t]
#endif

// tileSums = the products of the sum's elements from `first` on, before `end`. All invocations of the workgroup call it.
void sumProducts(int first, int end)
{
    int lane = int(gl_LocalInvocationID.x);
    int begunA[LOADS_OF_A], begunB[LOADS_OF_B];
    vec4 nextA[LOADS_OF_A], nextB[LOADS_OF_B];
#define BEGIN_LOAD_OF_A(i) \
    { \
        int t = lane + i * GROUP_SIZE; \
        begunA[i] = beginA(FIRST_LINE_OF_A + LINE_OF_A(t)); \
        nextA[i] = loadA(begunA[i], FIRST_LINE_OF_A + LINE_OF_A(t), first + SUM_OF_A(t)); \
    }
#define BEGIN_LOAD_OF_B(i) \
    { \
        int t = lane + i * GROUP_SIZE; \
        begunB[i] = beginB(FIRST_LINE_OF_B + LINE_OF_B(t)); \
        nextB[i] = loadB(begunB[i], FIRST_LINE_OF_B + LINE_OF_B(t), first + SUM_OF_B(t)); \
    }
    EACH_LOAD_OF_A(BEGIN_LOAD_OF_A)
    EACH_LOAD_OF_B(BEGIN_LOAD_OF_B)
#define START_SUM(row, t) tileSums[row * LANE_TEXELS + t] = vec4(0.0);
#define START_SUMS(row) ACROSS(START_SUM, row)
    EACH_LANE_ROW(START_SUMS)
#ifdef FINISHED_PART
#define START_WHOLE(row, t) wholeSums[row * LANE_TEXELS + t] = vec4(0.0);
#define START_WHOLES(row) ACROSS(START_WHOLE, row)
    EACH_LANE_ROW(START_WHOLES)
#endif

    for (int k = first; k < end; k += TILE_DEPTH)
    {
        memoryBarrierShared();
        barrier();   // the stage before has been read
#define STAGE_A(i) { int t = lane + i * GROUP_SIZE; stagedA[PLACE_OF_A(t)] = nextA[i]; }
#define STAGE_B(i) { int t = lane + i * GROUP_SIZE; stagedB[PLACE_OF_B(t)] = nextB[i]; }
        EACH_LOAD_OF_A(STAGE_A)
        EACH_LOAD_OF_B(STAGE_B)
        memoryBarrierShared();
        barrier();

        int next = k + TILE_DEPTH;
        if (next < end)
        {
#define LOAD_NEXT_OF_A(i) { int t = lane + i * GROUP_SIZE; nextA[i] = loadA(begunA[i], FIRST_LINE_OF_A + LINE_OF_A(t), next + SUM_OF_A(t)); }
#define LOAD_NEXT_OF_B(i) { int t = lane + i * GROUP_SIZE; nextB[i] = loadB(begunB[i], FIRST_LINE_OF_B + LINE_OF_B(t), next + SUM_OF_B(t)); }
            EACH_LOAD_OF_A(LOAD_NEXT_OF_A)
            EACH_LOAD_OF_B(LOAD_NEXT_OF_B)
        }

#define MULTIPLY_QUAD(number) \
        { \
            const int quad = number; \
            vec4 a[LANE_ROWS], b[4 * LANE_TEXELS]; \
            EACH_LANE_ROW(READ_A) \
            EACH_LANE_COLUMN(READ_B) \
            { const int u = 0; EACH_LANE_ROW(MULTIPLY_ROW) } \
            { const int u = 1; EACH_LANE_ROW(MULTIPLY_ROW) } \
            { const int u = 2; EACH_LANE_ROW(MULTIPLY_ROW) } \
            { const int u = 3; EACH_LANE_ROW(MULTIPLY_ROW) } \
        }
#define READ_A(i) a[i] = STAGED_A_OF(quad, i);
#define READ_B(i) b[i] = STAGED_B_OF(quad, i);
#define MULTIPLY_ROW(row) ACROSS(MULTIPLY, row)
#define MULTIPLY(row, t) tileSums[row * LANE_TEXELS + t] = addProduct(tileSums[row * LANE_TEXELS + t], vec4(VALUE_OF_A(row, u)), TEXEL_OF_B(t, u));
        EACH_QUAD(MULTIPLY_QUAD)

#ifdef FINISHED_PART
        if (next % PART_LENGTH == 0 || next >= end)
        {
#define ADD_PART(row, t) wholeSums[row * LANE_TEXELS + t] += FINISHED_PART(tileSums[row * LANE_TEXELS + t]);
#define ADD_PARTS(row) ACROSS(ADD_PART, row)
            EACH_LANE_ROW(ADD_PARTS)
            EACH_LANE_ROW(START_SUMS)
        }
#endif
    }
}
