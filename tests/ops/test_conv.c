/* Convolutions: against the loops of their definition, over many settings; the three forms of the sum against each other;
 * large ones, which run block by block. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "kernels/isa.h"
#include "support/point.h"

/* ---- the reference ------------------------------------------------------------------------------------------------------ */

typedef struct setting {
    wg_conv_options options;
    size_t spatial;
} setting;

/* What a setting says along axis d of the spatial ones. */
static size_t setting_or_one(const size_t *given, size_t d) { return given[d] ? given[d] : 1; }
static size_t setting_groups(const setting *s) { return s->options.groups ? s->options.groups : 1; }

/* Calls visit for each term of the sum over images, channels of the large side and of the small side, outputs p and taps k
 * of which the input p stride + k dilation - padding exists, with the row-major places of the three factors: the large
 * array (of inputs), the weight, the small array (of outputs). */
typedef struct terms {
    const setting *s;
    wg_shape large, weight, small;
} terms;
typedef void term_function(void *context, size_t large, size_t weight, size_t small);

/* The spatial part of one term; false where it would see padding. */
static bool term_place(const terms *t, const size_t *p, const size_t *k, size_t *q)
{
    uint32_t first = t->large.rank - (uint32_t)t->s->spatial;
    for (size_t d = 0; d < t->s->spatial; d++) {
        size_t at = p[d] * setting_or_one(t->s->options.stride, d) + k[d] * setting_or_one(t->s->options.dilation, d);
        if (at < t->s->options.padding[d]) return false;
        q[d] = at - t->s->options.padding[d];
        if (q[d] >= t->large.dim[first + d]) return false;
    }
    return true;
}

static void each_term(const terms *t, term_function *visit, void *context)
{
    uint32_t channel = t->small.rank - (uint32_t)t->s->spatial - 1;
    size_t groups = setting_groups(t->s), small_size = shape_size(&t->small), taps = 1;
    wg_shape kernel = {.rank = (uint32_t)t->s->spatial};
    for (size_t d = 0; d < t->s->spatial; d++) taps *= kernel.dim[d] = t->weight.dim[2 + d];
    for (size_t i = 0; i < small_size; i++) {
        size_t p[WG_MAX_RANK], q[WG_MAX_RANK], w[WG_MAX_RANK];
        shape_tuple(&t->small, i, p);
        size_t o = p[channel], group = o / (t->small.dim[channel] / groups);
        for (size_t c = 0; c < t->weight.dim[1]; c++)
            for (size_t k = 0; k < taps; k++) {
                w[0] = o;
                w[1] = c;
                shape_tuple(&kernel, k, w + 2);
                q[0] = p[0];
                q[channel] = group * t->weight.dim[1] + c;
                if (!term_place(t, p + channel + 1, w + 2, q + channel + 1)) continue;
                visit(context, shape_flat(&t->large, q), shape_flat(&t->weight, w), i);
            }
    }
}

typedef struct sum {
    long double *out;
    const long double *x, *w;
} sum;
static void add_forward(void *context, size_t large, size_t weight, size_t small)
{
    sum *s = context;
    s->out[small] += s->x[large] * s->w[weight];
}
static void add_transposed(void *context, size_t large, size_t weight, size_t small)
{
    sum *s = context;
    s->out[large] += s->x[small] * s->w[weight];
}

static void reference_conv(array *out, const array *in, size_t n, const void *user)
{
    const setting *s = user;
    wg_shape shape = in[0].shape;
    uint32_t first = shape.rank - (uint32_t)s->spatial;
    (void)n;
    shape.dim[first - 1] = in[1].shape.dim[0];
    for (uint32_t d = 0; d < s->spatial; d++) {
        size_t window = (in[1].shape.dim[2 + d] - 1) * setting_or_one(s->options.dilation, d) + 1, count = 0;
        size_t padded = shape.dim[first + d] + 2 * s->options.padding[d];
        for (size_t at = 0; at + window <= padded; at += setting_or_one(s->options.stride, d)) count++;
        shape.dim[first + d] = count;
    }
    *out = array_new(shape);
    each_term(&(terms){s, in[0].shape, in[1].shape, shape}, add_forward, &(sum){out->at, in[0].at, in[1].at});
}

static void reference_transposed(array *out, const array *in, size_t n, const void *user)
{
    const setting *s = user;
    wg_shape shape = in[0].shape;
    uint32_t first = shape.rank - (uint32_t)s->spatial;
    (void)n;
    shape.dim[first - 1] = in[1].shape.dim[1] * setting_groups(s);
    for (uint32_t d = 0; d < s->spatial; d++) {
        size_t window = (in[1].shape.dim[2 + d] - 1) * setting_or_one(s->options.dilation, d) + 1;
        size_t last = (shape.dim[first + d] - 1) * setting_or_one(s->options.stride, d);
        shape.dim[first + d] = last + window + s->options.output_padding[d] - 2 * s->options.padding[d];
    }
    *out = array_new(shape);
    each_term(&(terms){s, shape, in[1].shape, in[0].shape}, add_transposed, &(sum){out->at, in[0].at, in[1].at});
}

static wg_var apply_conv(wg_tape *tape, const wg_var *in, size_t n, const void *user)
{
    const setting *s = user;
    (void)tape, (void)n;
    return s->spatial == 1   ? wg_conv1d(in[0], in[1], &s->options)
           : s->spatial == 2 ? wg_conv2d(in[0], in[1], &s->options)
                             : wg_conv3d(in[0], in[1], &s->options);
}

