/* Scans as steps of other ops' derivatives. */
#ifndef WG_OPS_SCAN_H
#define WG_OPS_SCAN_H

#include "wengert/op.h"

/* In the order of the run, which reverse turns round: exclusive leaves out the element itself. */
enum { WG_SCAN_REVERSE = 1, WG_SCAN_EXCLUSIVE = 2 };

/* The attributes of a scan: the array's extents around the axis, or the run of axes, that it goes along. */
typedef struct wg_scan {
    size_t outer, extent, inner;
    size_t flags; /* WG_SCAN_... */
} wg_scan;

/* cumprod(x), with the attributes of a scan. */
extern const wg_op wg_scan_op_cumprod;

#endif
