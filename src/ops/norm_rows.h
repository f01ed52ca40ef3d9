/* The op that normalises rows, which several of the normalisations rest on. */
#ifndef WG_OPS_NORM_ROWS_H
#define WG_OPS_NORM_ROWS_H

#include "tape/list.h"

/* The op's attributes. */
typedef struct wg_norm_rows {
    double epsilon;
    bool center; /* means are taken off */
} wg_norm_rows;

/* Of x (m, n) and, if they are given, weight (n) and bias (n): y weight + bias, for rows y of mean 0 and mean square 1. */
extern const wg_op wg_norm_op_rows;

/* y weight + bias as elementwise ops, for a weight and a bias that may be left out. */
wg_var wg_norm_affine(wg_var y, wg_var weight, wg_var bias);

#endif
