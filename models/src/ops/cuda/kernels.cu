// FaceNet's layers on tensor cores. An image is [n, height, width, channels] in f16.
//
// A convolution is one product of matrices, whose left one is never made: its rows are what the kernel
// covers at each pixel of the result, and are gathered from the image as they are needed. A block of threads
// makes a tile of the product, slices of 32 factors being on their way into shared memory while it multiplies
// another.

#include "tensor_cores.cuh"

// How `ops/cuda.rs` asks for a convolution. Of an image the numbers of one pixel lie together, `pitch` from
// one pixel to the next; all channels and pitches are multiples of 8.
struct Convolution {
    int height, width, pitch, channels;
    int kernel_height, kernel_width, stride, pad_y, pad_x;
    int out_height, out_width, out_channels;
    // Pixels of the results of all images.
    int pixels;
    // Channels from this one on go to the second result.
    int split;
    // Of the two results, and of what is added to the first.
    int first_pitch, second_pitch, added_pitch;
    int adds, relu;
};

const int SLICE = 32;
const int CHUNK = 8;
const int CHUNKS = SLICE / CHUNK;

// Where a chunk of a row of a slice lies in shared memory: eight rows' chunks of one number lie in different
// banks.
__device__ inline int place(int row, int chunk) {
    return row * SLICE + (chunk ^ ((row >> 1) & 3)) * CHUNK;
}

