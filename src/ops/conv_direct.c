/* Convolution without a matrix of columns.
 *
 * With steps of 1 the transposed convolution is a convolution too, of the output's cotangent, with the taps in reverse order
 * and the padding that completes the window. Both work in bands of output rows, so that what is laid out stays in the second
 * cache, and the bands are shared among the threads. The weights' adjoint is shared by input channels: each element is
 * summed over the images in their order, whoever does it. */
#include "ops/conv_direct.h"

#include "kernels/correlate.h"
#include "kernels/im2col.h"
#include "kernels/team.h"
#include "shape/shape.h"
#include "tape/list.h"

#include <string.h>

enum {
    CONV_DIRECT_LAID = 512 << 10,  /* bytes of a band */
    CONV_DIRECT_PADDED = 2 << 20,  /* bytes of an image's padded copy */
    CONV_DIRECT_REACH = 64,        /* taps times dilation along an axis, at most */
    CONV_DIRECT_LEAST_OUTS = 8,    /* fewer channels leave much of a tile empty */
    CONV_DIRECT_LEAST_COLUMNS = 64 /* in a band: fewer do not pay for reading the weights */
};

static size_t conv_direct_aligned(size_t bytes) { return (bytes + WG_ALIGNMENT - 1) / WG_ALIGNMENT * WG_ALIGNMENT; }

/* How far the last tap is from the first. */
static size_t conv_direct_reach(const wg_kernel_window *w, size_t axis)
{
    return (w->kernel[axis] - 1) * w->dilation[axis];
}

/* Whether the window goes over two axes, is more than a row, and its sizes are those of images. */
static bool conv_direct_is_image(const wg_kernel_window *w)
{
    if (w->kernel[0] != 1 || w->in[0] != 1 || w->padding[0] != 0 || w->kernel[1] < 2) return false;
    for (size_t d = 1; d < 3; d++) {
        if (w->kernel[d] > CONV_DIRECT_REACH || w->dilation[d] > CONV_DIRECT_REACH) return false;
        if (conv_direct_reach(w, d) > CONV_DIRECT_REACH || w->padding[d] > conv_direct_reach(w, d)) return false;
    }
    return true;
}

/* The work in nanoseconds, roughly. */
static double conv_direct_work(const wg_conv_direct *d)
{
    double products = (double)d->in_channels * (double)d->out_channels * (double)(d->taps * d->groups);
    return products * (double)d->images * (double)wg_kernel_window_outputs(&d->window) / (d->f64 ? 25 : 50);
}

/* ---- convolution and its transpose ------------------------------------------------------------------------------------- */

static void conv_direct_flip(wg_kernel_window *w)
{
    for (size_t d = 1; d < 3; d++) {
        size_t in = w->in[d];
        w->in[d] = w->out[d];
        w->out[d] = in;
        w->padding[d] = conv_direct_reach(w, d) - w->padding[d];
    }
}

static bool conv_direct_open_bands(wg_conv_direct *d)
{
    wg_kernel_window *w = &d->window;
    if (w->stride[1] != 1 || w->stride[2] != 1) return false;
    bool flipped = d->role == CONV_TRANSPOSE;
    d->ins = flipped ? d->out_channels : d->in_channels;
    d->outs = flipped ? d->in_channels : d->out_channels;
    if (flipped) conv_direct_flip(w);
    size_t more = conv_direct_reach(w, 1), most = CONV_DIRECT_LAID / d->element;
    if (d->ins > most / w->kernel[2] || w->out[2] > most / (d->ins * w->kernel[2])) return false;
    size_t rows = most / (d->ins * w->kernel[2] * w->out[2]);
    if (rows < 2 * more) return false;
    d->bands = (w->out[1] + rows - more - 1) / (rows - more);
    d->band = (w->out[1] + d->bands - 1) / d->bands;
    d->bands = (w->out[1] + d->band - 1) / d->band;
    d->ld = (d->band + more) * w->out[2];
    if (d->outs < CONV_DIRECT_LEAST_OUTS || d->band * w->out[2] < CONV_DIRECT_LEAST_COLUMNS) return false;
    size_t k = d->ins * d->taps, height = d->outs + WG_KERNEL_CORRELATE_ROWS;
    d->parts = wg_team_parts(d->call->tape->team, conv_direct_work(d), d->images * d->bands);
    d->table_bytes = conv_direct_aligned(k * sizeof(size_t));
    d->packed_bytes = conv_direct_aligned(height * k * d->element);
    d->part_bytes = conv_direct_aligned((d->ins * w->kernel[2] * d->ld + WG_KERNEL_CORRELATE_SLACK) * d->element);
    return true;
}