static wg_var apply_transposed(wg_tape *tape, const wg_var *in, size_t n, const void *user)
{
    const setting *s = user;
    (void)tape, (void)n;
    return s->spatial == 1   ? wg_conv_transpose1d(in[0], in[1], &s->options)
           : s->spatial == 2 ? wg_conv_transpose2d(in[0], in[1], &s->options)
                             : wg_conv_transpose3d(in[0], in[1], &s->options);
}

/* ---- rows --------------------------------------------------------------------------------------------------------------- */

#define WITH(spatial_, ...)                                                                                            \
    &(const setting)                                                                                                   \
    {                                                                                                                  \
        .spatial = spatial_, .options = { __VA_ARGS__ }                                                                \
    }
#define PLAIN(spatial_)                                                                                                \
    &(const setting) { .spatial = spatial_ }

static const row_case cases_conv1d[] = {
    CASE_WITH(PLAIN(1), 2, SHAPE(2, 3, 5), SHAPE(2, 3, 3)), CASE_WITH(PLAIN(1), 2, SHAPE(3, 5), SHAPE(2, 3, 1)),
    CASE_WITH(PLAIN(1), 2, SHAPE(1, 1, 1), SHAPE(1, 1, 1)), CASE_WITH(PLAIN(1), 2, SHAPE(1, 1, 40), SHAPE(5, 1, 3)),
    CASE_WITH(WITH(1, .stride = {2}, .padding = {1}), 2, SHAPE(2, 2, 6), SHAPE(3, 2, 3)),
    CASE_WITH(WITH(1, .stride = {3}), 2, SHAPE(2, 9), SHAPE(2, 2, 2)), /* the last input isn't covered */
    CASE_WITH(WITH(1, .stride = {4}, .dilation = {2}), 2, SHAPE(1, 2, 10), SHAPE(6, 2, 2)),
    CASE_WITH(WITH(1, .dilation = {3}, .padding = {4}), 2, SHAPE(1, 2, 3), SHAPE(2, 2, 3)),
    CASE_WITH(WITH(1, .groups = 2, .padding = {5}), 2, SHAPE(2, 4, 3), SHAPE(6, 2, 4)),
    CASE_WITH(WITH(1, .groups = 3), 2, SHAPE(2, 3, 20), SHAPE(3, 1, 3)),
    CASE_WITH(WITH(1, .groups = 3, .stride = {2}, .padding = {2}, .dilation = {2}), 2, SHAPE(3, 21), SHAPE(6, 1, 3)),
    CASE_WITH(PLAIN(1), 2, SHAPE(0, 3, 5), SHAPE(2, 3, 3)), CASE_WITH(PLAIN(1), 2, SHAPE(2, 3, 5), SHAPE(0, 3, 3)),
    CASE_WITH(PLAIN(1), 2, SHAPE(2, 0, 5), SHAPE(2, 0, 3)),
    CASE_WITH(WITH(1, .padding = {2}), 2, SHAPE(2, 2, 0), SHAPE(3, 2, 3)), /* padding alone */
};
static const row_case cases_conv2d[] = {
    CASE_WITH(PLAIN(2), 2, SHAPE(2, 3, 4, 5), SHAPE(2, 3, 3, 2)),
    CASE_WITH(PLAIN(2), 2, SHAPE(3, 4, 3), SHAPE(2, 3, 4, 3)),
    CASE_WITH(PLAIN(2), 2, SHAPE(2, 3, 3, 4), SHAPE(5, 3, 1, 1)), /* no columns needed */
    CASE_WITH(PLAIN(2), 2, SHAPE(3, 3, 3), SHAPE(3, 3, 3, 3)),
    CASE_WITH(WITH(2, .padding = {1, 1}), 2, SHAPE(2, 2, 4, 4), SHAPE(3, 2, 3, 3)),
    CASE_WITH(WITH(2, .padding = {0, 2}, .stride = {2, 1}), 2, SHAPE(1, 2, 5, 3), SHAPE(2, 2, 2, 3)),
    CASE_WITH(WITH(2, .stride = {2, 3}), 2, SHAPE(1, 2, 6, 9), SHAPE(2, 2, 3, 2)), /* the last row, the last column */
    CASE_WITH(WITH(2, .stride = {2, 2}), 2, SHAPE(2, 2, 5, 4), SHAPE(3, 2, 1, 1)),
    CASE_WITH(WITH(2, .dilation = {2, 1}, .padding = {2, 1}), 2, SHAPE(1, 2, 4, 3), SHAPE(2, 2, 3, 3)),
    CASE_WITH(WITH(2, .dilation = {3, 2}, .padding = {3, 3}, .stride = {2, 3}), 2, SHAPE(2, 5, 6), SHAPE(3, 2, 2, 3)),
    CASE_WITH(WITH(2, .dilation = {3, 4}, .padding = {3, 4}), 2, SHAPE(1, 2, 4, 3), SHAPE(2, 2, 3, 3)),
    CASE_WITH(WITH(2, .groups = 2, .padding = {1, 1}), 2, SHAPE(2, 4, 3, 4), SHAPE(6, 2, 3, 3)),
    CASE_WITH(WITH(2, .groups = 2, .padding = {3, 4}), 2, SHAPE(1, 2, 2, 3), SHAPE(2, 1, 2, 3)),
    CASE_WITH(WITH(2, .groups = 2, .dilation = {2, 3}, .padding = {1, 4}), 2, SHAPE(2, 4, 20), SHAPE(2, 1, 2, 3)),
    CASE_WITH(WITH(2, .groups = 2), 2, SHAPE(2, 4, 3, 2), SHAPE(2, 2, 1, 1)),
    CASE_WITH(WITH(2, .groups = 4, .padding = {1, 1}), 2, SHAPE(1, 4, 4, 5), SHAPE(4, 1, 3, 3)),
    CASE_WITH(WITH(2, .groups = 2, .padding = {2, 1}, .stride = {2, 2}, .dilation = {2, 1}), 2, SHAPE(2, 2, 5, 19),
        SHAPE(4, 1, 3, 3)),
    CASE_WITH(WITH(2, .groups = 2, .padding = {1, 1}), 2, SHAPE(1, 2, 3, 3), SHAPE(12, 1, 2, 2)),
    CASE_WITH(WITH(2, .stride = {7, 9}), 2, SHAPE(1, 1, 3, 3), SHAPE(1, 1, 2, 2)),
    CASE_WITH(WITH(2, .padding = {1, 1}), 2, SHAPE(0, 2, 3, 3), SHAPE(2, 2, 3, 3)),
    CASE_WITH(WITH(2, .groups = 2), 2, SHAPE(0, 2, 3, 3), SHAPE(2, 1, 3, 3)),
    CASE_WITH(PLAIN(2), 2, SHAPE(1, 2, 3, 20), SHAPE(2, 2, 2, 3)),
};
static const row_case cases_conv3d[] = {
    CASE_WITH(PLAIN(3), 2, SHAPE(1, 2, 3, 3, 3), SHAPE(2, 2, 2, 2, 2)),
    CASE_WITH(PLAIN(3), 2, SHAPE(2, 2, 3, 2), SHAPE(3, 2, 1, 1, 1)),
    CASE_WITH(WITH(3, .stride = {2, 1, 2}, .padding = {1, 0, 1}), 2, SHAPE(2, 1, 3, 2, 4), SHAPE(2, 1, 3, 2, 3)),
    CASE_WITH(WITH(3, .dilation = {2, 1, 2}, .padding = {1, 1, 0}, .groups = 2), 2, SHAPE(1, 4, 3, 2, 5),
        SHAPE(2, 2, 2, 2, 2)),
    CASE_WITH(WITH(3, .padding = {1, 1, 1}, .groups = 2), 2, SHAPE(2, 2, 3, 2), SHAPE(2, 1, 3, 3, 2)),
    CASE_WITH(PLAIN(3), 2, SHAPE(0, 1, 3, 2, 4), SHAPE(2, 1, 3, 2, 3)),
};
static const row_case cases_transposed1d[] = {
    CASE_WITH(PLAIN(1), 2, SHAPE(2, 3, 4), SHAPE(3, 2, 3)),
    CASE_WITH(PLAIN(1), 2, SHAPE(3, 4), SHAPE(3, 2, 1)),
    CASE_WITH(WITH(1, .stride = {3}, .padding = {1}, .output_padding = {2}), 2, SHAPE(1, 2, 3), SHAPE(2, 2, 3)),
    CASE_WITH(WITH(1, .dilation = {3}, .output_padding = {2}), 2, SHAPE(1, 2, 3), SHAPE(2, 2, 2)),
    CASE_WITH(WITH(1, .dilation = {3}, .output_padding = {1}), 2, SHAPE(1, 2, 3), SHAPE(2, 2, 1)),
    CASE_WITH(WITH(1, .stride = {2}, .groups = 2), 2, SHAPE(2, 4, 3), SHAPE(4, 3, 2)),
    CASE_WITH(PLAIN(1), 2, SHAPE(0, 3, 4), SHAPE(3, 2, 3)),
    CASE_WITH(PLAIN(1), 2, SHAPE(2, 0, 4), SHAPE(0, 2, 3)),
    CASE_WITH(PLAIN(1), 2, SHAPE(2, 3, 4), SHAPE(3, 0, 3)),
};
static const row_case cases_transposed2d[] = {
    CASE_WITH(PLAIN(2), 2, SHAPE(2, 3, 2, 3), SHAPE(3, 2, 3, 2)),
    CASE_WITH(PLAIN(2), 2, SHAPE(3, 2, 3), SHAPE(3, 2, 1, 1)),
    CASE_WITH(WITH(2, .stride = {2, 2}, .padding = {1, 1}), 2, SHAPE(1, 2, 3, 3), SHAPE(2, 3, 3, 4)),
    CASE_WITH(
        WITH(2, .stride = {2, 3}, .padding = {1, 0}, .output_padding = {1, 2}), 2, SHAPE(2, 3, 2), SHAPE(2, 2, 3, 3)),
    CASE_WITH(WITH(2, .dilation = {2, 1}, .padding = {0, 2}, .groups = 2), 2, SHAPE(2, 4, 2, 3), SHAPE(4, 2, 2, 3)),
    CASE_WITH(WITH(2, .stride = {2, 2}, .groups = 3, .padding = {1, 1}), 2, SHAPE(1, 3, 3, 10), SHAPE(3, 1, 3, 3)),
    CASE_WITH(WITH(2, .stride = {3, 3}), 2, SHAPE(1, 2, 2, 2), SHAPE(2, 2, 2, 2)), /* gaps that nothing reaches */
    CASE_WITH(PLAIN(2), 2, SHAPE(0, 3, 2, 3), SHAPE(3, 2, 3, 2)),
};
static const row_case cases_transposed3d[] = {
    CASE_WITH(PLAIN(3), 2, SHAPE(1, 2, 2, 2, 2), SHAPE(2, 2, 2, 2, 2)),
    CASE_WITH(WITH(3, .stride = {2, 1, 2}, .padding = {1, 0, 1}, .output_padding = {1, 0, 0}, .groups = 2), 2,
        SHAPE(2, 2, 1, 3), SHAPE(2, 1, 2, 2, 3)),
};

