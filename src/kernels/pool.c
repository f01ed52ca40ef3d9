/* Pooling: how a row is laid out, the generic source, pool.inc, compiled for each real type and instruction set, and the
 * choice among them.
 *
 * A row of windows sees some rows of the input, each through the same taps. Of such a row, padding included, window k sees
 * through tap q the place k step + q dilation. Neighbouring windows see neighbours in memory once the row is taken apart into
 * phases, one for each remainder of a place by the step: then a tap of all windows is one piece of one phase, and the loops
 * run along windows, whatever the step. */
#include "pool.h"

#include <math.h>
#include <string.h>

#include "vector.h"

enum {
    KERNEL_POOL_SLACK = 32, /* elements that whole vectors may reach past an end */
    KERNEL_POOL_ROWS = 16,  /* rows of windows that are laid out together: to read what was just written takes long */
    KERNEL_POOL_PART = 16   /* at least so many terms of a sum make a part */
};

/* ---- a row ------------------------------------------------------------------------------------------------------------- */

static size_t kernel_pool_ceiling(size_t a, size_t b) { return b == 1 ? a : a / b + (a % b != 0); }

static size_t kernel_pool_divisor(size_t a, size_t b)
{
    while (b) {
        size_t rest = a % b;
        a = b, b = rest;
    }
    return a;
}

/* The length of a part: about the square root of the number of terms, so that rounding grows no faster than that. */
static size_t kernel_pool_part(size_t terms)
{
    size_t length = KERNEL_POOL_PART;
    while (length < terms / length) length *= 2;
    return length;
}

/* Windows of two by two, side by side, from the first input on. */
static bool kernel_pool_is_pairs(const wg_kernel_window *w)
{
    bool pairs = w->kernel[0] == 1 && w->padding[0] == 0 && w->stride[0] == 1 && w->in[0] == w->out[0];
    for (size_t d = 1; d < 3; d++)
        pairs = pairs && w->kernel[d] == 2 && w->stride[d] == 2 && w->padding[d] == 0 && w->dilation[d] == 1 &&
                w->out[d] == w->in[d] / 2;
    return pairs;
}

/* Fields of a plan, along a row: `taps` taps from number `first` on may see something. A row laid out is `lead` places of
 * padding, then `body` inputs from number `skip` on, then padding, in `phases` of `length` elements; a tap is at most
 * `lag` elements further in its phase than its window. Taps that are `round` apart have the same phase, and there are
 * `advance` elements between them. `single`: there is one window. Sums have parts of `part` terms. */
wg_kernel_pool wg_kernel_pool_plan(const wg_kernel_window *w, bool inside)
{
    wg_kernel_pool p = {.window = *w, .inside = inside};
    size_t padding = w->padding[2], dilation = w->dilation[2], windows = w->out[2];
    size_t last = windows ? (windows - 1) * w->stride[2] : 0;
    p.first = last < padding ? kernel_pool_ceiling(padding - last, dilation) : 0;
    size_t end = kernel_pool_ceiling(padding + w->in[2], dilation);
    p.taps = (end < w->kernel[2] ? end : w->kernel[2]) - p.first;
    size_t start = p.first * dilation, span = (p.taps - 1) * dilation + 1, line = last + span;
    p.lead = padding > start ? padding - start : 0;
    p.skip = start > padding ? start - padding : 0;
    p.body = w->in[2] - p.skip < line - p.lead ? w->in[2] - p.skip : line - p.lead;
    p.single = windows == 1 && dilation == 1;
    p.step = windows > 1 ? w->stride[2] : 1;
    p.phases = p.step < span || p.step == 2 ? p.step : span;
    p.lag = (span - 1) / p.step;
    p.length = windows + p.lag;
    p.row = p.phases * p.length;
    p.round = p.step / kernel_pool_divisor(p.step, dilation);
    p.advance = p.round * dilation / p.step;
    size_t rows = w->kernel[0] < w->in[0] ? w->kernel[0] : w->in[0];
    rows *= w->kernel[1] < w->in[1] ? w->kernel[1] : w->in[1];
    p.part = kernel_pool_part(p.taps > rows ? p.taps : rows);
    p.pairs = kernel_pool_is_pairs(w);
    return p;
}

/* The elements from one row of windows to the next, with as many zeros on both sides as inputs at the ends see. */
static size_t kernel_pool_pitch(const wg_kernel_pool *p) { return p->window.out[2] + 2 * p->lag; }

