// The loops of CKernels.h for one scalar type T; float.c and double.c say which.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#if KERNEL_LEVELS
#define WIDE __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define WIDE
#endif
#define INLINE static inline __attribute__((always_inline))

// The length of the runs in which products sum over an inner extent of k.
#define PRODUCT_RUN 256
INLINE ptrdiff_t NAME(product_run)(ptrdiff_t k) {
  ptrdiff_t runs = (k + PRODUCT_RUN - 1) / PRODUCT_RUN;
  return runs > 1 ? (k + runs - 1) / runs : k;
}

// MARK: exp, log and tanh without branches, so that they vectorise

INLINE T NAME(power_of_two)(I n) {  // n within the exponent's range
  I bits = (n + EXPONENT_BIAS) << MANTISSA_BITS;
  T y;
  memcpy(&y, &bits, sizeof y);
  return y;
}

// The nearest integer to x as a float and as an integer; |x| is far below 2^22.
INLINE T NAME(nearest)(T x, I *n) {
  T shifted = x + ROUNDER;
  I bits, bias;
  T rounder = ROUNDER;
  memcpy(&bits, &shifted, sizeof bits);
  memcpy(&bias, &rounder, sizeof bias);
  *n = bits - bias;
  return shifted - ROUNDER;
}

INLINE T NAME(exponential)(T x) {
  T z = x > EXP_HIGH ? EXP_HIGH : x;
  z = z < EXP_LOW ? EXP_LOW : z;
  I n;
  T k = NAME(nearest)(z * LOG2_E, &n);
  T r = (z - k * LN2_HIGH) - k * LN2_LOW;
  T e = 1 + EXPM1_POLYNOMIAL(r);
  I half = n >> 1;  // two factors, so that denormal results are reached
  T y = e * NAME(power_of_two)(half) * NAME(power_of_two)(n - half);
  y = x > EXP_HIGH ? (T)INFINITY : y;
  return x != x ? x : y;
}

// x = 2^k (1 + f) with 1 + f in [sqrt(1/2), sqrt(2)), and log(1 + f) = 2 atanh(s) for
// s = f / (2 + f), written so that f itself is added last.
INLINE T NAME(logarithm)(T x) {
  // A denormal is first brought up by one more power of two than it has digits.
  T up = NAME(power_of_two)(MANTISSA_BITS + 1);
  T normal = x < SMALLEST_NORMAL ? x * up : x;
  T k = x < SMALLEST_NORMAL ? -(T)(MANTISSA_BITS + 1) : 0;
  T rounder = ROUNDER, m, e;
  U bits, bias, one = (U)EXPONENT_BIAS << MANTISSA_BITS;
  memcpy(&bits, &normal, sizeof bits);
  memcpy(&bias, &rounder, sizeof bias);
  bits += one - ROOT_HALF_BITS;
  bias += (bits >> MANTISSA_BITS) - EXPONENT_BIAS;
  memcpy(&e, &bias, sizeof e);
  k += e - ROUNDER;  // the exponent, without a conversion of integers
  bits = (bits & (((U)1 << MANTISSA_BITS) - 1)) + ROOT_HALF_BITS;
  memcpy(&m, &bits, sizeof m);
  T f = m - 1, s = f / (2 + f), z = s * s, half = (T)0.5 * f * f;
  T y = k * LN2_HIGH + (f - (half - (s * (half + ATANH_POLYNOMIAL(z)) + k * LN2_LOW)));
  y = x == 0 ? (T)-INFINITY : y;
  y = x - x != 0 ? x : y;  // infinite or NaN
  return x < 0 ? (T)NAN : y;
}

// With u = 1 + x rounded, log(1 + x) is log(u) and what the rounding left out, over u.
INLINE T NAME(logarithm_of_one_plus)(T x) {
  T u = 1 + x, lost = x - (u - 1);
  T y = NAME(logarithm)(u);
  y = y - y == 0 ? y + lost / u : y;  // an infinite logarithm stays what it is
  return u == 1 ? x : y;              // and -0
}

INLINE T NAME(hyperbolic_tangent)(T x) {
  T a = x < 0 ? -x : x;
  a = a > TANH_LIMIT ? TANH_LIMIT : a;
  I n;
  T z = 2 * a;
  T k = NAME(nearest)(z * LOG2_E, &n);
  T r = (z - k * LN2_HIGH) - k * LN2_LOW;
  T p = NAME(power_of_two)(n);
  T m = p * EXPM1_POLYNOMIAL(r) + (p - 1);  // exp(2a) - 1 without cancellation
  T y = MATH(copysign)(m / (m + 2), x);  // -0 stays -0
  return x != x ? x : y;
}

