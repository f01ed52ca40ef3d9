/* Convolution without a matrix of columns: kernels/correlate.h, for windows over two axes. conv.c asks first whether the
 * problem suits it. */
#ifndef WG_OPS_CONV_DIRECT_H
#define WG_OPS_CONV_DIRECT_H

#include "kernels/isa.h"
#include "kernels/window.h"
#include "wengert/op.h"

/* Which of the three arrays of the trilinear form in conv.c is the result. */
typedef enum conv_role { CONV_FORWARD, CONV_TRANSPOSE, CONV_WEIGHT, CONV_ROLES } conv_role;

typedef struct wg_conv_direct {
    /* set by the caller */
    const wg_call *call;
    wg_isa isa;
    conv_role role;
    bool f64;
    size_t images, groups, in_channels, out_channels; /* channels per group */
    wg_kernel_window window;
    /* set by open */
    size_t bytes;                    /* of scratch */
    size_t element, ins, outs, taps; /* channels that are read, and those that come out */
    size_t parts;                    /* among the threads */
    size_t band, bands, ld; /* output rows that are laid out together; elements from row to row of what is laid */
    size_t table_bytes, packed_bytes; /* what the parts have in common */
    size_t laid_bytes, turned_bytes, part_bytes;
    char *scratch;
    const void *packed; /* of the group at hand */
    size_t group;
} wg_conv_direct;

/* Whether the problem suits; then everything is set. */
bool wg_conv_direct_open(wg_conv_direct *d);

/* Whether the values suit: a transposed convolution's input has no padding, so no infinite or NaN weight may meet the zeros
 * that are laid around it here. */
bool wg_conv_direct_promises(const wg_conv_direct *d);

/* Writes, or adds, the result. scratch has d->bytes. */
void wg_conv_direct_run(wg_conv_direct *d, void *scratch);

#endif
