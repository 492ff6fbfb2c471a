// Matrix products of middling extents, for the scalar type of kernels.h.
//
// Large products pay for being packed; these would not. A is read where it lies, or a few rows at a
// time, and B is copied only where its columns are not neighbours. Every element of C is summed over
// k in order, in runs of PRODUCT_DEPTH, so that its bits do not depend on the other extents.
#define PRODUCT_DEPTH 256
#define PRODUCT_COLUMNS 256

typedef T NAME(four) __attribute__((vector_size(4 * sizeof(T))));
static _Thread_local T NAME(packed)[PRODUCT_DEPTH * PRODUCT_COLUMNS] __attribute__((aligned(64)));

#if KERNEL_LEVELS
#define LEVEL(f) NAME(f##_v4)
#define PRODUCT_TARGET __attribute__((target("arch=x86-64-v4"), min_vector_width(512)))
#define LANES (64 / (ptrdiff_t)sizeof(T))
#define WIDTH 4
#include "product_tiles.h"
#define LEVEL(f) NAME(f##_v3)
#define PRODUCT_TARGET __attribute__((target("arch=x86-64-v3")))
#define LANES (32 / (ptrdiff_t)sizeof(T))
#define WIDTH 2
#include "product_tiles.h"
#endif
#define LEVEL(f) NAME(f##_baseline)
#define PRODUCT_TARGET
#define LANES (16 / (ptrdiff_t)sizeof(T))
#if defined(__aarch64__)
#define WIDTH 4  // 32 registers
#else
#define WIDTH 2
#endif
#include "product_tiles.h"

void NAME(kernel_product_at)(int level, ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, T alpha, const T *a,
                             ptrdiff_t rowA, ptrdiff_t columnA, const T *b, ptrdiff_t rowB,
                             ptrdiff_t columnB, T beta, T *c, ptrdiff_t ldc) {
  switch (level) {
#if KERNEL_LEVELS
  case KERNEL_V4:
    NAME(product_v4)(m, n, k, alpha, a, rowA, columnA, b, rowB, columnB, beta, c, ldc);
    break;
  case KERNEL_V3:
    NAME(product_v3)(m, n, k, alpha, a, rowA, columnA, b, rowB, columnB, beta, c, ldc);
    break;
#endif
  default:
    NAME(product_baseline)(m, n, k, alpha, a, rowA, columnA, b, rowB, columnB, beta, c, ldc);
  }
}

void NAME(kernel_product)(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, T alpha, const T *a,
                          ptrdiff_t rowA, ptrdiff_t columnA, const T *b, ptrdiff_t rowB,
                          ptrdiff_t columnB, T beta, T *c, ptrdiff_t ldc) {
  NAME(kernel_product_at)(kernel_level_number(), m, n, k, alpha, a, rowA, columnA, b, rowB, columnB,
                          beta, c, ldc);
}