// From exp(-|x|), which cannot overflow: the tail reaches the denormals.
INLINE T NAME(logistic)(T x) {
  T e = NAME(exponential)(x < 0 ? x : -x);
  return (x < 0 ? e : 1) / (1 + e);
}

// MARK: Elementwise

// The output may be exactly an input, which loops over equal places may do without a test.
#define IN_PLACE _Pragma("clang loop vectorize(assume_safety)")

#define CALLS(expression)                                                                          \
  for (ptrdiff_t i = 0; i < n; i++) {                                                              \
    T v = x[i];                                                                                    \
    y[i] = (expression);                                                                           \
  }                                                                                                \
  break;
#define LOOP(expression) IN_PLACE CALLS(expression)

WIDE void NAME(kernel_map)(int f, ptrdiff_t n, const T *x, T *y) {
  switch (f) {
  case KERNEL_NEGATE: LOOP(-v)
  case KERNEL_EXP: LOOP(NAME(exponential)(v))
  case KERNEL_LOG: LOOP(NAME(logarithm)(v))
  case KERNEL_TANH: LOOP(NAME(hyperbolic_tangent)(v))
  case KERNEL_SIGMOID: LOOP(NAME(logistic)(v))
  case KERNEL_RELU: LOOP(v < 0 ? 0 : v) /* NaN stays NaN */
  case KERNEL_STEP: LOOP(v != v ? v : (v > 0 ? (T)1 : (T)0))
#ifdef ERROR_FUNCTION
  case KERNEL_ERF: LOOP(ERROR_FUNCTION(v))
#else
  case KERNEL_ERF: CALLS(MATH(erf)(v))
#endif
  case KERNEL_SQRT: CALLS(MATH(sqrt)(v))
  case KERNEL_RECIPROCAL: LOOP(1 / v)
  case KERNEL_SQUARE: LOOP(v * v)
  case KERNEL_COPY: memmove(y, x, n * sizeof(T)); break;
  case KERNEL_ABS: LOOP(MATH(fabs)(v))
  case KERNEL_SIGN: LOOP(v != v ? v : (T)((v > 0) - (v < 0)))
  case KERNEL_FLOOR: LOOP(MATH(floor)(v))
  case KERNEL_CEIL: LOOP(MATH(ceil)(v))
  case KERNEL_TRUNCATE: LOOP(MATH(trunc)(v))
  case KERNEL_ROUND: LOOP(MATH(rint)(v)) /* halves to even */
  case KERNEL_EXPM1: CALLS(MATH(expm1)(v))
  case KERNEL_LOG1P: LOOP(NAME(logarithm_of_one_plus)(v))
  case KERNEL_SIN: CALLS(MATH(sin)(v))
  case KERNEL_COS: CALLS(MATH(cos)(v))
  case KERNEL_TAN: CALLS(MATH(tan)(v))
  case KERNEL_ASIN: CALLS(MATH(asin)(v))
  case KERNEL_ACOS: CALLS(MATH(acos)(v))
  case KERNEL_ATAN: CALLS(MATH(atan)(v))
  case KERNEL_SINH: CALLS(MATH(sinh)(v))
  case KERNEL_COSH: CALLS(MATH(cosh)(v))
  case KERNEL_ASINH: CALLS(MATH(asinh)(v))
  case KERNEL_ACOSH: CALLS(MATH(acosh)(v))
  case KERNEL_ATANH: CALLS(MATH(atanh)(v))
  }
}
#undef LOOP
#undef CALLS

#define EACH(loop, left, right, expression)                                                        \
  loop for (ptrdiff_t i = 0; i < columns; i++) {                                                   \
    T p = left, q = right;                                                                         \
    z[i] = (expression);                                                                           \
  }

// f of p and q, of which either may stay the same along a row.
#define ZIP_BY(loop, expression)                                                                   \
  for (ptrdiff_t r = 0; r < rows; r++, x += xr, y += yr, z += columns) {                           \
    T a = *x, b = *y;                                                                              \
    if (xc && yc) {                                                                                \
      EACH(loop, x[i], y[i], expression)                                                           \
    } else if (xc) {                                                                               \
      EACH(loop, x[i], b, expression)                                                              \
    } else if (yc) {                                                                               \
      EACH(loop, a, y[i], expression)                                                              \
    } else {                                                                                       \
      EACH(loop, a, b, expression)                                                                 \
    }                                                                                              \
  }                                                                                                \
  break;