template <int ROWS, int COLUMNS, int WARPS_DOWN, int WARPS_ACROSS, int STAGES>
__device__ inline void convolve(const Convolution& c, const half* image, const half* kernel, const float* bias,
                                const half* added, half* first, half* second) {
    const int THREADS = 32 * WARPS_DOWN * WARPS_ACROSS;
    // What a warp makes, in products of 16x8.
    const int DOWN = ROWS / WARPS_DOWN / 16;
    const int ACROSS = COLUMNS / WARPS_ACROSS / 8;
    const int A_LOADS = ROWS * CHUNKS / THREADS;
    const int B_LOADS = COLUMNS * CHUNKS / THREADS;
    static_assert(A_LOADS * THREADS == ROWS * CHUNKS && B_LOADS * THREADS == COLUMNS * CHUNKS, "");
    static_assert(ACROSS % 2 == 0, "");
    // A row of results is a chunk longer, for the banks.
    const int RESULT_PITCH = COLUMNS + CHUNK;
    const int SLICES = STAGES * (ROWS + COLUMNS) * SLICE;
    const int RESULTS = ROWS * RESULT_PITCH;
    __shared__ __align__(128) half shared[SLICES > RESULTS ? SLICES : RESULTS];
    half* const a_slices = shared;
    half* const b_slices = shared + STAGES * ROWS * SLICE;

    const int thread = threadIdx.x;
    const int lane = thread % 32;
    const int warp = thread / 32;
    const int first_row = blockIdx.x * ROWS;
    const int first_column = blockIdx.y * COLUMNS;

    // The chunk of each slice that this thread copies, of some rows.
    const int chunk = thread % CHUNKS;
    const int row = thread / CHUNKS;
    const half* corners[A_LOADS];
    int tops[A_LOADS], lefts[A_LOADS];
    for (int i = 0; i < A_LOADS; i++) {
        const int pixel = first_row + row + i * (THREADS / CHUNKS);
        const int size = c.out_height * c.out_width;
        const int n = pixel / size;
        const int y = pixel % size / c.out_width;
        const int x = pixel % size % c.out_width;
        tops[i] = pixel < c.pixels ? y * c.stride - c.pad_y : -(1 << 20);
        lefts[i] = x * c.stride - c.pad_x;
        corners[i] = image + ((long long)(n * c.height + y * c.stride - c.pad_y) * c.width + lefts[i]) * c.pitch;
    }
    const int chunks_a_pixel = c.channels / CHUNK;
    const int depth = c.kernel_height * c.kernel_width * chunks_a_pixel;
    const int slices = (depth + CHUNKS - 1) / CHUNKS;

    auto start = [&](int slice) {
        half* const a = a_slices + slice % STAGES * ROWS * SLICE;
        half* const b = b_slices + slice % STAGES * COLUMNS * SLICE;
        const int at = slice * CHUNKS + chunk;
        const int tap = at / chunks_a_pixel;
        const int channel = (at - tap * chunks_a_pixel) * CHUNK;
        const int down = tap / c.kernel_width;
        const int right = tap - down * c.kernel_width;
        const int offset = (down * c.width + right) * c.pitch + channel;
        for (int i = 0; i < A_LOADS; i++) {
            const bool inside = at < depth && (unsigned)(tops[i] + down) < (unsigned)c.height
                                && (unsigned)(lefts[i] + right) < (unsigned)c.width;
            copy_16(a + place(row + i * (THREADS / CHUNKS), chunk), inside ? corners[i] + offset : image, inside);
        }
        for (int i = 0; i < B_LOADS; i++) {
            const int column = row + i * (THREADS / CHUNKS);
            const bool inside = at < depth && first_column + column < c.out_channels;
            const half* const from = kernel + (long long)(first_column + column) * depth * CHUNK + at * CHUNK;
            copy_16(b + place(column, chunk), inside ? from : kernel, inside);
        }
    };

    for (int slice = 0; slice < STAGES - 1; slice++) {
        if (slice < slices) start(slice);
        end_group();
    }
    float sums[DOWN][ACROSS][4] = {};
    const int warp_row = warp / WARPS_ACROSS * DOWN * 16;
    const int warp_column = warp % WARPS_ACROSS * ACROSS * 8;
    for (int slice = 0; slice < slices; slice++) {
        wait_for_all_but<STAGES - 2>();
        // All have this slice, and none still multiplies the one that the next takes the place of.
        __syncthreads();
        if (slice + STAGES - 1 < slices) start(slice + STAGES - 1);
        end_group();
        const half* const a = a_slices + slice % STAGES * ROWS * SLICE;
        const half* const b = b_slices + slice % STAGES * COLUMNS * SLICE;
#pragma unroll
        for (int half_slice = 0; half_slice < 2; half_slice++) {
            unsigned rows[DOWN][4];
            unsigned columns[ACROSS / 2][4];
#pragma unroll
            for (int i = 0; i < DOWN; i++)
                load_matrices(rows[i], a + place(warp_row + i * 16 + lane % 16, half_slice * 2 + lane / 16));
#pragma unroll
            for (int j = 0; j < ACROSS / 2; j++)
                load_matrices(columns[j],
                              b + place(warp_column + j * 16 + lane / 16 * 8 + lane % 8, half_slice * 2 + lane / 8 % 2));
#pragma unroll
            for (int i = 0; i < DOWN; i++)
#pragma unroll
                for (int j = 0; j < ACROSS; j++)
                    multiply_add(sums[i][j], rows[i], columns[j / 2][j % 2 * 2], columns[j / 2][j % 2 * 2 + 1]);
        }
    }

    // The results go through shared memory, so that whole chunks are written.
    wait_for_all_but<0>();
    __syncthreads();
#pragma unroll
    for (int j = 0; j < ACROSS; j++) {
        const int column = warp_column + j * 8 + lane % 4 * 2;
        const bool inside = first_column + column < c.out_channels;
        const float b0 = inside ? bias[first_column + column] : 0.0f;
        const float b1 = inside ? bias[first_column + column + 1] : 0.0f;
#pragma unroll
        for (int i = 0; i < DOWN; i++) {
            half* const result = shared + (warp_row + i * 16 + lane / 4) * RESULT_PITCH + column;
            float(&sum)[4] = sums[i][j];
            for (int k = 0; k < 4; k++) {
                sum[k] += k % 2 ? b1 : b0;
                if (c.relu && !c.adds) sum[k] = fmaxf(sum[k], 0.0f);
            }
            *(half2*)result = __floats2half2_rn(sum[0], sum[1]);
            *(half2*)(result + 8 * RESULT_PITCH) = __floats2half2_rn(sum[2], sum[3]);
        }
    }
    __syncthreads();
    const int across = COLUMNS / CHUNK;
    for (int at = thread; at < ROWS * across; at += THREADS) {
        const int pixel = first_row + at / across;
        const int channel = first_column + at % across * CHUNK;
        if (pixel >= c.pixels || channel >= c.out_channels) continue;
        uint4 result = *(const uint4*)(shared + at / across * RESULT_PITCH + at % across * CHUNK);
        if (c.adds) {
            const uint4 other = *(const uint4*)(added + (long long)pixel * c.added_pitch + channel);
            for (int k = 0; k < 4; k++) {
                const float2 x = __half22float2(((const half2*)&result)[k]);
                const float2 y = __half22float2(((const half2*)&other)[k]);
                float2 sum = {x.x + y.x, x.y + y.y};
                if (c.relu) sum = {fmaxf(sum.x, 0.0f), fmaxf(sum.y, 0.0f)};
                ((half2*)&result)[k] = __floats2half2_rn(sum.x, sum.y);
            }
        }
        half* const to = channel < c.split ? first + (long long)pixel * c.first_pitch + channel
                                           : second + (long long)pixel * c.second_pitch + channel - c.split;
        *(uint4*)to = result;
    }
}

