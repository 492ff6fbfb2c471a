// Matrix products for the scalar type of kernels.h: one order of summation, whatever the extents.
//
// An element of C is summed over k in runs of equal length, PRODUCT_RUN at most: within a run one
// fused multiply-add after the other from zero, then the run's sum times alpha is added to the
// element. Nothing else of a product enters: not m or n, the element's place, the strides, nor
// whether an operand was packed.
//
// The loops are those of Goto and van de Geijn (ACM TOMS 34(3), 2008) as BLIS names them (Van Zee and
// van de Geijn, ACM TOMS 41(3), 2015): B in blocks of a run of rows and PRODUCT_COLUMNS columns,
// A in blocks of PRODUCT_ROWS rows, and a tile of C in registers. Operands that are small, or that
// few tiles read, are used where they lie, as in libxsmm (Heinecke et al., SC 2016): packing costs
// more than it saves there.
#define PRODUCT_ROWS 132      // with a run deep, in the second-level cache beside a panel of B
#define PRODUCT_COLUMNS 2048  // with a run deep, in the third-level cache
#define TILE_ROWS 6

typedef T NAME(four) __attribute__((vector_size(4 * sizeof(T))));
// A block of A, and a panel of B of the widest tile.
static _Thread_local T NAME(packed_a)[PRODUCT_ROWS * PRODUCT_RUN] __attribute__((aligned(64)));
static _Thread_local T NAME(packed_b)[PRODUCT_RUN * PANEL] __attribute__((aligned(64)));

#if KERNEL_LEVELS
#define LEVEL(f) NAME(f##_v4)
#define PRODUCT_TARGET __attribute__((target("arch=x86-64-v4"), min_vector_width(512)))
#define LANES (64 / (ptrdiff_t)sizeof(T))
#define RUNS 8
#define WIDTH 4
#include "product_tiles.h"
#define LEVEL(f) NAME(f##_v3)
#define PRODUCT_TARGET __attribute__((target("arch=x86-64-v3")))
#define LANES (32 / (ptrdiff_t)sizeof(T))
#define RUNS RUNS_V3
#define WIDTH 2
#include "product_tiles.h"
#endif
#define LEVEL(f) NAME(f##_baseline)
#define PRODUCT_TARGET
#define LANES (16 / (ptrdiff_t)sizeof(T))
#define RUNS 4
#if defined(__aarch64__)
#define WIDTH 4  // 32 registers
#else
#define WIDTH 2
#endif
#include "product_tiles.h"

void NAME(kernel_product_at)(int level, ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, T alpha, const T *a,
                             ptrdiff_t rowA, ptrdiff_t columnA, const T *b, ptrdiff_t rowB,
                             ptrdiff_t columnB, T beta, T *c, ptrdiff_t ldc) {
  if (m <= 0 || n <= 0) return;
  if (k <= 0) {  // a sum of nothing
    for (ptrdiff_t i = 0; i < m; i++)
      for (ptrdiff_t j = 0; j < n; j++) c[i * ldc + j] = beta == 0 ? 0 : beta * c[i * ldc + j];
    return;
  }
  // A column of C is a row of its transpose, which fills the registers.
  if (n == 1 && ldc == 1 && m > 1) {
    NAME(kernel_product_at)(level, 1, m, k, alpha, b, columnB, rowB, a, columnA, rowA, beta, c, m);
    return;
  }
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
#undef TILE_ROWS