/* Those of all inputs of a plane laid out, and of all its windows, or rows of windows for each row of inputs. */
static size_t kernel_pool_laid(const wg_kernel_pool *p)
{
    return p->window.in[0] * p->window.in[1] * p->row + KERNEL_POOL_SLACK;
}
static size_t kernel_pool_windows(const wg_kernel_pool *p)
{
    return p->window.out[0] * p->window.out[1] * kernel_pool_pitch(p) + KERNEL_POOL_SLACK;
}
static size_t kernel_pool_seers(const wg_kernel_pool *p)
{
    return p->window.in[0] * p->window.in[1] * kernel_pool_pitch(p) + KERNEL_POOL_SLACK;
}

/* Rows of a plane: `depths` times `heights`, from an element on. */
typedef struct kernel_pool_rows {
    size_t first, depths, heights, deeper, lower; /* elements between them */
} kernel_pool_rows;

/* What the scratch begins with: for each row of windows the rows of inputs that it sees and, for the adjoints, for each row of
 * inputs the rows of windows that see it, backwards. */
typedef struct kernel_pool_tables {
    const kernel_pool_rows *seen, *seers;
    void *rest;
} kernel_pool_tables;

size_t wg_kernel_pool_scratch(const wg_kernel_pool *p, size_t element, wg_kernel_pool_use use)
{
    const wg_kernel_window *w = &p->window;
    if (p->pairs && use != WG_KERNEL_POOL_COLLECT) return 0;
    size_t row = p->row + KERNEL_POOL_SLACK, widths = w->out[2] + KERNEL_POOL_SLACK, elements;
    size_t rows = w->out[0] * w->out[1] + (use == WG_KERNEL_POOL_FOLD ? 0 : w->in[0] * w->in[1]);
    if (use == WG_KERNEL_POOL_UNMEAN)
        elements = kernel_pool_laid(p) + row + kernel_pool_windows(p) + kernel_pool_seers(p) + widths;
    else if (use != WG_KERNEL_POOL_FOLD)
        elements = 2 * kernel_pool_laid(p) + 2 * row + 2 * kernel_pool_windows(p);
    else
        elements = KERNEL_POOL_ROWS * p->row + KERNEL_POOL_SLACK + widths;
    return rows * sizeof(kernel_pool_rows) + elements * element;
}

/* A walk over the taps: the element of a row laid out that window 0 sees. */
typedef struct kernel_pool_tap {
    size_t phase, at;
} kernel_pool_tap;

static inline kernel_pool_tap kernel_pool_tap_start(void) { return (kernel_pool_tap){0, 0}; }

static inline void kernel_pool_tap_next(const wg_kernel_pool *p, kernel_pool_tap *tap)
{
    size_t dilation = p->window.dilation[2];
    if (dilation < p->step) { /* the usual case, without a division */
        tap->phase += dilation;
    } else {
        tap->phase += dilation % p->step;
        tap->at += dilation / p->step;
    }
    if (tap->phase >= p->step) tap->phase -= p->step, tap->at++;
}

/* ---- windows over the other axes --------------------------------------------------------------------------------------- */

/* The inputs along one axis that the window at output p sees: the first, and how many. */
typedef struct kernel_pool_seen {
    size_t first, count;
} kernel_pool_seen;

static kernel_pool_seen kernel_pool_see(const wg_kernel_window *w, size_t axis, size_t p)
{
    size_t padding = w->padding[axis], dilation = w->dilation[axis], start = p * w->stride[axis];
    size_t low = start < padding ? kernel_pool_ceiling(padding - start, dilation) : 0;
    size_t high = kernel_pool_ceiling(padding + w->in[axis] - start, dilation);
    if (high > w->kernel[axis]) high = w->kernel[axis];
    return (kernel_pool_seen){start + low * dilation - padding, high - low};
}

/* The windows along one axis that see the input i: `first`, and so many each `step` before the other. */
typedef struct kernel_pool_seer {
    size_t first, count, step;
} kernel_pool_seer;

static kernel_pool_seer kernel_pool_seen_by(const wg_kernel_window *w, size_t axis, size_t i)
{
    size_t at = i + w->padding[axis], stride = w->stride[axis], dilation = w->dilation[axis];
    size_t round = stride / kernel_pool_divisor(stride, dilation), tap = dilation == 1 ? at % stride : 0;
    kernel_pool_seer seer = {0, 0, round * dilation / stride};
    while (tap < round && tap * dilation <= at && (at - tap * dilation) % stride) tap++;
    if (tap >= round || tap >= w->kernel[axis] || tap * dilation > at) return seer;
    size_t window = (at - tap * dilation) / stride, count = (w->kernel[axis] - tap - 1) / round + 1;
    size_t late = window < w->out[axis] ? 0 : kernel_pool_ceiling(window - w->out[axis] + 1, seer.step);
    if (late >= count || late * seer.step > window) return seer;
    seer.first = window - late * seer.step;
    seer.count = count - late;
    if (seer.count > seer.first / seer.step + 1) seer.count = seer.first / seer.step + 1;
    return seer;
}