#define ZIP(expression) ZIP_BY(IN_PLACE, expression)

WIDE void NAME(kernel_zip)(int f, ptrdiff_t rows, ptrdiff_t columns, const T *x, ptrdiff_t xr,
                           ptrdiff_t xc, const T *y, ptrdiff_t yr, ptrdiff_t yc, T *z) {
  if (rows == 0 || columns == 0) return;  // a scalar operand may not be there
  if (xr == xc * columns && yr == yc * columns) {
    columns *= rows;
    rows = 1;
  }
  switch (f) {
  case KERNEL_ADD: ZIP(p + q)
  case KERNEL_SUBTRACT: ZIP(p - q)
  case KERNEL_MULTIPLY: ZIP(p * q)
  case KERNEL_DIVIDE: ZIP(p / q)
  case KERNEL_LESS: ZIP(p < q ? (T)1 : (T)0)
  case KERNEL_LESS_OR_EQUAL: ZIP(p <= q ? (T)1 : (T)0)
  case KERNEL_EQUAL: ZIP(p == q ? (T)1 : (T)0)
  case KERNEL_MAXIMUM: ZIP(((p >= q) | (p != p)) ? p : q) /* NaN stays NaN */
  case KERNEL_MINIMUM: ZIP(((p <= q) | (p != p)) ? p : q)
  case KERNEL_POWER: ZIP_BY(, MATH(pow)(p, q))
  case KERNEL_MASK: ZIP(p != 0 ? q : (T)0)
  }
}
#undef EACH
#undef ZIP
#undef ZIP_BY

WIDE void NAME(kernel_affine)(ptrdiff_t n, T a, const T *x, T b, T *y) {
  IN_PLACE for (ptrdiff_t i = 0; i < n; i++) y[i] = a * x[i] + b;
}

WIDE void NAME(kernel_axpy)(ptrdiff_t n, T a, const T *x, T *y) {
  for (ptrdiff_t i = 0; i < n; i++) y[i] += a * x[i];
}

WIDE void NAME(kernel_add_outer)(ptrdiff_t rows, ptrdiff_t columns, T a, const T *x, const T *y,
                                T *z) {
  for (ptrdiff_t r = 0; r < rows; r++, z += columns) {
    T v = a * x[r];
    for (ptrdiff_t c = 0; c < columns; c++) z[c] += v * y[c];
  }
}

WIDE void NAME(kernel_multiply_add)(ptrdiff_t n, const T *x, T c, const T *y, T *z) {
  for (ptrdiff_t i = 0; i < n; i++) z[i] += (x[i] + c) * y[i];
}

WIDE void NAME(kernel_multiply_by_sum)(ptrdiff_t n, const T *x, T c, T *z) {
  for (ptrdiff_t i = 0; i < n; i++) z[i] *= x[i] + c;
}

WIDE void NAME(kernel_scale_rows)(ptrdiff_t rows, ptrdiff_t columns, const T *a, T *y) {
  for (ptrdiff_t r = 0; r < rows; r++, y += columns)
    for (ptrdiff_t c = 0; c < columns; c++) y[c] *= a[r];
}

WIDE void NAME(kernel_add_moments)(ptrdiff_t n, const T *x, double *sums) {
  double net[8] = {0}, gross[8] = {0}, squares[8] = {0}, logs[8] = {0};
  for (ptrdiff_t start = 0; start < n; start += 64) {
    ptrdiff_t count = n - start < 64 ? n - start : 64;
    T a[64] = {0}, log[64];
    for (ptrdiff_t i = 0; i < count; i++) a[i] = x[start + i] < 0 ? -x[start + i] : x[start + i];
    for (int i = 0; i < 64; i++) log[i] = a[i] > 0 ? NAME(logarithm)(a[i]) : 0;
    for (ptrdiff_t i = 0; i < count; i++) net[i % 8] += (double)x[start + i];
    for (int i = 0; i < 64; i += 8)
      for (int l = 0; l < 8; l++) {
        double v = (double)a[i + l];
        gross[l] += v;
        squares[l] += v * v;
        logs[l] += v * (double)log[i + l];
      }
  }
  for (int l = 0; l < 8; l++) {
    sums[0] += net[l];
    sums[1] += gross[l];
    sums[2] += squares[l];
    sums[3] += logs[l];
  }
}