#define CONV                                                                                                           \
    .domain = {FROM(-2, 2), FROM(-2, 2)}, .roundings = 40, .sum = true, .pieces = true,                                \
    .reads = {ROW_READS(1), ROW_READS(0)}
#define FORWARD    .apply = apply_conv, .reference = reference_conv, CONV
#define TRANSPOSED .apply = apply_transposed, .reference = reference_transposed, CONV

static const row rows[] = {
    ROW(wg_conv1d, FORWARD, ROW_CASES(cases_conv1d)),
    ROW(wg_conv2d, FORWARD, ROW_CASES(cases_conv2d)),
    ROW(wg_conv3d, FORWARD, ROW_CASES(cases_conv3d)),
    ROW(wg_conv_transpose1d, TRANSPOSED, ROW_CASES(cases_transposed1d)),
    ROW(wg_conv_transpose2d, TRANSPOSED, ROW_CASES(cases_transposed2d)),
    ROW(wg_conv_transpose3d, TRANSPOSED, ROW_CASES(cases_transposed3d)),
};

static void test_allocations(void **state)
{
    (void)state;
    row_fail_allocations(&rows[1], &cases_conv2d[4]);
    row_fail_allocations(&rows[4], &cases_transposed2d[2]);
}

/* ---- large ones ---------------------------------------------------------------------------------------------------------- */

