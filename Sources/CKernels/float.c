#include "CKernels.h"
#define T float
#define I int32_t
#define NAME(f) f##_f32
#define MATH(name) name##f
#define EXP_HIGH 88.72284f
#define EXP_LOW -104.0f
#define LOG2_E 1.44269504088896341f
#define LN2_HIGH 0.693359375f
#define LN2_LOW -2.12194440e-4f
#define ROUNDER 12582912.0f /* 1.5 * 2^23: adding it rounds to an integer */
#define EXPONENT_BIAS 127
#define MANTISSA_BITS 23
#define TANH_LIMIT 10.0f
#define EXPM1_POLYNOMIAL(r)                                                                        \
  (r + r * r * (0.5f + r * (1.6666667e-1f + r * (4.1666642e-2f + r * (8.3333583e-3f +              \
   r * (1.3904466e-3f + r * 1.9841270e-4f))))))
#define PANEL KERNEL_PANEL_F32
#include "kernels.h"
