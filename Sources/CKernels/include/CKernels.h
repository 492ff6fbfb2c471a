// Bulk loops over contiguous scalars that must use the widest vectors of the machine.
//
// SwiftPM compiles Swift for the oldest processor of an architecture, and a library may not change
// that. These loops are compiled once for each level of x86-64 and the loader picks the one that
// fits; elsewhere the compiler's default is used. Every function exists for float (_f32) and double
// (_f64). Pointers of one call do not overlap, except that the output of an elementwise function or
// of softmax may be exactly an input.
#ifndef PALIMPSEST_CKERNELS_H
#define PALIMPSEST_CKERNELS_H
#include <stddef.h>
#include <stdint.h>

// Whether the loops are compiled for several levels.
#if defined(__x86_64__) && defined(__linux__) && defined(__clang__)
#define KERNEL_LEVELS 1
#else
#define KERNEL_LEVELS 0
#endif

// The level that this machine runs: "x86-64-v4", "x86-64-v3", "arm64" or "baseline".
const char *kernel_level(void);

// The same as a number: this and all lower levels can run.
enum { KERNEL_BASELINE, KERNEL_V3, KERNEL_V4 };
int kernel_level_number(void);

// Elementwise functions of one argument.
enum {
  KERNEL_NEGATE, KERNEL_EXP, KERNEL_LOG, KERNEL_TANH, KERNEL_SIGMOID, KERNEL_RELU, KERNEL_STEP,
  KERNEL_ERF, KERNEL_SQRT, KERNEL_RECIPROCAL, KERNEL_SQUARE, KERNEL_COPY, KERNEL_ABS, KERNEL_SIGN,
  KERNEL_FLOOR, KERNEL_CEIL, KERNEL_TRUNCATE, KERNEL_ROUND, KERNEL_EXPM1, KERNEL_LOG1P, KERNEL_SIN,
  KERNEL_COS, KERNEL_TAN, KERNEL_ASIN, KERNEL_ACOS, KERNEL_ATAN, KERNEL_SINH, KERNEL_COSH,
  KERNEL_ASINH, KERNEL_ACOSH, KERNEL_ATANH,
};
// Elementwise functions of two arguments.
enum {
  KERNEL_ADD, KERNEL_SUBTRACT, KERNEL_MULTIPLY, KERNEL_DIVIDE, KERNEL_LESS, KERNEL_LESS_OR_EQUAL,
  KERNEL_EQUAL, KERNEL_MAXIMUM, KERNEL_MINIMUM, KERNEL_POWER, KERNEL_MASK,
};

// Windows along one axis of an image: window i has its element j at i * stride + j * dilation - low,
// which is inside the image where that is in 0 ..< extent.
typedef struct {
  ptrdiff_t extent, size, stride, dilation, low, windows;
} kernel_windows;

// Columns of a panel of kernel_sparse_product: four of the widest vectors.
enum { KERNEL_PANEL_F32 = 64, KERNEL_PANEL_F64 = 32 };