/* Where the row that meets a weight begins. */
static void conv_direct_offsets(const wg_conv_direct *d, size_t *offsets)
{
    const wg_kernel_window *w = &d->window;
    for (size_t c = 0; c < d->ins; c++)
        for (size_t h = 0; h < w->kernel[1]; h++)
            for (size_t q = 0; q < w->kernel[2]; q++)
                *offsets++ = (c * w->kernel[2] + q) * d->ld + h * w->dilation[1] * w->out[2];
}

static void conv_direct_pack(wg_conv_direct *d, void *packed)
{
    bool flipped = d->role == CONV_TRANSPOSE;
    size_t step = d->in_channels * d->taps;
    wg_kernel_weights weights = {d->outs, d->ins, d->taps, flipped ? d->taps : step, flipped ? step : d->taps, flipped};
    const char *w = (const char *)d->call->in[1].data + d->group * d->out_channels * step * d->element;
    wg_kernel_correlate_pack(d->isa, &weights, d->element, w, packed);
    d->packed = packed;
}

/* One plane seen through the width tap q, where rows of outputs are as wide as those of the input: the rows are one piece of
 * the input, moved by less than a row, and what comes from a neighbouring row is set to zero. */
static void conv_direct_move(const wg_conv_direct *d, const char *in, size_t first, size_t rows, size_t q, char *laid)
{
    const wg_kernel_window *w = &d->window;
    size_t width = w->in[2], row = width * d->element, at = q * w->dilation[2], pad = w->padding[2];
    size_t above = first < w->padding[1] ? w->padding[1] - first : 0, end = w->in[1] + w->padding[1] - first;
    size_t moved = at < pad ? pad - at : at - pad;
    if (end > rows) end = rows;
    if (above > end) above = end;
    if (moved > width) moved = width;
    memset(laid, 0, above * row);
    memset(laid + end * row, 0, (rows - end) * row);
    if (above == end) return;
    in += (first + above - w->padding[1]) * row;
    laid += above * row;
    size_t n = (end - above) * width, bytes = (n - moved) * d->element, skip = moved * d->element;
    memcpy(at < pad ? laid + skip : laid, at < pad ? in : in + skip, bytes);
    for (size_t i = at < pad ? 0 : width - moved, last = i + moved; i < last; i++)
        for (size_t j = i; j < n; j += width) {
            if (d->f64)
                ((double *)(void *)laid)[j] = 0;
            else
                ((float *)(void *)laid)[j] = 0;
        }
}

/* The rows of the input that a band sees, once for each width tap. */
static void conv_direct_lay(const wg_conv_direct *d, const char *in, size_t first, size_t rows, char *laid)
{
    const wg_kernel_window *w = &d->window;
    wg_kernel_window once = *w;
    once.kernel[1] = 1;
    once.out[1] = w->in[1] + 2 * w->padding[1];
    size_t seen = rows + conv_direct_reach(w, 1), from = first * w->out[2], count = seen * w->out[2];
    if (w->in[2] == w->out[2])
        for (size_t c = 0; c < d->ins; c++, in += wg_kernel_window_inputs(w) * d->element)
            for (size_t q = 0; q < w->kernel[2]; q++, laid += d->ld * d->element)
                conv_direct_move(d, in, first, seen, q, laid);
    else if (d->f64)
        wg_kernel_im2col_f64(d->isa, &once, d->ins, (const void *)in, from, count, (void *)laid, d->ld);
    else
        wg_kernel_im2col_f32(d->isa, &once, d->ins, (const void *)in, from, count, (void *)laid, d->ld);
}