/* Fills them; rows of inputs have `row` elements. */
static kernel_pool_tables kernel_pool_tabulate(
    const wg_kernel_pool *p, wg_kernel_pool_use use, size_t row, void *scratch)
{
    const wg_kernel_window *w = &p->window;
    kernel_pool_rows *to = scratch;
    kernel_pool_tables tables = {.seen = to};
    for (size_t i = 0; i < w->out[0]; i++)
        for (size_t j = 0; j < w->out[1]; j++) {
            kernel_pool_seen d = kernel_pool_see(w, 0, i), h = kernel_pool_see(w, 1, j);
            size_t slice = w->in[1] * row;
            *to++ = (kernel_pool_rows){
                d.first * slice + h.first * row, d.count, h.count, w->dilation[0] * slice, w->dilation[1] * row};
        }
    tables.seers = to;
    size_t pitch = kernel_pool_pitch(p), slice = w->out[1] * pitch;
    for (size_t i = 0; use != WG_KERNEL_POOL_FOLD && i < w->in[0]; i++)
        for (size_t j = 0; j < w->in[1]; j++) {
            kernel_pool_seer d = kernel_pool_seen_by(w, 0, i), h = kernel_pool_seen_by(w, 1, j);
            *to++ =
                (kernel_pool_rows){d.first * slice + h.first * pitch, d.count, h.count, d.step * slice, h.step * pitch};
        }
    tables.rest = to;
    return tables;
}

/* How many taps of the window at output p count along one axis; there is no dilation. */
static size_t kernel_pool_extent(const wg_kernel_pool *pool, size_t axis, size_t p)
{
    const wg_kernel_window *w = &pool->window;
    size_t padding = w->padding[axis], start = p * w->stride[axis], end = start + w->kernel[axis];
    size_t low = pool->inside ? padding : 0, high = padding + w->in[axis] + (pool->inside ? 0 : padding);
    if (start < low) start = low;
    if (end > high) end = high;
    return end - start;
}

/* ---- for each type and instruction set --------------------------------------------------------------------------------- */

#define NARROW
#define SOURCE "pool.inc"
#include "each.inc"

#define POOL(type, REAL)                                                                                               \
    void wg_kernel_pool_max_##type(                                                                                    \
        wg_isa isa, const wg_kernel_pool *p, size_t planes, const REAL *in, REAL *out, void *scratch)                  \
    {                                                                                                                  \
        CHOOSE(pool_max, type)(p, planes, in, out, scratch);                                                           \
    }                                                                                                                  \
    void wg_kernel_pool_spread_##type(wg_isa isa, const wg_kernel_pool *p, size_t planes, const REAL *g,               \
        const REAL *in, const REAL *max, REAL *to, bool add, void *scratch)                                            \
    {                                                                                                                  \
        CHOOSE(pool_spread, type)(p, planes, g, in, max, to, add, scratch);                                            \
    }                                                                                                                  \
    void wg_kernel_pool_collect_##type(wg_isa isa, const wg_kernel_pool *p, size_t planes, const REAL *from,           \
        const REAL *in, const REAL *max, REAL *mean, void *scratch)                                                    \
    {                                                                                                                  \
        CHOOSE(pool_collect, type)(p, planes, from, in, max, mean, scratch);                                           \
    }                                                                                                                  \
    void wg_kernel_pool_mean_##type(                                                                                   \
        wg_isa isa, const wg_kernel_pool *p, size_t planes, const REAL *in, REAL *mean, void *scratch)                 \
    {                                                                                                                  \
        CHOOSE(pool_mean, type)(p, planes, in, mean, scratch);                                                         \
    }                                                                                                                  \
    void wg_kernel_pool_unmean_##type(                                                                                 \
        wg_isa isa, const wg_kernel_pool *p, size_t planes, const REAL *g, REAL *to, bool add, void *scratch)          \
    {                                                                                                                  \
        CHOOSE(pool_unmean, type)(p, planes, g, to, add, scratch);                                                     \
    }
POOL(f32, float)
POOL(f64, double)

#undef POOL
#undef CHOOSE
