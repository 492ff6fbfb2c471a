#include "CKernels.h"
#define T float
#define I int32_t
#define U uint32_t
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
#define SMALLEST_NORMAL 1.17549435e-38f
#define ROOT_HALF_BITS 0x3f3504f3u
#define TANH_LIMIT 10.0f
#define EXPM1_POLYNOMIAL(r)                                                                        \
  (r + r * r * (0.5f + r * (1.6666667e-1f + r * (4.1666642e-2f + r * (8.3333583e-3f +              \
   r * (1.3904466e-3f + r * 1.9841270e-4f))))))
// 2 atanh(s) / s - 2 for z = s^2: 2z/3 + 2z^2/5 + ..., with |s| at most 0.172
#define ATANH_POLYNOMIAL(z)                                                                        \
  (z * (2.0f / 3 + z * (2.0f / 5 + z * (2.0f / 7 + z * (2.0f / 9 + z * (2.0f / 11))))))
#define PANEL KERNEL_PANEL_F32
#include "kernels.h"
#include "windows.h"
