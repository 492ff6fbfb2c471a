// The C interface of OpenBLAS, as it is. Debian keeps these headers in a folder that its
// pkg-config file names, Homebrew likewise.
#include <cblas.h>
