#include "CKernels.h"

int kernel_level_number(void) {
#if KERNEL_LEVELS
  __builtin_cpu_init();
  if (__builtin_cpu_supports("x86-64-v4")) return KERNEL_V4;
  if (__builtin_cpu_supports("x86-64-v3")) return KERNEL_V3;
#endif
  return KERNEL_BASELINE;
}

const char *kernel_level(void) {
  switch (kernel_level_number()) {
  case KERNEL_V4: return "x86-64-v4";
  case KERNEL_V3: return "x86-64-v3";
  }
#if defined(__aarch64__)
  return "arm64";
#else
  return "baseline";
#endif
}