typedef struct large_case {
    setting s;
    wg_shape x, w;
} large_case;

static array drawn(wg_shape shape, uint64_t seed)
{
    array a = array_new(shape);
    random_state random = {seed};
    for (size_t i = 0; i < a.size; i++) a.at[i] = (float)(2 * random_unit(&random) - 1);
    return a;
}

static long double dot_var(wg_var a, wg_var b)
{
    long double sum_of = 0;
    for (size_t i = 0; i < wg_size(a); i++) sum_of += (long double)wg_at(a, i) * (long double)wg_at(b, i);
    return sum_of;
}

/* The value against the loops, and the trilinear form read three ways: <conv(x, w), g> = <x, dx> = <w, dw>, where dx also is
 * the transposed convolution of g. In float the three differ by the roundings of their sums. */
static void check_large(const large_case *c, wg_dtype dtype)
{
    array in[2] = {drawn(c->x, 1), drawn(c->w, 2)}, expected, got;
    reference_conv(&expected, in, 2, &c->s);
    wg_tape *tape = wg_tape_new(dtype);
    wg_var x = array_leaf(tape, &in[0], true), w = array_leaf(tape, &in[1], true), grads[2];
    wg_var y = apply_conv(tape, (wg_var[]){x, w}, 2, &c->s);
    got = array_of_value(y);
    long double roundoff = dtype_roundoff(dtype), terms_of = 1;
    for (uint32_t d = 1; d < c->w.rank; d++) terms_of *= (long double)c->w.dim[d];
    row_at(&(row_data){.row = &rows[1], .c = &(row_case){.n = 2, .in = {c->x, c->w}}}, dtype, "large");
    /* each addition rounds a partial sum, which is no larger than the results are, to either side */
    row_near(&got, &expected, 0, sqrtl(terms_of) * roundoff * array_largest(&expected), 0);
    array cotangent = drawn(expected.shape, 3);
    wg_var g = array_leaf(tape, &cotangent, false);
    assert_int_equal(array_backward(y, &cotangent), WG_OK);
    assert_int_equal(wg_vjp(y, g, (wg_var[]){x, w}, 2, grads), WG_OK);
    long double form = dot_var(y, g), size = sqrtl((long double)expected.size * terms_of);
    assert_true(fabsl(form - dot_var(x, grads[0])) <= 100 * size * roundoff);
    assert_true(fabsl(form - dot_var(w, grads[1])) <= 100 * size * roundoff);
    for (size_t i = 0; i < wg_size(x); i++) assert_true(wg_grad_at(x, i) == wg_at(grads[0], i));
    for (size_t i = 0; i < wg_size(w); i++) assert_true(wg_grad_at(w, i) == wg_at(grads[1], i));
    wg_tape_free(tape);
    for (size_t k = 0; k < 2; k++) array_free(&in[k]);
    array_free(&expected);
    array_free(&got);
    array_free(&cotangent);
}

