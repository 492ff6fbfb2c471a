// LAPACKE passes complex numbers by value; without this define its header pulls in <complex.h>,
// which Swift cannot import. No complex routine is called.
#define lapack_complex_float float
#define lapack_complex_double double
#include <lapacke.h>
