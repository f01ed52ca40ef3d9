/* Triangular systems and triangles of matrices, as steps of other derivatives. */
#ifndef WG_OPS_LINALG_TRIANGULAR_H
#define WG_OPS_LINALG_TRIANGULAR_H

#include "ops/linalg/factor.h"

/* triangular_solve(a, b): op(T)^-1 b, T a triangle of a. The attribute is a wg_triangle. Leading axes broadcast. */
extern const wg_op wg_linalg_op_triangular_solve;

/* triangle(x): one triangle of x, its diagonal times a number, zeros elsewhere. Linear, and its own adjoint. */
typedef struct wg_linalg_part {
    bool upper;
    double diagonal;
} wg_linalg_part;
extern const wg_op wg_linalg_op_triangle;

#endif