static void test_large(void **state)
{
    (void)state;
    const large_case cases[] = {
        {{.spatial = 1, .options = {.padding = {3}, .dilation = {2}}}, SHAPE(2, 2, 25000), SHAPE(5, 2, 5)},
        {{.spatial = 1, .options = {.padding = {4}, .dilation = {2}}}, SHAPE(2, 2, 25000), SHAPE(5, 2, 5)},
        {{.spatial = 1, .options = {.stride = {3}}}, SHAPE(2, 30001), SHAPE(5, 2, 4)},
        {{.spatial = 2, .options = {.padding = {1, 1}}}, SHAPE(1, 90, 13, 11), SHAPE(7, 90, 3, 3)},
        {{.spatial = 2, .options = {.padding = {1, 1}, .stride = {2, 2}}}, SHAPE(1, 180, 17, 23), SHAPE(6, 180, 3, 3)},
        {{.spatial = 2, .options = {.groups = 2, .padding = {2, 2}}}, SHAPE(2, 32, 14, 14), SHAPE(34, 16, 5, 5)},
        {{.spatial = 2, .options = {.groups = 8, .padding = {1, 1}}}, SHAPE(2, 8, 33, 35), SHAPE(16, 1, 3, 3)},
        {{.spatial = 2, .options = {.groups = 4, .padding = {3, 2}}}, SHAPE(2, 4, 75, 90), SHAPE(8, 1, 4, 5)},
        {{.spatial = 2, .options = {.groups = 4, .stride = {2, 2}}}, SHAPE(2, 4, 75, 90), SHAPE(4, 1, 3, 3)},
        {{.spatial = 2, .options = {.groups = 1}}, SHAPE(2, 37, 23, 17), SHAPE(19, 37, 1, 1)},
        {{.spatial = 3, .options = {.padding = {1, 1, 1}}}, SHAPE(1, 40, 5, 9, 7), SHAPE(5, 40, 3, 3, 3)},
        {{.spatial = 3, .options = {.padding = {1, 1, 1}, .groups = 3}}, SHAPE(1, 3, 6, 9, 21), SHAPE(3, 1, 3, 3, 3)},
    };
    for (size_t i = 0; i < 2 * (sizeof cases / sizeof *cases); i++) check_large(&cases[i / 2], i % 2 ? WG_F64 : WG_F32);
}

/* ---- images -------------------------------------------------------------------------------------------------------------- */

static void add_weight(void *context, size_t large, size_t weight, size_t small)
{
    sum *s = context;
    s->out[weight] += s->x[large] * s->w[small];
}

/* A case, and what it should give: value, x's and w's gradient, each element a sum of so many products. */
typedef struct image {
    const large_case *c;
    wg_dtype dtype;
    array in[2], g, expected[3];
    size_t terms[3];
} image;

/* Each addition rounds a partial sum, which is no larger than the results are, to either side. */
static void image_near(const image *m, size_t k, const array *got, long double times)
{
    array expected = array_new(got->shape);
    for (size_t i = 0; i < got->size; i++) expected.at[i] = times * m->expected[k].at[i];
    long double roundings = sqrtl(times * (long double)m->terms[k]) * dtype_roundoff(m->dtype);
    row_near(got, &expected, 0, roundings * array_largest(&expected), k);
    array_free(&expected);
}

static void image_arrays(wg_var y, wg_var x, wg_var w, array *got)
{
    got[0] = array_of_value(y);
    got[1] = array_of_grad(x);
    got[2] = array_of_grad(w);
}

/* The three, their gradients added to themselves, and the same bits from several threads. */
static void image_run(const image *m, wg_instructions set)
{
    array once[3], again[3];
    for (unsigned threads = 1; threads <= 3; threads += 2) {
        wg_tape_options options = {.dtype = m->dtype, .threads = threads, .instructions = set};
        wg_tape *tape = wg_tape_new_with(&options, NULL);
        wg_var x = array_leaf(tape, &m->in[0], true), w = array_leaf(tape, &m->in[1], true);
        wg_var y = apply_conv(tape, (wg_var[]){x, w}, 2, &m->c->s);
        assert_int_equal(array_backward(y, &m->g), WG_OK);
        image_arrays(y, x, w, threads == 1 ? once : again);
        for (size_t k = 0; k < 3; k++) {
            if (threads == 1) image_near(m, k, &once[k], 1);
            for (size_t i = 0; threads > 1 && i < once[k].size; i++) assert_true(once[k].at[i] == again[k].at[i]);
            if (threads > 1) array_free(&again[k]);
        }
        assert_int_equal(array_backward(y, &m->g), WG_OK);
        image_arrays(y, x, w, again);
        for (size_t k = 0; k < 3; k++) {
            image_near(m, k, &again[k], k ? 2 : 1);
            array_free(&again[k]);
        }
        wg_tape_free(tape);
    }
    for (size_t k = 0; k < 3; k++) array_free(&once[k]);
}

static void check_image(const large_case *c, wg_dtype dtype)
{
    image m = {.c = c, .dtype = dtype, .in = {drawn(c->x, 1), drawn(c->w, 2)}};
    reference_conv(&m.expected[0], m.in, 2, &c->s);
    m.g = drawn(m.expected[0].shape, 3);
    m.expected[1] = array_new(c->x);
    m.expected[2] = array_new(c->w);
    terms t = {&c->s, c->x, c->w, m.g.shape};
    each_term(&t, add_transposed, &(sum){m.expected[1].at, m.g.at, m.in[1].at});
    each_term(&t, add_weight, &(sum){m.expected[2].at, m.in[0].at, m.g.at});
    m.terms[0] = m.in[1].size / c->w.dim[0];
    m.terms[1] = m.in[1].size / c->w.dim[1];
    m.terms[2] = m.g.size / c->w.dim[0];
    row_at(&(row_data){.row = &rows[1], .c = &(row_case){.n = 2, .in = {c->x, c->w}}}, dtype, "image");
    image_run(&m, WG_INSTRUCTIONS_BEST);
    if (wg_kernel_isa_runs(WG_ISA_BASELINE)) image_run(&m, WG_INSTRUCTIONS_BASELINE);
    if (wg_kernel_isa_runs(WG_ISA_AVX2)) image_run(&m, WG_INSTRUCTIONS_AVX2);
    array *arrays[] = {&m.in[0], &m.in[1], &m.g, &m.expected[0], &m.expected[1], &m.expected[2]};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) array_free(arrays[i]);
}

