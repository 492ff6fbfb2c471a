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
#define RUNS_V3 8 /* runs turned at once, a register of that level */
#define PANEL KERNEL_PANEL_F32
#define ERROR_FUNCTION error_function
// erf(x) = x P(z) for z = x^2 up to 15.5, beyond which it rounds to one. P is the interpolation of
// erf(x) / x at 19 Chebyshev points, good to 3e-10, in powers of s = 2z / 15.5 - 1; in double
// precision, so that only the last rounding is seen.
static const double error_polynomial[19] = {
    0.35918096729146143, -0.17934746485260311, 0.13356889370157188, -0.10887457543489742,
    0.090551880426573542, -0.07419265600672359, 0.058572263082491749, -0.043926392446328427,
    0.031067964666111746, -0.020690184663896501, 0.012865212064102977, -0.0073540310779048922,
    0.0040651486920182736, -0.0023468709487465596, 0.0011116583905645704, -0.00028432538979075733,
    0.00014146366430716701, -0.00017295890525069203, 6.4255258341812258e-05};
static inline __attribute__((always_inline)) float error_function(float x) {
  double v = x > 3.937f ? 3.937f : x < -3.937f ? -3.937f : x;
  double s = v * v * (2 / 15.5) - 1, p = error_polynomial[18];
#pragma GCC unroll 18
  for (int i = 17; i >= 0; i--) p = p * s + error_polynomial[i];
  return (float)(v * p);
}
#include "kernels.h"
#include "windows.h"
#include "products.h"