WIDE ptrdiff_t NAME(kernel_count_nonzeros)(ptrdiff_t n, const T *x) {
  ptrdiff_t count = 0;
  for (ptrdiff_t i = 0; i < n; i++) count += x[i] != 0;
  return count;
}

WIDE ptrdiff_t NAME(kernel_find_outside)(ptrdiff_t n, const T *x, double low, double high,
                                         int32_t *places, double *values) {
  ptrdiff_t count = 0;
  // Most stretches hold nothing: one vector test passes over them.
  for (ptrdiff_t i = 0; i < n; i += 64) {
    ptrdiff_t end = i + 64 < n ? i + 64 : n;
    int any = 0;
    for (ptrdiff_t j = i; j < end; j++) any |= (x[j] <= low) | (x[j] >= high);
    if (!any) continue;
    for (ptrdiff_t j = i; j < end; j++) {
      places[count] = (int32_t)j;
      values[count] = x[j];
      count += (x[j] <= low) | (x[j] >= high);
    }
  }
  return count;
}

// MARK: Reductions in a fixed order

WIDE void NAME(kernel_add_square_norms)(ptrdiff_t rows, ptrdiff_t columns, const T *x, double *y) {
  for (ptrdiff_t r = 0; r < rows; r++, x += columns) {
    double s[16] = {0}, sum = 0;
    ptrdiff_t c = 0;
    for (; c + 16 <= columns; c += 16)
      for (int l = 0; l < 16; l++) s[l] += (double)x[c + l] * (double)x[c + l];
    for (int l = 0; c < columns; c++, l++) s[l] += (double)x[c] * (double)x[c];
    for (int l = 0; l < 16; l++) sum += s[l];
    y[r] += sum;
  }
}

INLINE T NAME(tree)(const T *s) {
  T a[8], b[4];
  for (int i = 0; i < 8; i++) a[i] = s[i] + s[i + 8];
  for (int i = 0; i < 4; i++) b[i] = a[i] + a[i + 4];
  return (b[0] + b[2]) + (b[1] + b[3]);
}

INLINE T NAME(total)(ptrdiff_t n, const T *x) {
  T s[16] = {0};
  ptrdiff_t i = 0;
  if (n < 16) {
    for (; i < n; i++) s[0] += x[i];
    return s[0];
  }
  for (; i + 16 <= n; i += 16)
    for (int l = 0; l < 16; l++) s[l] += x[i + l];
  for (int l = 0; i < n; i++, l++) s[l] += x[i];
  return NAME(tree)(s);
}

WIDE T NAME(kernel_sum)(ptrdiff_t n, const T *x) { return NAME(total)(n, x); }

WIDE void NAME(kernel_sum_rows)(ptrdiff_t rows, ptrdiff_t columns, const T *x, T *y) {
  for (ptrdiff_t r = 0; r < rows; r++) y[r] = NAME(total)(columns, x + r * columns);
}

// Sums of so many neighbouring columns, held in registers.
#define COLUMNS(width)                                                                             \
  for (; c + (width) <= columns; c += (width)) {                                                   \
    T s[width] = {0};                                                                              \
    for (ptrdiff_t r = 0; r < rows; r++)                                                           \
      for (int l = 0; l < (width); l++) s[l] += x[r * columns + c + l];                            \
    for (int l = 0; l < (width); l++) y[c + l] = s[l];                                             \
  }

WIDE void NAME(kernel_sum_columns)(ptrdiff_t blocks, ptrdiff_t rows, ptrdiff_t columns, const T *x,
                                   T *y) {
  for (ptrdiff_t b = 0; b < blocks; b++, x += rows * columns, y += columns) {
    ptrdiff_t c = 0;
    COLUMNS(32)
    COLUMNS(8)
    COLUMNS(1)
  }
}
#undef COLUMNS

INLINE T NAME(dot)(ptrdiff_t n, const T *x, const T *y) {
  T s[16] = {0};
  ptrdiff_t i = 0;
  for (; i + 16 <= n; i += 16)
    for (int l = 0; l < 16; l++) s[l] += x[i + l] * y[i + l];
  for (int l = 0; i < n; i++, l++) s[l] += x[i] * y[i];
  return NAME(tree)(s);
}

