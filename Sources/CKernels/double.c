#include "CKernels.h"
#define T double
#define I int64_t
#define U uint64_t
#define NAME(f) f##_f64
#define MATH(name) name
#define EXP_HIGH 709.782712893384
#define EXP_LOW -746.0
#define LOG2_E 1.44269504088896340736
#define LN2_HIGH 6.93145751953125e-1
#define LN2_LOW 1.42860682030941723212e-6
#define ROUNDER 6755399441055744.0 /* 1.5 * 2^52 */
#define EXPONENT_BIAS 1023
#define MANTISSA_BITS 52
#define SMALLEST_NORMAL 2.2250738585072014e-308
#define ROOT_HALF_BITS 0x3fe6a09e667f3bcdu
#define TANH_LIMIT 22.0
#define EXPM1_POLYNOMIAL(r)                                                                        \
  (r + r * r * (1.0 / 2 + r * (1.0 / 6 + r * (1.0 / 24 + r * (1.0 / 120 + r * (1.0 / 720 +         \
   r * (1.0 / 5040 + r * (1.0 / 40320 + r * (1.0 / 362880 + r * (1.0 / 3628800 +                   \
   r * (1.0 / 39916800 + r * (1.0 / 479001600 + r / 6227020800.0))))))))))))
#define ATANH_POLYNOMIAL(z)                                                                        \
  (z * (2.0 / 3 + z * (2.0 / 5 + z * (2.0 / 7 + z * (2.0 / 9 + z * (2.0 / 11 + z * (2.0 / 13 +     \
   z * (2.0 / 15 + z * (2.0 / 17 + z * (2.0 / 19 + z * (2.0 / 21)))))))))))
#define RUNS_V3 4 /* runs turned at once, a register of that level */
#define PANEL KERNEL_PANEL_F64
#include "kernels.h"
#include "windows.h"
#include "products.h"