#define CONVOLUTION(ROWS, COLUMNS, DOWN, ACROSS, STAGES)                                                                    \
    extern "C" __global__ void __launch_bounds__(32 * DOWN * ACROSS)                                                \
        convolution_##ROWS##x##COLUMNS(Convolution c, const half* image, const half* kernel, const float* bias,     \
                                       const half* added, half* first, half* second) {                              \
        convolve<ROWS, COLUMNS, DOWN, ACROSS, STAGES>(c, image, kernel, bias, added, first, second);                        \
    }

CONVOLUTION(128, 128, 2, 4, 3)
CONVOLUTION(128, 64, 2, 2, 4)
CONVOLUTION(128, 32, 4, 1, 4)
CONVOLUTION(64, 64, 2, 2, 4)

// The maximum over 3x3 pixels, every second pixel, without padding: one thread a chunk of a pixel.
extern "C" __global__ void max_pool(Convolution c, const half* image, half* result) {
    const int chunks = c.channels / CHUNK;
    const int at = blockIdx.x * blockDim.x + threadIdx.x;
    if (at >= c.pixels * chunks) return;
    const int pixel = at / chunks;
    const int channel = at % chunks * CHUNK;
    const int size = c.out_height * c.out_width;
    const int y = pixel % size / c.out_width * 2;
    const int x = pixel % size % c.out_width * 2;
    const half* const corner = image + ((long long)(pixel / size * c.height + y) * c.width + x) * c.pitch + channel;
    float most[CHUNK];
    for (int tap = 0; tap < 9; tap++) {
        const uint4 some = *(const uint4*)(corner + (tap / 3 * c.width + tap % 3) * c.pitch);
        for (int k = 0; k < 4; k++) {
            const float2 two = __half22float2(((const half2*)&some)[k]);
            most[2 * k] = tap ? fmaxf(most[2 * k], two.x) : two.x;
            most[2 * k + 1] = tap ? fmaxf(most[2 * k + 1], two.y) : two.y;
        }
    }
    half* const to = result + (long long)pixel * c.first_pitch + channel;
    for (int k = 0; k < 4; k++) ((half2*)to)[k] = __floats2half2_rn(most[2 * k], most[2 * k + 1]);
}

// Bytes [n, pixels, 3] to f16 [n, pixels, 8], less the first of the two numbers of their image, times the
// second; the rest zeros.
extern "C" __global__ void prepare(int n, int pixels, const unsigned char* bytes, const float* scales, half* result) {
    const long long at = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (at >= (long long)n * pixels) return;
    const float shift = scales[at / pixels * 2];
    const float factor = scales[at / pixels * 2 + 1];
    float value[4] = {};
    for (int k = 0; k < 3; k++) value[k] = (bytes[at * 3 + k] - shift) * factor;
    uint4 chunk = {0, 0, 0, 0};
    ((half2*)&chunk)[0] = __floats2half2_rn(value[0], value[1]);
    ((half2*)&chunk)[1] = __floats2half2_rn(value[2], value[3]);
    *(uint4*)(result + at * CHUNK) = chunk;
}