WIDE T NAME(kernel_dot)(ptrdiff_t n, const T *x, const T *y) { return NAME(dot)(n, x, y); }

WIDE void NAME(kernel_add_dots)(ptrdiff_t rows, ptrdiff_t columns, const T *x, const T *y, T *z,
                               ptrdiff_t stride) {
  for (ptrdiff_t r = 0; r < rows; r++) z[r * stride] += NAME(dot)(columns, x + r * columns, y);
}

// The larger of two; once m is NaN it stays so.
INLINE T NAME(larger)(T m, T x) { return ((x > m) | (x != x)) ? x : m; }

INLINE T NAME(largest)(ptrdiff_t n, const T *x) {
  T m = (T)-INFINITY;
  ptrdiff_t i = 0;
  if (n >= 16) {
    T s[16];
    for (int l = 0; l < 16; l++) s[l] = x[l];
    for (i = 16; i + 16 <= n; i += 16)
      for (int l = 0; l < 16; l++) s[l] = NAME(larger)(s[l], x[i + l]);
    for (int l = 0; l < 16; l++) m = NAME(larger)(m, s[l]);
  }
  for (; i < n; i++) m = NAME(larger)(m, x[i]);
  return m;
}

WIDE T NAME(kernel_max)(ptrdiff_t n, const T *x) { return NAME(largest)(n, x); }

WIDE int NAME(kernel_all_finite)(ptrdiff_t n, const T *x) {
  int bad = 0;
  for (ptrdiff_t i = 0; i < n; i++) {
    T d = x[i] - x[i];  // NaN for NaN and for the infinities
    bad |= d != 0;
  }
  return !bad;
}

// MARK: Rows of logits

// e[c] = exp(x[c] - shift); returns their sum.
INLINE T NAME(exponentials)(ptrdiff_t columns, const T *x, T shift, T *e) {
  for (ptrdiff_t c = 0; c < columns; c++) e[c] = NAME(exponential)(x[c] - shift);
  return NAME(total)(columns, e);
}

WIDE void NAME(kernel_log_sum_exp)(ptrdiff_t rows, ptrdiff_t columns, const T *x, T *y) {
  for (ptrdiff_t r = 0; r < rows; r++, x += columns) {
    T m = NAME(largest)(columns, x);
    if (m - m != 0) {  // infinite or NaN
      y[r] = m;
      continue;
    }
    T sum = 0, e[64];
    for (ptrdiff_t c = 0; c < columns; c += 64)
      sum += NAME(exponentials)(columns - c < 64 ? columns - c : 64, x + c, m, e);
    y[r] = m + NAME(logarithm)(sum);
  }
}

WIDE void NAME(kernel_softmax)(ptrdiff_t rows, ptrdiff_t columns, const T *x, T *y) {
  for (ptrdiff_t r = 0; r < rows; r++, x += columns, y += columns) {
    T sum = NAME(exponentials)(columns, x, NAME(largest)(columns, x), y);
    for (ptrdiff_t c = 0; c < columns; c++) y[c] /= sum;
  }
}

WIDE void NAME(kernel_cross_entropy)(ptrdiff_t rows, ptrdiff_t columns, const T *x,
                                     const int32_t *labels, T *y) {
  for (ptrdiff_t r = 0; r < rows; r++, x += columns) {
    ptrdiff_t l = labels[r];
    if (l < 0) {
      y[r] = 0;
      continue;
    }
    // log(1 + sum of the others' exp(x[c] - shift) / exp(x[l] - shift)): exact to the last digits
    // both where the label's logit is the largest and where it is far below it.
    T m = NAME(largest)(columns, x), others = 0, e[64];
    for (ptrdiff_t c = 0; c < columns; c += 64) {
      ptrdiff_t n = columns - c < 64 ? columns - c : 64;
      for (ptrdiff_t i = 0; i < n; i++) e[i] = NAME(exponential)(x[c + i] - m);
      if (l >= c && l < c + n) e[l - c] = 0;
      others += NAME(total)(n, e);
    }
    T own = NAME(exponential)(x[l] - m);
    y[r] = x[l] == m ? NAME(logarithm_of_one_plus)(others)
                    : (m - x[l]) + NAME(logarithm)(others + own);
  }
}

