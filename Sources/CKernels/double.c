#include "CKernels.h"
#define T double
#define I int64_t
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
#define TANH_LIMIT 22.0
#define EXPM1_POLYNOMIAL(r)                                                                        \
  (r + r * r * (1.0 / 2 + r * (1.0 / 6 + r * (1.0 / 24 + r * (1.0 / 120 + r * (1.0 / 720 +         \
   r * (1.0 / 5040 + r * (1.0 / 40320 + r * (1.0 / 362880 + r * (1.0 / 3628800 +                   \
   r * (1.0 / 39916800 + r * (1.0 / 479001600 + r / 6227020800.0))))))))))))
#define PANEL KERNEL_PANEL_F64
#include "kernels.h"
