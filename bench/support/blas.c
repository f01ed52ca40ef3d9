/* See blas.h. */
#define _POSIX_C_SOURCE 200112L /* dlopen, unsetenv */

#include "support/blas.h"

#include "support/bench.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

/* A function's address; C has no conversion from void *. */
static bool blas_find(void *library, const char *name, void *function)
{
    void *symbol = dlsym(library, name);
    memcpy(function, &symbol, sizeof symbol);
    return symbol;
}

const bench_blas *bench_blas_open(void)
{
    static const char *const names[] = {"libopenblas.so.0", "libopenblas.so", "libopenblas.dylib"};
    static bench_blas blas;
    void *library = NULL;
    if (!bench_has_peers()) return NULL;
    if (blas.sgemm) return &blas;
    unsetenv("OPENBLAS_CORETYPE");
    unsetenv("OPENBLAS_L2_SIZE");
    for (size_t i = 0; i < sizeof names / sizeof *names && !library; i++) library = dlopen(names[i], RTLD_NOW);
    if (!library || !blas_find(library, "openblas_set_num_threads", &blas.set_threads) ||
        !blas_find(library, "cblas_dgemm", &blas.dgemm) || !blas_find(library, "cblas_sgemm", &blas.sgemm))
        return NULL;
    blas.set_threads(1);
    return &blas;
}