WIDE void NAME(kernel_cross_entropy_gradient)(ptrdiff_t rows, ptrdiff_t columns, const T *x,
                                              const int32_t *labels, T *y) {
  for (ptrdiff_t r = 0; r < rows; r++, x += columns, y += columns) {
    ptrdiff_t l = labels[r];
    if (l < 0) {
      memset(y, 0, columns * sizeof(T));
      continue;
    }
    T sum = NAME(exponentials)(columns, x, NAME(largest)(columns, x), y);
    y[l] = 0;
    for (ptrdiff_t c = 0; c < columns; c++) y[c] /= sum;
    y[l] = -NAME(total)(columns, y);
  }
}

// MARK: Layout and sparse rows

WIDE void NAME(kernel_transpose)(ptrdiff_t rows, ptrdiff_t columns, const T *restrict x,
                                 ptrdiff_t ldx, T *restrict y, ptrdiff_t ldy) {
  for (ptrdiff_t r0 = 0; r0 < rows; r0 += 16) {
    ptrdiff_t r1 = r0 + 16 < rows ? r0 + 16 : rows;
    for (ptrdiff_t c0 = 0; c0 < columns; c0 += 16) {
      ptrdiff_t c1 = c0 + 16 < columns ? c0 + 16 : columns;
      for (ptrdiff_t c = c0; c < c1; c++)
        for (ptrdiff_t r = r0; r < r1; r++) y[c * ldy + r] = x[r * ldx + c];
    }
  }
}

WIDE ptrdiff_t NAME(kernel_compress)(ptrdiff_t rows, ptrdiff_t columns, const T *restrict x,
                                     ptrdiff_t ldx, int32_t *restrict index, T *restrict value,
                                     ptrdiff_t *restrict start) {
  ptrdiff_t n = 0;
  for (ptrdiff_t r = 0; r < rows; r++, x += ldx) {
    start[r] = n;
    // Most stretches are all zero: one vector test passes over them.
    for (ptrdiff_t c0 = 0; c0 < columns; c0 += 16) {
      ptrdiff_t end = c0 + 16 < columns ? c0 + 16 : columns;
      int any = 0;
      for (ptrdiff_t c = c0; c < end; c++) any |= x[c] != 0;
      if (!any) continue;
      for (ptrdiff_t c = c0; c < end; c++) {
        index[n] = (int32_t)c;
        value[n] = x[c];
        n += x[c] != 0;
      }
    }
  }
  start[rows] = n;
  return n;
}

// Rows that go through a run of columns before the next one is taken.
#define STRIP 256

// One run of a row: the nonzeros from k on whose column is below `limit`, times the panel; written to
// y or added to it. Returns the first nonzero that is not of the run. The sums are held in registers.
INLINE ptrdiff_t NAME(run_product)(ptrdiff_t n, ptrdiff_t k, ptrdiff_t end, ptrdiff_t limit,
                                   int isFirst, const int32_t *index, const T *value,
                                   const T *panel, T *restrict y) {
  T s[PANEL] = {0};
  for (; k < end && index[k] < limit; k++) {
    T v = value[k];
    const T *row = panel + (ptrdiff_t)index[k] * PANEL;
    for (ptrdiff_t j = 0; j < PANEL; j++) s[j] += v * row[j];
  }
  for (ptrdiff_t j = 0; j < n; j++) y[j] = isFirst ? s[j] : y[j] + s[j];
  return k;
}

WIDE void NAME(kernel_sparse_product)(ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t n,
                                      const int32_t *index, const T *value, const ptrdiff_t *start,
                                      const T *panel, T *y, ptrdiff_t ldy) {
  ptrdiff_t place[STRIP], run = NAME(product_run)(columns);
  for (ptrdiff_t r0 = 0; r0 < rows; r0 += STRIP) {
    ptrdiff_t count = rows - r0 < STRIP ? rows - r0 : STRIP;
    for (ptrdiff_t r = 0; r < count; r++) place[r] = start[r0 + r];
    ptrdiff_t first = 0;
    do {
      for (ptrdiff_t r = 0; r < count; r++) {
        T *own = y + (r0 + r) * ldy;
        ptrdiff_t end = start[r0 + r + 1], limit = first + run;
        if (n == PANEL)
          place[r] = NAME(run_product)(PANEL, place[r], end, limit, first == 0, index, value, panel,
                                       own);
        else
          place[r] =
              NAME(run_product)(n, place[r], end, limit, first == 0, index, value, panel, own);
      }
    } while ((first += run) < columns);
  }
}