static void test_images(void **state)
{
    (void)state;
    const large_case cases[] = {
        {{.spatial = 2, .options = {.padding = {1, 1}}}, SHAPE(3, 9, 12, 13), SHAPE(35, 9, 3, 3)},
        {{.spatial = 2, .options = {.padding = {1, 2}, .dilation = {2, 1}}}, SHAPE(1, 20, 9, 40), SHAPE(24, 20, 2, 3)},
        {{.spatial = 2, .options = {.padding = {1, 1}, .stride = {2, 3}}}, SHAPE(2, 8, 17, 23), SHAPE(18, 8, 3, 3)},
        {{.spatial = 2, .options = {.groups = 2}}, SHAPE(2, 60, 10, 11), SHAPE(34, 30, 3, 3)},
        {{.spatial = 2, .options = {.padding = {1, 0}}}, SHAPE(1, 32, 12, 128), SHAPE(8, 32, 3, 3)}, /* in bands */
    };
    for (size_t i = 0; i < 2 * (sizeof cases / sizeof *cases); i++) check_image(&cases[i / 2], i % 2 ? WG_F64 : WG_F32);
}

/* ---- closed forms -------------------------------------------------------------------------------------------------------- */

/* Cross-correlation: the kernel meets the input as it stands. Bias by add. */
static void test_not_flipped(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var x = wg_constant(tape, WG_DIMS(1, 4), ((double[]){1, 10, 100, 1000}));
    wg_var w = wg_constant(tape, WG_DIMS(2, 1, 2), ((double[]){1, 2, 3, 0}));
    wg_var bias = wg_variable(tape, WG_DIMS(2, 1), ((double[]){0.5, -1}));
    wg_var y = wg_add(wg_conv1d(x, w, NULL), bias);
    const double expected[] = {21.5, 210.5, 2100.5, 2, 29, 299};
    for (size_t i = 0; i < 6; i++) assert_true(wg_at(y, i) == expected[i]);
    assert_int_equal(wg_backward(wg_sum(y)), WG_OK);
    assert_true(wg_grad_at(bias, 0) == 3 && wg_grad_at(bias, 1) == 3);
    wg_tape_free(tape);
}

/* A transposed convolution brings a stride-2 convolution's input extent back, of two the one that output_padding names. */
static void test_extents(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F32);
    wg_var w = wg_constant_f32(tape, WG_DIMS(4, 2, 3, 3), NULL);
    for (size_t n = 7; n <= 8; n++) {
        wg_var x = wg_constant_f32(tape, WG_DIMS(5, 2, n, n + 2), NULL);
        wg_conv_options options = {.stride = {2, 2}, .padding = {1, 1}};
        wg_var y = wg_conv2d(x, w, &options);
        assert_int_equal(wg_shape_of(y).dim[2], 4);
        options.output_padding[0] = options.output_padding[1] = n - 7;
        wg_shape back = wg_shape_of(wg_conv_transpose2d(y, w, &options)), shape = wg_shape_of(x);
        assert_true(shape_same(&back, &shape));
    }
    assert_int_equal(wg_tape_status(tape), WG_OK);
    wg_tape_free(tape);
}

/* The derivative of x, and a transposed convolution, are sums over what is there: infinite and NaN weights show where they meet
 * a cotangent, and nowhere else. */
static void test_strange_weights(void **state)
{
    (void)state;
    const setting s = {.spatial = 2, .options = {.padding = {1, 1}}};
    for (int dtype = 0; dtype < 2; dtype++) {
        array x = array_new((wg_shape)SHAPE(1, 16, 9, 12)), w = array_new((wg_shape)SHAPE(16, 16, 3, 3)),
              g = array_new((wg_shape)SHAPE(1, 16, 9, 12));
        for (size_t i = 0; i < x.size; i++) x.at[i] = g.at[i] = 1;
        for (size_t i = 0; i < w.size; i++) w.at[i] = 1;
        w.at[0] = (long double)NAN, w.at[16 * 9 + 2] = (long double)INFINITY, w.at[9 + 4] = -(long double)INFINITY;
        array expected = array_new(x.shape), got[2];
        each_term(&(terms){&s, x.shape, w.shape, g.shape}, add_transposed, &(sum){expected.at, g.at, w.at});
        wg_tape *tape = wg_tape_new(dtype ? WG_F64 : WG_F32);
        wg_var in[] = {array_leaf(tape, &x, true), array_leaf(tape, &w, false)};
        wg_var y = apply_conv(tape, in, 2, &s), z = wg_conv_transpose2d(in[0], in[1], &s.options);
        assert_int_equal(array_backward(y, &g), WG_OK);
        got[0] = array_of_grad(in[0]), got[1] = array_of_value(z);
        for (size_t k = 0; k < 2; k++)
            for (size_t i = 0; i < expected.size; i++)
                assert_true(got[k].at[i] == expected.at[i] || (isnan(got[k].at[i]) && isnan(expected.at[i])));
        array *arrays[] = {&x, &w, &g, &expected, &got[0], &got[1]};
        for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) array_free(arrays[i]);
        wg_tape_free(tape);
    }
}

