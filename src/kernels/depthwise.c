/* Convolution of single planes: the generic source, depthwise.inc, compiled for each real type and instruction set, and the
 * choice among them. */
#include "depthwise.h"

#include <string.h>

#include "vector.h"

enum {
    KERNEL_DEPTHWISE_SLACK = 16,       /* elements after the copy: a vector of the last outputs reads past it */
    KERNEL_DEPTHWISE_LARGEST = 1 << 18 /* bytes: a larger plane is walked through in place */
};

/* The elements of a padded copy of the input; 0 where it is not worth it, or too large. */
static size_t kernel_depthwise_copies(const wg_kernel_window *w, size_t element)
{
    size_t size = 1, most = KERNEL_DEPTHWISE_LARGEST / element;
    for (size_t d = 0; d < 3; d++) {
        size_t extent = w->in[d] + 2 * w->padding[d];
        if (extent == 0 || extent > most / size) return 0;
        size *= extent;
    }
    return w->stride[2] == 1 ? size : 0;
}

/* With steps of 1 the adjoint with respect to the input is a correlation too: of the outputs, with the kernel flipped and
 * the padding that completes it. */
static bool kernel_depthwise_flips(const wg_kernel_window *w, wg_kernel_window *flipped)
{
    *flipped = *w;
    for (size_t d = 0; d < 3; d++) {
        size_t whole = (w->kernel[d] - 1) * w->dilation[d];
        if (w->stride[d] != 1 || whole < w->padding[d]) return false;
        flipped->in[d] = w->out[d];
        flipped->out[d] = w->in[d];
        flipped->padding[d] = whole - w->padding[d];
    }
    return true;
}

/* The scratch holds the offsets of the taps, then the copy. */
static size_t kernel_depthwise_offset_bytes(const wg_kernel_window *w)
{
    return (wg_kernel_window_taps(w) * sizeof(size_t) + 63) / 64 * 64;
}
static void *kernel_depthwise_copy(const wg_kernel_window *w, void *scratch)
{
    return (char *)scratch + kernel_depthwise_offset_bytes(w);
}

size_t wg_kernel_depthwise_scratch(const wg_kernel_window *w, size_t element)
{
    wg_kernel_window flipped;
    size_t size = kernel_depthwise_copies(w, element), other = 0;
    if (kernel_depthwise_flips(w, &flipped)) other = kernel_depthwise_copies(&flipped, element);
    if (size < other) size = other;
    return size ? kernel_depthwise_offset_bytes(w) + (size + KERNEL_DEPTHWISE_SLACK) * element : 0;
}

#define NARROW
#define SOURCE "depthwise.inc"
#include "each.inc"

void wg_kernel_depthwise_f32(
    wg_isa isa, const wg_kernel_window *w, const float *in, const float *weights, float *out, void *scratch)
{
    CHOOSE(depthwise, f32)(w, in, weights, out, scratch);
}

void wg_kernel_depthwise_input_f32(
    wg_isa isa, const wg_kernel_window *w, const float *out, const float *weights, float *in, void *scratch)
{
    CHOOSE(depthwise_input, f32)(w, out, weights, in, scratch);
}

void wg_kernel_depthwise_weight_f32(
    wg_isa isa, const wg_kernel_window *w, const float *in, const float *out, float *weights, void *scratch)
{
    CHOOSE(depthwise_weight, f32)(w, in, out, weights, scratch);
}

void wg_kernel_depthwise_f64(
    wg_isa isa, const wg_kernel_window *w, const double *in, const double *weights, double *out, void *scratch)
{
    CHOOSE(depthwise, f64)(w, in, weights, out, scratch);
}

void wg_kernel_depthwise_input_f64(
    wg_isa isa, const wg_kernel_window *w, const double *out, const double *weights, double *in, void *scratch)
{
    CHOOSE(depthwise_input, f64)(w, out, weights, in, scratch);
}

void wg_kernel_depthwise_weight_f64(
    wg_isa isa, const wg_kernel_window *w, const double *in, const double *out, double *weights, void *scratch)
{
    CHOOSE(depthwise_weight, f64)(w, in, out, weights, scratch);
}

#undef CHOOSE
