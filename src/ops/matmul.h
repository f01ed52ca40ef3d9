/* The matrix product as a step of other ops' derivatives. */
#ifndef WG_OPS_MATMUL_H
#define WG_OPS_MATMUL_H

#include "wengert/op.h"

/* op(a) op(b), each transposed or not: no copy is made. Leading axes broadcast. */
wg_term wg_matmul_step(wg_derivation *d, wg_term a, bool transpose_a, wg_term b, bool transpose_b);

/* The same given to input k, summed to its shape. */
void wg_matmul_give(wg_derivation *d, size_t k, wg_term a, bool transpose_a, wg_term b, bool transpose_b);

#endif
