/* The QR decomposition inside other ops' derivatives: lstsq's. */
#ifndef WG_OPS_LINALG_QR_H
#define WG_OPS_LINALG_QR_H

#include "ops/linalg/decompose.h"

/* Q and R, packed one after the other, of matrices with m >= n. */
extern const wg_op wg_qr_op_packed;

/* For an op whose first two inputs are the packed result and the matrix itself: its results as differentiable steps. */
wg_term wg_qr_step_q(wg_derivation *d);
wg_term wg_qr_step_r(wg_derivation *d);

/* R^-1, or an error in that name where R is singular: |R_kk| <= n eps max |R_ii|. */
wg_term wg_qr_step_inverse(wg_derivation *d, wg_term r);

#endif