/* A replay with new numbers computes all anew. */
static void test_replay(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var x = wg_variable(tape, WG_DIMS(1, 3), ((double[]){1, 2, 3})), grad;
    wg_var w = wg_variable(tape, WG_DIMS(1, 1, 2), ((double[]){1, 1}));
    wg_var y = wg_sum(wg_square(wg_conv1d(x, w, NULL)));
    assert_int_equal(wg_gradients(y, &x, 1, &grad), WG_OK);
    assert_int_equal(wg_set_value(w, ((double[]){2, 0})), WG_OK);
    assert_int_equal(wg_tape_replay(tape), WG_OK);
    assert_true(wg_item(y) == 4 + 16 && wg_at(grad, 0) == 8 && wg_at(grad, 1) == 16 && wg_at(grad, 2) == 0);
    wg_tape_free(tape);
}

/* Forward: the sum of the convolution with one factor at a time replaced by its tangent. */
static void test_forward(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var x = wg_variable(tape, WG_DIMS(1, 3), ((double[]){1, 2, 3})), tangent;
    wg_var w = wg_variable(tape, WG_DIMS(1, 1, 2), ((double[]){4, 5}));
    wg_var dx = wg_constant(tape, WG_DIMS(1, 3), ((double[]){1, 0, -1}));
    wg_var dw = wg_constant(tape, WG_DIMS(1, 1, 2), ((double[]){0, 2}));
    wg_var y = wg_conv1d(x, w, NULL), z = wg_conv_transpose1d(x, w, NULL);
    assert_int_equal(wg_jvp(y, (wg_var[]){x, w}, (wg_var[]){dx, dw}, 2, &tangent), WG_OK);
    assert_true(wg_at(tangent, 0) == 4 + 4 && wg_at(tangent, 1) == -5 + 6);
    assert_int_equal(wg_jvp(z, (wg_var[]){x, w}, (wg_var[]){dx, dw}, 2, &tangent), WG_OK);
    assert_true(wg_at(tangent, 0) == 4 && wg_at(tangent, 1) == 5 + 2 && wg_at(tangent, 2) == -4 + 4);
    assert_true(wg_at(tangent, 3) == -5 + 6);
    wg_tape_free(tape);
}

/* On a limited tape a sweep takes all its memory first, the scratch included. */
static void test_limited(void **state)
{
    (void)state;
    for (int planes = 0; planes < 2; planes++) {
        wg_tape *tape = wg_tape_new_with(&(wg_tape_options){.dtype = WG_F32, .memory_limit = (size_t)8 << 20}, NULL);
        size_t c = planes ? 1 : 16;
        wg_var x = wg_variable_f32(tape, WG_DIMS(2, 16, 20, 20), NULL);
        wg_var w = wg_variable_f32(tape, WG_DIMS(16, c, 3, 3), NULL);
        wg_var y = wg_conv2d(x, w, &(wg_conv_options){.groups = 16 / c, .padding = {1, 1}});
        assert_int_equal(wg_backward(wg_sum(wg_square(y))), WG_OK);
        assert_true(wg_grad_at(x, 5) == 0);
        wg_tape_free(tape);
    }
}

/* ---- errors -------------------------------------------------------------------------------------------------------------- */

#define OPTIONS(...)                                                                                                   \
    &(wg_conv_options) { __VA_ARGS__ }

static void test_settings(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var x = wg_name(wg_variable_f64(tape, WG_DIMS(2, 4, 5, 6), NULL), "x");
    wg_var w = wg_name(wg_variable_f64(tape, WG_DIMS(6, 4, 3, 3), NULL), "w");
    wg_conv2d(x, w, OPTIONS(.stride = {2}));
    point_expect_error(tape, WG_ERROR_ARGUMENT, "conv2d:", "stride (2,0)", "zero", NULL);
    wg_conv2d(x, w, OPTIONS(.dilation = {0, 2}));
    point_expect_error(tape, WG_ERROR_ARGUMENT, "conv2d:", "dilation (0,2)", NULL);
    wg_conv2d(x, w, OPTIONS(.padding = {0, 1, 2}));
    point_expect_error(tape, WG_ERROR_ARGUMENT, "conv2d:", "padding", "axis 2", "2 spatial axes", NULL);
    wg_conv2d(x, w, OPTIONS(.output_padding = {1, 1}));
    point_expect_error(tape, WG_ERROR_ARGUMENT, "conv2d:", "output_padding", NULL);
    wg_conv2d(x, w, OPTIONS(.padding = {PTRDIFF_MAX, 0}));
    point_expect_error(tape, WG_ERROR_SHAPE, "conv2d:", "overflows", "x (2,4,5,6)", NULL);
    wg_conv2d(x, w, OPTIONS(.dilation = {1, SIZE_MAX / 2}));
    point_expect_error(tape, WG_ERROR_SHAPE, "conv2d:", "overflows", NULL);
    wg_conv2d(x, w, OPTIONS(.padding = {PTRDIFF_MAX / 4, PTRDIFF_MAX / 4}));
    point_expect_error(tape, WG_ERROR_SHAPE, "conv2d:", "size of the result", "overflows", NULL);
    wg_conv2d(x, w, OPTIONS(.dilation = {3, 1}));
    point_expect_error(
        tape, WG_ERROR_SHAPE, "conv2d:", "kernel (3,3)", "dilation (3,1)", "larger", "x (2,4,5,6)", NULL);
    wg_var v = wg_name(wg_constant_f64(tape, WG_DIMS(4, 6, 3, 3), NULL), "v");
    wg_conv_transpose2d(x, v, OPTIONS(.stride = {2, 2}, .output_padding = {1, 2}));
    point_expect_error(tape, WG_ERROR_SHAPE, "conv_transpose2d:", "axis 1", "output_padding", "x (2,4,5,6)", NULL);
    wg_conv_transpose2d(x, v, OPTIONS(.padding = {4, 0}));
    point_expect_error(tape, WG_ERROR_SHAPE, "conv_transpose2d:", "axis 0", "leaves nothing", NULL);
    wg_conv_transpose2d(x, v, OPTIONS(.stride = {SIZE_MAX, 1}));
    point_expect_error(tape, WG_ERROR_SHAPE, "conv_transpose2d:", "overflows", NULL);
    wg_conv_transpose2d(x, v, OPTIONS(.stride = {PTRDIFF_MAX / 64, PTRDIFF_MAX / 64}));
    point_expect_error(tape, WG_ERROR_SHAPE, "conv_transpose2d:", "overflows", NULL);
    assert_true(wg_ok(wg_conv2d(x, w, OPTIONS(.stride = {SIZE_MAX, SIZE_MAX}))));
    wg_tape_free(tape);
}