static void conv_direct_band(const wg_conv_direct *d, size_t image, size_t band, void *laid)
{
    const wg_kernel_window *w = &d->window;
    size_t at = image * d->groups + d->group, first = band * d->band;
    size_t rows = w->out[1] - first < d->band ? w->out[1] - first : d->band;
    size_t inputs = wg_kernel_window_inputs(w), outputs = wg_kernel_window_outputs(w);
    const char *in = (const char *)d->call->in[0].data + at * d->ins * inputs * d->element;
    void *out = (char *)d->call->out + (at * d->outs * outputs + first * w->out[2]) * d->element;
    const size_t *offsets = (const void *)d->scratch;
    size_t k = d->ins * d->taps, n = rows * w->out[2];
    conv_direct_lay(d, in, first, rows, laid);
    if (d->f64)
        wg_kernel_correlate_f64(d->isa, d->outs, k, d->packed, laid, offsets, n, out, outputs, d->call->add);
    else
        wg_kernel_correlate_f32(d->isa, d->outs, k, d->packed, laid, offsets, n, out, outputs, d->call->add);
}

static char *conv_direct_part_scratch(const wg_conv_direct *d, size_t part)
{
    return d->scratch + d->table_bytes + d->packed_bytes + part * d->part_bytes;
}

static void conv_direct_bands(void *context, size_t part)
{
    const wg_conv_direct *d = context;
    size_t all = d->images * d->bands, last = wg_team_first(all, d->parts, part + 1);
    for (size_t i = wg_team_first(all, d->parts, part); i < last; i++)
        conv_direct_band(d, i / d->bands, i % d->bands, conv_direct_part_scratch(d, part));
}

/* ---- the weights' adjoint ---------------------------------------------------------------------------------------------- */

static bool conv_direct_open_weight(wg_conv_direct *d)
{
    const wg_kernel_window *w = &d->window;
    size_t most = CONV_DIRECT_PADDED / d->element, plane = 1;
    d->ins = d->in_channels;
    d->outs = d->out_channels;
    for (size_t axis = 1; axis < 3; axis++) {
        size_t extent = w->in[axis] + 2 * w->padding[axis];
        if (extent > most / plane || w->stride[axis] > CONV_DIRECT_REACH) return false;
        plane *= extent;
    }
    if (d->ins > most / plane || d->outs < 2 * CONV_DIRECT_LEAST_OUTS) return false;
    if (d->ins * d->taps < 2 * WG_KERNEL_CORRELATE_ROWS || w->out[2] > 4 * WG_KERNEL_CORRELATE_BLOCK) return false;
    size_t members = wg_team_size(d->call->tape->team);
    d->parts = wg_team_parts(d->call->tape->team, conv_direct_work(d), members < d->ins ? members : d->ins);
    size_t channels = (d->ins + d->parts - 1) / d->parts;
    wg_kernel_correlation c = {channels * d->taps, d->outs, w->out[1], w->out[2], 0, 0, NULL};
    d->table_bytes = conv_direct_aligned(d->ins * d->taps * sizeof(size_t));
    d->laid_bytes = conv_direct_aligned(channels * plane * d->element);
    d->turned_bytes = conv_direct_aligned(wg_kernel_correlate_turned(&c) * d->element);
    d->part_bytes = d->laid_bytes + d->turned_bytes + conv_direct_aligned(wg_kernel_correlate_sums(&c) * d->element);
    return true;
}

/* Where an element of a window is, from its corner in the padded copy. */
static void conv_direct_elements(const wg_conv_direct *d, size_t *offsets)
{
    const wg_kernel_window *w = &d->window;
    size_t height = w->in[1] + 2 * w->padding[1], width = w->in[2] + 2 * w->padding[2];
    for (size_t c = 0; c < d->ins; c++)
        for (size_t h = 0; h < w->kernel[1]; h++)
            for (size_t q = 0; q < w->kernel[2]; q++)
                *offsets++ = (c * height + h * w->dilation[1]) * width + q * w->dilation[2];
}

/* Copies the planes into those whose padding is zero already. */
static void conv_direct_pad(const wg_conv_direct *d, size_t channels, const char *in, char *padded)
{
    const wg_kernel_window *w = &d->window;
    size_t row = w->in[2] * d->element, width = row + 2 * w->padding[2] * d->element;
    for (size_t c = 0; c < channels; c++) {
        padded += w->padding[1] * width + w->padding[2] * d->element;
        for (size_t h = 0; h < w->in[1]; h++, in += row, padded += width) memcpy(padded, in, row);
        padded += w->padding[1] * width - w->padding[2] * d->element;
    }
}

