// The instructions of convolution.cu, by name: copies that go on beside the arithmetic, and products of
// small matrices on tensor cores (PTX ISA 7.0, sections 9.7.8.22 cp.async, 9.7.14 mma and ldmatrix).

#pragma once

#include <cuda_fp16.h>

// Starts to copy 16 bytes to shared memory, keeping them at hand for other copies if `CACHED`; writes zeros
// instead where `is_there` does not hold.
template <bool CACHED>
__device__ inline void copy_16(void* shared, const void* global, bool is_there) {
    const unsigned to = __cvta_generic_to_shared(shared);
    const int bytes = is_there ? 16 : 0;
    if (CACHED)
        asm volatile("cp.async.ca.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(global), "r"(bytes) : "memory");
    else
        asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(global), "r"(bytes) : "memory");
}

// Copies that were started since the last of these form a group.
__device__ inline void end_group() {
    asm volatile("cp.async.commit_group;" ::: "memory");
}

// Waits until all but the latest `groups` groups of this thread have arrived.
template <int groups>
__device__ inline void wait_for_all_but() {
    asm volatile("cp.async.wait_group %0;" ::"n"(groups) : "memory");
}

// Four 8x8 matrices; each thread of the warp gives where one of their 32 rows is.
__device__ inline void load_matrices(unsigned (&matrices)[4], const half* row) {
    const unsigned from = __cvta_generic_to_shared(row);
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(matrices[0]), "=r"(matrices[1]), "=r"(matrices[2]), "=r"(matrices[3])
                 : "r"(from));
}

// sums[16, 8] += a[16, 16] * b[16, 8], in f32.
__device__ inline void multiply_add(float (&sums)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                 : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}