static void test_shapes(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var x = wg_name(wg_variable_f64(tape, WG_DIMS(2, 3, 5, 6), NULL), "x");
    wg_var w = wg_name(wg_variable_f64(tape, WG_DIMS(6, 2, 3, 3), NULL), "w");
    wg_stats before, after;
    wg_tape_stats(tape, &before);
    wg_conv2d(x, w, OPTIONS(.groups = 2));
    point_expect_error(
        tape, WG_ERROR_SHAPE, "conv2d: x (2,3,5,6) has 3 channels", "w (6,2,3,3) expects 4 (groups 2 x 2)", NULL);
    wg_conv2d(x, w, OPTIONS(.groups = 4));
    point_expect_error(
        tape, WG_ERROR_SHAPE, "conv2d:", "4 groups do not divide the 6 output channels", "w (6,2,3,3)", NULL);
    wg_conv2d(x, w, OPTIONS(.groups = SIZE_MAX / 2 + 2));
    point_expect_error(tape, WG_ERROR_SHAPE, "conv2d:", "groups", NULL);
    wg_conv1d(x, w, NULL);
    point_expect_error(tape, WG_ERROR_SHAPE, "conv1d:", "(N, C, L) or (C, L)", "x (2,3,5,6)", NULL);
    wg_conv3d(w, x, NULL);
    point_expect_error(tape, WG_ERROR_SHAPE, "conv3d:", "the weight has 4 axes, not 5: x (2,3,5,6)", NULL);
    wg_conv_transpose2d(x, w, NULL);
    point_expect_error(
        tape, WG_ERROR_SHAPE, "conv_transpose2d: x (2,3,5,6) has 3 channels", "w (6,2,3,3) expects 6", NULL);
    wg_conv_transpose2d(x, w, OPTIONS(.groups = 5));
    point_expect_error(tape, WG_ERROR_SHAPE, "conv_transpose2d:", "6 input channels", NULL);
    wg_tape_stats(tape, &after);
    assert_int_equal(before.nodes, after.nodes);
    wg_conv2d(x, wg_constant_f64(tape, WG_DIMS(6, 3, 0, 3), NULL), NULL);
    point_expect_error(tape, WG_ERROR_SHAPE, "conv2d:", "kernel (0,3)", "no taps", NULL);
    wg_conv_transpose2d(wg_constant_f64(tape, WG_DIMS(2, 6, 0, 3), NULL), w, NULL);
    point_expect_error(tape, WG_ERROR_SHAPE, "conv_transpose2d:", "axis 0", "no elements", NULL);
    wg_tape_free(tape);
}

static void test_operands(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64), *other = wg_tape_new(WG_F64);
    wg_var x = wg_variable_f64(tape, WG_DIMS(1, 1, 3), NULL), far = wg_variable_f64(other, WG_DIMS(1, 1, 2), NULL);
    wg_conv1d(wg_indices(tape, WG_DIMS(1, 1, 3), NULL), x, NULL);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "conv1d", "argument 1", "indices", NULL);
    wg_conv1d(x, (wg_var){0}, NULL);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "conv1d", "argument 2", NULL);
    wg_conv1d((wg_var){0}, x, NULL);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "conv1d", "argument 1", NULL);
    wg_conv_transpose1d(x, far, NULL);
    point_expect_error(other, WG_ERROR_ARGUMENT, "conv_transpose1d", "two tapes", NULL);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "conv_transpose1d", "argument 2", "another tape", NULL);
    assert_null(wg_conv1d((wg_var){0}, (wg_var){0}, NULL).tape);
    wg_tape_free(tape);
    wg_tape_free(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_allocations),
        cmocka_unit_test(test_large),
        cmocka_unit_test(test_images),
        cmocka_unit_test(test_not_flipped),
        cmocka_unit_test(test_extents),
        cmocka_unit_test(test_strange_weights),
        cmocka_unit_test(test_replay),
        cmocka_unit_test(test_forward),
        cmocka_unit_test(test_limited),
        cmocka_unit_test(test_settings),
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_operands),
    };
    return row_main("ops/conv", rows, sizeof rows / sizeof *rows, tests, sizeof tests / sizeof *tests);
}