/* The channels first and so on of the group at hand. */
static void conv_direct_channels(void *context, size_t part)
{
    const wg_conv_direct *d = context;
    const wg_kernel_window *w = &d->window;
    size_t first = wg_team_first(d->ins, d->parts, part), channels = wg_team_first(d->ins, d->parts, part + 1) - first;
    size_t width = w->in[2] + 2 * w->padding[2], k = d->ins * d->taps;
    size_t inputs = wg_kernel_window_inputs(w), outputs = wg_kernel_window_outputs(w);
    wg_kernel_correlation c = {channels * d->taps, d->outs, w->out[1], w->out[2], width * w->stride[1], w->stride[2],
        (const void *)d->scratch};
    char *padded = conv_direct_part_scratch(d, part);
    void *turned = padded + d->laid_bytes, *sums = padded + d->laid_bytes + d->turned_bytes;
    bool pads = w->padding[1] || w->padding[2];
    memset(sums, 0, wg_kernel_correlate_sums(&c) * d->element);
    if (pads) memset(padded, 0, d->laid_bytes);
    for (size_t image = 0; image < d->images; image++) {
        size_t at = image * d->groups + d->group;
        const char *x = (const char *)d->call->in[0].data + (at * d->ins + first) * inputs * d->element;
        const void *g = (const char *)d->call->in[1].data + at * d->outs * outputs * d->element;
        if (pads) conv_direct_pad(d, channels, x, padded);
        if (d->f64)
            wg_kernel_correlate_weights_f64(d->isa, &c, pads ? (const void *)padded : (const void *)x, g, turned, sums);
        else
            wg_kernel_correlate_weights_f32(d->isa, &c, pads ? (const void *)padded : (const void *)x, g, turned, sums);
    }
    void *out = (char *)d->call->out + (d->group * d->outs * k + first * d->taps) * d->element;
    if (d->f64)
        wg_kernel_correlate_finish_f64(d->isa, &c, sums, out, k, d->call->add);
    else
        wg_kernel_correlate_finish_f32(d->isa, &c, sums, out, k, d->call->add);
}

/* ---- for conv.c -------------------------------------------------------------------------------------------------------- */

bool wg_conv_direct_open(wg_conv_direct *d)
{
    if (!conv_direct_is_image(&d->window)) return false;
    d->element = d->f64 ? sizeof(double) : sizeof(float);
    d->taps = wg_kernel_window_taps(&d->window);
    if (!(d->role == CONV_WEIGHT ? conv_direct_open_weight(d) : conv_direct_open_bands(d))) return false;
    d->bytes = d->table_bytes + d->packed_bytes + d->parts * d->part_bytes;
    return true;
}

/* A number that is not finite has an exponent of ones. */
#define CONV_DIRECT_FINITE(R, integer, exponent)                                                                       \
    do {                                                                                                               \
        const R *w = d->call->in[1].data;                                                                              \
        for (size_t i = 0; i < n; i++) {                                                                               \
            integer bits;                                                                                              \
            memcpy(&bits, &w[i], sizeof bits);                                                                         \
            strange |= (bits & (integer)(exponent)) == (integer)(exponent);                                            \
        }                                                                                                              \
    } while (0)

bool wg_conv_direct_promises(const wg_conv_direct *d)
{
    if (d->role != CONV_TRANSPOSE) return true;
    size_t n = d->groups * d->out_channels * d->in_channels * d->taps;
    int strange = 0;
    if (d->f64)
        CONV_DIRECT_FINITE(double, uint64_t, UINT64_C(0x7ff) << 52);
    else
        CONV_DIRECT_FINITE(float, uint32_t, UINT32_C(0xff) << 23);
    return !strange;
}
#undef CONV_DIRECT_FINITE

void wg_conv_direct_run(wg_conv_direct *d, void *scratch)
{
    bool weight = d->role == CONV_WEIGHT;
    d->scratch = scratch;
    if (weight)
        conv_direct_elements(d, scratch);
    else
        conv_direct_offsets(d, scratch);
    for (d->group = 0; d->group < d->groups; d->group++) {
        if (!weight) conv_direct_pack(d, d->scratch + d->table_bytes);
        wg_team_run(d->call->tape->team, d->parts, weight ? conv_direct_channels : conv_direct_bands, d);
    }
}