#define DECLARE(T, S)                                                                              \
  /* y[i] = f(x[i]) */                                                                             \
  void kernel_map_##S(int f, ptrdiff_t n, const T *x, T *y);                                       \
  /* z[r, c] = f(x[r * xr + c * xc], y[r * yr + c * yc]) for a row-major z [rows, columns]; xc and */\
  /* yc are 0 or 1. */                                                                             \
  void kernel_zip_##S(int f, ptrdiff_t rows, ptrdiff_t columns, const T *x, ptrdiff_t xr,          \
                      ptrdiff_t xc, const T *y, ptrdiff_t yr, ptrdiff_t yc, T *z);                 \
  /* y[i] = a * x[i] + b */                                                                        \
  void kernel_affine_##S(ptrdiff_t n, T a, const T *x, T b, T *y);                                 \
  /* y[i] += a * x[i], one rounding on machines with a fused multiply-add */                       \
  void kernel_axpy_##S(ptrdiff_t n, T a, const T *x, T *y);                                        \
  /* z[r, c] += a * x[r] * y[c] for a row-major z [rows, columns] */                               \
  void kernel_add_outer_##S(ptrdiff_t rows, ptrdiff_t columns, T a, const T *x, const T *y, T *z); \
  /* z[i] += (x[i] + c) * y[i] */                                                                  \
  void kernel_multiply_add_##S(ptrdiff_t n, const T *x, T c, const T *y, T *z);                    \
  /* z[i] *= x[i] + c */                                                                           \
  void kernel_multiply_by_sum_##S(ptrdiff_t n, const T *x, T c, T *z);                             \
  /* y[r] += sum of x[r, c]^2 in double, for a row-major [rows, columns]. */                       \
  void kernel_add_square_norms_##S(ptrdiff_t rows, ptrdiff_t columns, const T *x, double *y);      \
  /* y[r, :] *= a[r] */                                                                            \
  void kernel_scale_rows_##S(ptrdiff_t rows, ptrdiff_t columns, const T *a, T *y);                 \
  /* sums += { sum x, sum |x|, sum x^2, sum |x| log |x| } in double. */                            \
  void kernel_add_moments_##S(ptrdiff_t n, const T *x, double *sums);                              \
  /* The number of elements that are not zero. */                                                  \
  ptrdiff_t kernel_count_nonzeros_##S(ptrdiff_t n, const T *x);                                    \
  /* Writes the places and values of x[i] <= low and x[i] >= high; returns how many. Both have */  \
  /* room for n + 1. */                                                                            \
  ptrdiff_t kernel_find_outside_##S(ptrdiff_t n, const T *x, double low, double high,              \
                                    int32_t *places, double *values);                              \
  /* Sums in a fixed order: sixteen interleaved partial sums, then a tree; fewer than sixteen */   \
  /* elements one after the other (sum only). */                                                   \
  T kernel_sum_##S(ptrdiff_t n, const T *x);                                                       \
  T kernel_dot_##S(ptrdiff_t n, const T *x, const T *y);                                           \
  /* z[r * stride] += kernel_dot of x[r, :] and y. */                                              \
  void kernel_add_dots_##S(ptrdiff_t rows, ptrdiff_t columns, const T *x, const T *y, T *z,        \
                           ptrdiff_t stride);                                                      \
  /* y[r] = kernel_sum of x[r, :]. */                                                              \
  void kernel_sum_rows_##S(ptrdiff_t rows, ptrdiff_t columns, const T *x, T *y);                   \
  /* y[b, c] = sum of x[b, r, c] over the rows r of each block, in their order. */                 \
  void kernel_sum_columns_##S(ptrdiff_t blocks, ptrdiff_t rows, ptrdiff_t columns, const T *x,     \
                              T *y);                                                               \
  /* The largest element, -infinity where n = 0; NaN where any is NaN. */                          \
  T kernel_max_##S(ptrdiff_t n, const T *x);                                                       \
  /* 0 where any element is NaN or infinite, else 1. */                                            \
  int kernel_all_finite_##S(ptrdiff_t n, const T *x);                                              \
  /* y[r] = log of the sum of exp x[r, :] for a row-major [rows, columns]. No overflow; a row */   \
  /* without columns gives -infinity, one with +infinity or NaN that same value. */                \
  void kernel_log_sum_exp_##S(ptrdiff_t rows, ptrdiff_t columns, const T *x, T *y);                \
  /* y[r, :] = softmax of x[r, :]; NaN where the largest logit is infinite. */                     \
  void kernel_softmax_##S(ptrdiff_t rows, ptrdiff_t columns, const T *x, T *y);                    \
  /* y[r] = -log softmax(x[r, :])[label[r]]; 0 where the label is negative. */                     \
  void kernel_cross_entropy_##S(ptrdiff_t rows, ptrdiff_t columns, const T *x,                     \
                                const int32_t *labels, T *y);                                      \
  /* y[r, :] = softmax(x[r, :]) - onehot(label[r]), the entry of the label as minus the sum of the */\
  /* others, so that no digit cancels; a row of zeros where the label is negative. */              \
  void kernel_cross_entropy_gradient_##S(ptrdiff_t rows, ptrdiff_t columns, const T *x,            \
                                         const int32_t *labels, T *y);                             \
  /* y[c, r] = x[r, c] with row strides ldx, ldy. */                                               \
  void kernel_transpose_##S(ptrdiff_t rows, ptrdiff_t columns, const T *x, ptrdiff_t ldx, T *y,    \
                            ptrdiff_t ldy);                                                        \
  /* Nonzeros of x[r, :] (row stride ldx) to index/value; row r is start[r] ..< start[r + 1]. */   \
  /* index and value have room for rows * columns. Returns the number of nonzeros. */              \
  ptrdiff_t kernel_compress_##S(ptrdiff_t rows, ptrdiff_t columns, const T *x, ptrdiff_t ldx,      \
                                int32_t *index, T *value, ptrdiff_t *start);                       \
  /* y[r, 0 ..< n] = sum over the nonzeros of row r of value * panel[index, 0 ..< n], added in */    \
  /* the order of the columns, for a panel [columns, KERNEL_PANEL_...] and n at most that wide. */    \
  void kernel_sparse_product_##S(ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t n,                   \
                                 const int32_t *index, const T *value, const ptrdiff_t *start,     \
                                 const T *panel, T *y, ptrdiff_t ldy);                             \
  /* C = alpha A B + beta C for C [m, n] with rows ldc apart and operands with steps from row to */  \
  /* row and from column to column; B's rows or its columns are runs. C is not read for beta 0. */ \
  void kernel_product_##S(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, T alpha, const T *a,              \
                          ptrdiff_t rowA, ptrdiff_t columnA, const T *b, ptrdiff_t rowB,           \
                          ptrdiff_t columnB, T beta, T *c, ptrdiff_t ldc);                         \
  /* The same by the loops of one level, for tests. */                                             \
  void kernel_product_at_##S(int level, ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, T alpha,            \
                             const T *a, ptrdiff_t rowA, ptrdiff_t columnA, const T *b,            \
                             ptrdiff_t rowB, ptrdiff_t columnB, T beta, T *c, ptrdiff_t ldc);      \
  /* Images are [planes, r.extent, c.extent]; each plane goes by itself. */                        \
  /* y[p, (i, j), (m, n)] = element (i, j) of window (m, n) of plane p, 0 outside the image. */    \
  void kernel_unfold_##S(ptrdiff_t planes, kernel_windows r, kernel_windows c, const T *x, T *y);  \
  /* The transpose: each element of a window is added to its place in the image. */                \
  void kernel_fold_##S(ptrdiff_t planes, kernel_windows r, kernel_windows c, const T *x, T *y);    \
  /* y[p, (m, n)] = the largest element of window (m, n); NaN where one is NaN, -infinity where */ \
  /* all lie outside the image. */                                                                 \
  void kernel_max_pool_##S(ptrdiff_t planes, kernel_windows r, kernel_windows c, const T *x, T *y); \
  /* The element of v where x has the first largest element of each window; 0 where there is none. */\
  void kernel_window_select_##S(ptrdiff_t planes, kernel_windows r, kernel_windows c, const T *x,  \
                                const T *v, T *y);                                                 \
  /* The transpose: each element of v is added to that place in an image of zeros. */              \
  void kernel_window_scatter_##S(ptrdiff_t planes, kernel_windows r, kernel_windows c, const T *x, \
                                 const T *v, T *y);

// Tells the processor that the caller waits in a loop.
static inline void kernel_pause(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

DECLARE(float, f32)
DECLARE(double, f64)
#undef DECLARE
#endif
