// The networks' layers on tensor cores. An image is [n, height, width, channels] in f16.
//
// A convolution is one product of matrices, whose left one is never made: its rows are what the kernel
// covers at each pixel of the result, and are gathered from the image as they are needed. A block of threads
// makes a tile of the product, a slice of factors after the other, of which several are on their way into
// shared memory while it multiplies one.

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

const int CHUNK = 8;

// Where a chunk of a row of a slice lies in shared memory: the chunks of one number of eight rows lie in
// different banks.
template <int SLICE>
__device__ inline int place(int row, int chunk) {
    const int other = SLICE == 64 ? row & 7 : (row >> 1) & 3;
    return row * SLICE + (chunk ^ other) * CHUNK;
}

template <int ROWS, int COLUMNS, int WARPS_DOWN, int WARPS_ACROSS, int SLICE, int STAGES, bool CACHED>
__device__ inline void convolve(const Convolution& c, const half* image, const half* kernel, const float* bias,
                                const half* added, half* first, half* second) {
    const int THREADS = 32 * WARPS_DOWN * WARPS_ACROSS;
    const int CHUNKS = SLICE / CHUNK;
    // What a warp makes, in products of 16x8.
    const int DOWN = ROWS / WARPS_DOWN / 16;
    const int ACROSS = COLUMNS / WARPS_ACROSS / 8;
    const int A_LOADS = ROWS * CHUNKS / THREADS;
    const int B_LOADS = COLUMNS * CHUNKS / THREADS;
    static_assert(A_LOADS * THREADS == ROWS * CHUNKS && B_LOADS * THREADS == COLUMNS * CHUNKS, "");
    static_assert(ACROSS % 2 == 0, "");
    // A row of results is a chunk longer, for the banks.
    const int RESULT_PITCH = COLUMNS + CHUNK;
    extern __shared__ __align__(128) half shared[];
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
    int corners[A_LOADS], tops[A_LOADS], lefts[A_LOADS];
#pragma unroll
    for (int i = 0; i < A_LOADS; i++) {
        const int pixel = first_row + row + i * (THREADS / CHUNKS);
        const int size = c.out_height * c.out_width;
        const int n = pixel / size;
        const int y = pixel % size / c.out_width * c.stride - c.pad_y;
        const int x = pixel % size % c.out_width * c.stride - c.pad_x;
        // Far outside where there is no pixel.
        tops[i] = pixel < c.pixels ? y : -(1 << 20);
        lefts[i] = x;
        corners[i] = ((n * c.height + y) * c.width + x) * c.pitch;
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
#pragma unroll
        for (int i = 0; i < A_LOADS; i++) {
            const bool inside = at < depth && (unsigned)(tops[i] + down) < (unsigned)c.height
                                && (unsigned)(lefts[i] + right) < (unsigned)c.width;
            copy_16<CACHED>(a + place<SLICE>(row + i * (THREADS / CHUNKS), chunk), image + (inside ? corners[i] + offset : 0),
                    inside);
        }
#pragma unroll
        for (int i = 0; i < B_LOADS; i++) {
            const int column = row + i * (THREADS / CHUNKS);
            const bool inside = at < depth && first_column + column < c.out_channels;
            const int from = ((first_column + column) * depth + at) * CHUNK;
            copy_16<CACHED>(b + place<SLICE>(column, chunk), kernel + (inside ? from : 0), inside);
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
        for (int step = 0; step < SLICE / 16; step++) {
            unsigned rows[DOWN][4];
            unsigned columns[ACROSS / 2][4];
#pragma unroll
            for (int i = 0; i < DOWN; i++)
                load_matrices(rows[i], a + place<SLICE>(warp_row + i * 16 + lane % 16, step * 2 + lane / 16));
#pragma unroll
            for (int j = 0; j < ACROSS / 2; j++)
                load_matrices(columns[j], b + place<SLICE>(warp_column + j * 16 + lane / 16 * 8 + lane % 8,
                                                           step * 2 + lane / 8 % 2));
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
    // All that is added is asked for before any of it is used.
    const int ACROSS_CHUNKS = COLUMNS / CHUNK;
    const int WRITES = ROWS * ACROSS_CHUNKS / THREADS;
    static_assert(WRITES * THREADS == ROWS * ACROSS_CHUNKS, "");
    uint4 others[WRITES];
    if (c.adds) {
#pragma unroll
        for (int i = 0; i < WRITES; i++) {
            const int at = thread + i * THREADS;
            const int pixel = first_row + at / ACROSS_CHUNKS;
            const int channel = first_column + at % ACROSS_CHUNKS * CHUNK;
            if (pixel < c.pixels && channel < c.out_channels)
                others[i] = *(const uint4*)(added + (long long)pixel * c.added_pitch + channel);
        }
    }
#pragma unroll
    for (int i = 0; i < WRITES; i++) {
        const int at = thread + i * THREADS;
        const int pixel = first_row + at / ACROSS_CHUNKS;
        const int channel = first_column + at % ACROSS_CHUNKS * CHUNK;
        if (pixel >= c.pixels || channel >= c.out_channels) continue;
        uint4 result = *(const uint4*)(shared + at / ACROSS_CHUNKS * RESULT_PITCH + at % ACROSS_CHUNKS * CHUNK);
        if (c.adds) {
#pragma unroll
            for (int k = 0; k < 4; k++) {
                const float2 x = __half22float2(((const half2*)&result)[k]);
                const float2 y = __half22float2(((const half2*)&others[i])[k]);
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

// By rows and columns of a tile, warps down and across it, length and number of slices, and whether what is
// copied is kept at hand.
#define CONVOLUTION(NAME, ROWS, COLUMNS, DOWN, ACROSS, SLICE, STAGES, CACHED)                                      \
    extern "C" __global__ void __launch_bounds__(32 * DOWN * ACROSS)                                               \
        NAME(Convolution c, const half* image, const half* kernel, const float* bias, const half* added,           \
             half* first, half* second) {                                                                          \
        convolve<ROWS, COLUMNS, DOWN, ACROSS, SLICE, STAGES, CACHED>(c, image, kernel, bias, added, first, second); \
    }

// Each was the fastest for some layers of FaceNet on an H200: see `Kernels::tile`.
CONVOLUTION(convolution_deep, 128, 128, 2, 2, 64, 3, false)
CONVOLUTION(convolution_128, 128, 128, 2, 4, 64, 3, false)
CONVOLUTION(convolution_96, 128, 96, 2, 2, 64, 3, false)
CONVOLUTION(convolution_64, 128, 64, 2, 2, 64, 3, false)
CONVOLUTION(convolution_32, 128, 32, 4, 1, 64, 3, false)
CONVOLUTION(convolution_shallow, 128, 32, 4, 1, 32, 4, true)

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

// Each channel with its own 3x3 kernel, [3, 3, channels], zeros around the image, bias and ReLU: one thread a
// chunk of a pixel.
extern "C" __global__ void depthwise(Convolution c, const half* image, const float* kernel, const float* bias,
                                     half* result) {
    const int chunks = c.channels / CHUNK;
    const int at = blockIdx.x * blockDim.x + threadIdx.x;
    if (at >= c.pixels * chunks) return;
    const int pixel = at / chunks;
    const int channel = at % chunks * CHUNK;
    const int size = c.out_height * c.out_width;
    const int top = pixel % size / c.out_width * c.stride - 1;
    const int left = pixel % size % c.out_width * c.stride - 1;
    float sums[CHUNK];
    for (int k = 0; k < CHUNK; k++) sums[k] = bias[channel + k];
#pragma unroll
    for (int tap = 0; tap < 9; tap++) {
        const int y = top + tap / 3;
        const int x = left + tap % 3;
        if ((unsigned)y >= (unsigned)c.height || (unsigned)x >= (unsigned)c.width) continue;
        const long long there = (long long)((pixel / size * c.height + y) * c.width + x) * c.channels + channel;
        const uint4 some = *(const uint4*)(image + there);
        const float* const factors = kernel + tap * c.channels + channel;
#pragma unroll
        for (int k = 0; k < 4; k++) {
            const float2 two = __half22float2(((const half2*)&some)[k]);
            sums[2 * k] += two.x * factors[2 * k];
            sums[2 * k + 1] += two.y * factors[2 * k + 1];
        }
    }
    half2* const to = (half2*)(result + (long long)at * CHUNK);
    for (int k = 0; k < 4; k++) to[k] = __floats2half2_rn(fmaxf(sums[2 * k], 0.0f), fmaxf(sums[2 * k + 1], 0.0f));
}

// The mean over all pixels of an image: one thread a chunk.
extern "C" __global__ void mean(int n, int pixels, int channels, const half* images, half* results) {
    const int chunks = channels / CHUNK;
    const int at = blockIdx.x * blockDim.x + threadIdx.x;
    if (at >= n * chunks) return;
    const half* const image = images + (long long)(at / chunks) * pixels * channels + at % chunks * CHUNK;
    float sums[CHUNK] = {};
    for (int pixel = 0; pixel < pixels; pixel++) {
        const uint4 some = *(const uint4*)(image + pixel * channels);
        for (int k = 0; k < 4; k++) {
            const float2 two = __half22float2(((const half2*)&some)[k]);
            sums[2 * k] += two.x;
            sums[2 * k + 1] += two.y;
        }
    }
    half2* const to = (half2*)(results + (long long)at * CHUNK);
    for (int k = 0; k < 4; k++) to[k] = __floats2half2_rn(sums[2 * k] / pixels, sums[2 * k + 1] / pixels);
}

__device__ inline void write_pixel(const unsigned char* bytes, float shift, float factor, half* result) {
    float values[4] = {};
    for (int k = 0; k < 3; k++) values[k] = (bytes[k] - shift) * factor;
    uint4 chunk = {0, 0, 0, 0};
    ((half2*)&chunk)[0] = __floats2half2_rn(values[0], values[1]);
    ((half2*)&chunk)[1] = __floats2half2_rn(values[2], values[3]);
    *(uint4*)result = chunk;
}

// Bytes [n, pixels, 3] to f16 [n, pixels, 8], the rest zeros: one thread a pixel.
extern "C" __global__ void prepare(int count, const unsigned char* bytes, half* results) {
    const int at = blockIdx.x * blockDim.x + threadIdx.x;
    if (at >= count) return;
    write_pixel(bytes + 3 * (long long)at, 0.0f, 1.0f, results + (long long)at * CHUNK);
}

// The same with the mean of each image taken off, and divided by max(deviation, 1 / sqrt(count)), as FaceNet was
// trained: a block of threads an image.
const int STANDARDISING = 512;
extern "C" __global__ void __launch_bounds__(STANDARDISING)
    standardise(int pixels, const unsigned char* images, half* results) {
    __shared__ unsigned long long sums[STANDARDISING], squares[STANDARDISING];
    const int thread = threadIdx.x;
    const int count = 3 * pixels;
    const unsigned char* const bytes = images + (long long)blockIdx.x * count;
    unsigned sum = 0, square = 0;
    for (int i = thread; i < count; i += STANDARDISING) {
        sum += bytes[i];
        square += bytes[i] * bytes[i];
    }
    sums[thread] = sum;
    squares[thread] = square;
    for (int rest = STANDARDISING / 2; rest > 0; rest /= 2) {
        __syncthreads();
        if (thread < rest) {
            sums[thread] += sums[thread + rest];
            squares[thread] += squares[thread + rest];
        }
    }
    __syncthreads();
    const double mean = (double)sums[0] / count;
    const double variance = (double)squares[0] / count - mean * mean;
    const float shift = mean;
    const float factor = 1.0 / sqrt(fmax(variance, 1.0 / count));
    half* const result = results + (long long)blockIdx.x * pixels * CHUNK;
    for (int i = thread; i < pixels; i += STANDARDISING) write_pixel(bytes + 3 * i, shift, factor, result + i * CHUNK);
}
