#include "CKernels.h"

const char *kernel_level(void) {
#if KERNEL_LEVELS
  __builtin_cpu_init();
  if (__builtin_cpu_supports("x86-64-v4")) return "x86-64-v4";
  if (__builtin_cpu_supports("x86-64-v3")) return "x86-64-v3";
#endif
#if defined(__aarch64__)
  return "arm64";
#else
  return "baseline";
#endif
}
