/* Mistakes at values that an op stretches over a larger one: biases, gains, weights shared by a batch. The right gradient is a
 * sum of terms; here it is made of terms of the test's own, summed in loops, and so are the mistakes. */
#include "support/handmade.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* ---- forwards ------------------------------------------------------------------------------------------------------------ */

/* Z is what b is stretched to: (e0, e1, ...). L = sum of G * tanh(Z). terms: of Z's shape, what each place passes to b. */
typedef struct stretched {
    handmade *h;
    wg_shape shape; /* of Z */
    size_t size;
    wg_var b, z, step_to; /* the value; the result; what of the value the op takes */
    double *db, *terms;
    size_t own[4]; /* b's extents as axes of Z, 1 where it is stretched */
} stretched;

typedef enum forward { OF_ROWS, OF_COLUMNS, GAIN, IMAGES, LAYER_NORM, OUTER } forward;

static size_t size_of(const wg_shape *shape)
{
    size_t n = 1;
    for (uint32_t d = 0; d < shape->rank; d++) n *= shape->dim[d];
    return n;
}

static wg_var named_leaf(stretched *s, const char *name, wg_shape shape)
{
    return handmade_variable(s->h, name, shape, handmade_random(s->h, size_of(&shape), -1, 1));
}

/* The place in b of what stands at place i of Z. */
static size_t place_in_b(const stretched *s, size_t i)
{
    size_t place = 0, stride = 1;
    for (uint32_t d = s->shape.rank; d-- > 0;) {
        size_t at = i % s->shape.dim[d];
        i /= s->shape.dim[d];
        if (s->own[d] > 1) place += at * stride;
        stride *= s->own[d];
    }
    return place;
}

static size_t index_of(const stretched *s, size_t i, uint32_t axis)
{
    for (uint32_t d = s->shape.rank; d-- > axis + 1;) i /= s->shape.dim[d];
    return i % s->shape.dim[axis];
}

/* Records Z, and sets what b is multiplied by in each place. */
static void forward_record(stretched *s, forward which, const size_t *e, double *slopes)
{
    wg_var x = named_leaf(s, "X", s->shape);
    for (uint32_t d = 0; d < s->shape.rank; d++) s->own[d] = 1;
    for (size_t i = 0; i < s->size; i++) slopes[i] = 1;
    switch (which) {
    case OF_ROWS: /* (features, samples) + (features, 1) */
        s->own[0] = e[0];
        s->b = s->step_to = named_leaf(s, "b", WG_DIMS(e[0], 1));
        s->z = wg_add(x, s->b);
        break;
    case OF_COLUMNS: /* (samples, features) - (features) */
        s->own[1] = e[1];
        s->b = s->step_to = named_leaf(s, "b", WG_DIMS(e[1]));
        s->z = wg_sub(x, s->b);
        for (size_t i = 0; i < s->size; i++) slopes[i] = -1;
        break;
    case GAIN: /* (samples, features) * (features) */
        s->own[1] = e[1];
        s->b = s->step_to = named_leaf(s, "b", WG_DIMS(e[1]));
        s->z = wg_mul(x, s->b);
        memcpy(slopes, wg_value_f64(x), s->size * sizeof *slopes);
        break;
    case IMAGES: /* (images, channels, height, width) + (channels), made (channels, 1, 1) */
        s->own[1] = e[1];
        s->b = named_leaf(s, "b", WG_DIMS(e[1]));
        s->step_to = wg_reshape(s->b, WG_DIMS(e[1], 1, 1));
        s->z = wg_add(x, s->step_to);
        break;
    case LAYER_NORM: { /* the gain of rows brought to mean 0 and variance 1 */
        const double *X = wg_value_f64(x);
        s->own[1] = e[1];
        s->b = s->step_to = named_leaf(s, "b", WG_DIMS(e[1]));
        s->z = wg_layer_norm(
            x, s->b, handmade_constant(s->h, "beta", WG_DIMS(e[1]), handmade_random(s->h, e[1], -1, 1)), 1, 1e-5);
        for (size_t i = 0; i < e[0]; i++) {
            double mean = 0, variance = 0;
            for (size_t j = 0; j < e[1]; j++) mean += X[i * e[1] + j] / (double)e[1];
            for (size_t j = 0; j < e[1]; j++) variance += pow(X[i * e[1] + j] - mean, 2) / (double)e[1];
            for (size_t j = 0; j < e[1]; j++) slopes[i * e[1] + j] = (X[i * e[1] + j] - mean) / sqrt(variance + 1e-5);
        }
        break;
    }
    case OUTER: { /* a row stretched down by broadcast_to */
        s->own[1] = e[1];
        s->b = s->step_to = named_leaf(s, "b", WG_DIMS(1, e[1]));
        s->z = wg_broadcast_to(s->b, s->shape);
        break;
    }
    }
    handmade_named("Z", s->z);
}

static stretched stretched_make(const char *label, forward which, const size_t *e, uint64_t seed)
{
    stretched s = {.h = handmade_new(label, seed), .shape = {which == IMAGES ? 4 : 2, {0}}};
    for (uint32_t d = 0; d < s.shape.rank; d++) s.shape.dim[d] = e[d];
    s.size = size_of(&s.shape);
    double *slopes = handmade_zeros(s.h, s.size), *weights = handmade_random(s.h, s.size, -1, 1);
    forward_record(&s, which, e, slopes);
    wg_var g = handmade_constant(s.h, "G", s.shape, weights), f = wg_tanh(s.z);
    s.h->loss = handmade_named("L", wg_sum(wg_mul(f, g)));
    const double *z = wg_value_f64(s.z);
    double *dz = handmade_gradient_of(s.h, s.z);
    s.db = handmade_gradient_of(s.h, s.b);
    s.terms = handmade_zeros(s.h, s.size);
    for (size_t i = 0; i < s.size; i++) {
        dz[i] = weights[i] * (1 - tanh(z[i]) * tanh(z[i]));
        s.terms[i] = dz[i] * slopes[i];
    }
    return s;
}

static const forward forwards[] = {OF_ROWS, OF_COLUMNS, GAIN, IMAGES, LAYER_NORM, OUTER};
static const size_t extents[3][4] = {{4, 9, 2, 3}, {5, 11, 3, 2}, {6, 12, 2, 2}};

/* Calls a slip for every forward and shape. What it returns is expected. */
static void try_slip(const char *label, wg_cause (*slip)(stretched *s), bool pictures_alone)
{
    for (size_t k = 0; k < 18; k++) {
        forward which = forwards[k / 3];
        if (pictures_alone && which != IMAGES) continue;
        stretched s = stretched_make(label, which, extents[k % 3], 20 * k + 3);
        wg_cause cause = slip(&s);
        handmade_expect(s.h, cause, s.z, s.step_to);
        handmade_free(s.h);
    }
}

/* ---- not summed ------------------------------------------------------------------------------------------------------------ */

/* db = the terms */
static wg_cause not_summed(stretched *s)
{
    memcpy(handmade_gradient_shaped(s->h, s->b, s->shape), s->terms, s->size * sizeof *s->terms);
    return WG_CAUSE_BIAS_NOT_REDUCED;
}

/* for (i < n) db[i] = terms[i] */
static wg_cause first_terms(stretched *s)
{
    memcpy(s->db, s->terms, wg_size(s->b) * sizeof *s->db);
    return WG_CAUSE_BIAS_NOT_REDUCED;
}

/* the images are summed, their places not: (channels, height, width) */
static wg_cause images_alone_summed(stretched *s)
{
    size_t n = s->size / s->shape.dim[0];
    double *numbers = handmade_gradient_shaped(s->h, s->b, WG_DIMS(s->shape.dim[1], s->shape.dim[2], s->shape.dim[3]));
    for (size_t i = 0; i < s->size; i++) numbers[i % n] += s->terms[i];
    return WG_CAUSE_BIAS_NOT_REDUCED;
}

static void test_not_summed(void **state)
{
    (void)state;
    try_slip("not summed", not_summed, false);
    try_slip("the first terms", first_terms, false);
    try_slip("summed over images alone", images_alone_summed, true);
}

/* ---- another axis ------------------------------------------------------------------------------------------------------------ */

/* summed over the axis that is b's, keeping what it is stretched along */
static wg_cause other_axis(stretched *s)
{
    uint32_t axis = s->own[0] > 1 ? 0 : 1;
    wg_shape shape = {0};
    for (uint32_t d = 0; d < s->shape.rank; d++)
        if (d != axis) shape.dim[shape.rank++] = s->shape.dim[d];
    double *numbers = handmade_gradient_shaped(s->h, s->b, shape);
    size_t inner = 1;
    for (uint32_t d = axis + 1; d < s->shape.rank; d++) inner *= s->shape.dim[d];
    for (size_t i = 0; i < s->size; i++) numbers[i / (inner * s->shape.dim[axis]) * inner + i % inner] += s->terms[i];
    return WG_CAUSE_BIAS_WRONG_AXIS;
}

/* everything summed into every element */
static wg_cause all_axes(stretched *s)
{
    double sum = 0;
    for (size_t i = 0; i < s->size; i++) sum += s->terms[i];
    for (size_t i = 0; i < wg_size(s->b); i++) s->db[i] = sum;
    return WG_CAUSE_BIAS_WRONG_AXIS;
}

/* the terms taken for an array of which b's elements are the rows, where they are the columns, or the other way round */
static wg_cause other_order(stretched *s)
{
    size_t n = wg_size(s->b), each = s->size / n;
    for (size_t i = 0; i < s->size; i++) s->db[s->own[0] > 1 ? i % n : i / each] += s->terms[i];
    return WG_CAUSE_BIAS_WRONG_AXIS;
}

static void test_another_axis(void **state)
{
    (void)state;
    try_slip("summed over the other axis", other_axis, false);
    try_slip("summed over all axes", all_axes, false);
    try_slip("summed in another order of the memory", other_order, false);
}

/* Square: the other axis gives the same shape. */
static void test_another_axis_of_a_square(void **state)
{
    static const size_t squares[3][2] = {{5, 5}, {6, 6}, {8, 8}};
    (void)state;
    for (size_t k = 0; k < 9; k++) {
        stretched s = stretched_make("the other axis of a square", forwards[k / 3], squares[k % 3], k + 1);
        size_t n = squares[k % 3][0];
        for (size_t i = 0; i < s.size; i++) s.db[s.own[0] > 1 ? i % n : i / n] += s.terms[i];
        handmade_expect(s.h, WG_CAUSE_BIAS_WRONG_AXIS, s.z, s.step_to);
        handmade_free(s.h);
    }
}

/* ---- means, and one of all ---------------------------------------------------------------------------------------------------- */

static wg_cause averaged(stretched *s)
{
    double each = (double)(s->size / wg_size(s->b));
    for (size_t i = 0; i < s->size; i++) s->db[place_in_b(s, i)] += s->terms[i] / each;
    return WG_CAUSE_BIAS_AVERAGED;
}

/* a sum over places, and a mean over images */
static wg_cause averaged_over_images(stretched *s)
{
    for (size_t i = 0; i < s->size; i++) s->db[place_in_b(s, i)] += s->terms[i] / (double)s->shape.dim[0];
    return WG_CAUSE_BIAS_AVERAGED;
}

static wg_cause only_index(stretched *s, size_t index)
{
    uint32_t axis = s->own[0] > 1 ? 1 : 0;
    for (size_t i = 0; i < s->size; i++)
        if (index_of(s, i, axis) == index) s->db[place_in_b(s, i)] += s->terms[i];
    return WG_CAUSE_BIAS_ONE_SAMPLE;
}

static wg_cause first_sample(stretched *s) { return only_index(s, 0); }
static wg_cause third_sample(stretched *s) { return only_index(s, 2); }
static wg_cause last_sample(stretched *s) { return only_index(s, s->shape.dim[s->own[0] > 1 ? 1 : 0] - 1); }

/* = where += is right */
static wg_cause last_term(stretched *s)
{
    for (size_t i = 0; i < s->size; i++) s->db[place_in_b(s, i)] = s->terms[i];
    return WG_CAUSE_BIAS_ONE_SAMPLE;
}

static void test_averaged(void **state)
{
    (void)state;
    try_slip("averaged", averaged, false);
    try_slip("averaged over images", averaged_over_images, true);
}

static void test_one_sample(void **state)
{
    (void)state;
    try_slip("the first sample", first_sample, false);
    try_slip("the third sample", third_sample, false);
    try_slip("the last sample", last_sample, false);
    try_slip("the last term", last_term, false);
}

/* Of very many samples, the last. */
static void test_one_of_many_samples(void **state)
{
    static const size_t many[3][2] = {{70, 8}, {81, 9}, {90, 10}};
    (void)state;
    for (size_t k = 0; k < 3; k++) {
        stretched s = stretched_make("the last of many samples", GAIN, many[k], k + 1);
        handmade_expect(s.h, last_sample(&s), s.z, s.step_to);
        handmade_free(s.h);
    }
}

/* ---- a weight shared by a batch -------------------------------------------------------------------------------------------------- */

/* C (t,m,n) = A (t,m,k) W (k,n), L = sum of G * C: dW is a sum over the batch of A^T G. */
static void test_shared_weight(void **state)
{
    static const size_t shapes[3][4] = {{4, 3, 5, 6}, {3, 5, 4, 2}, {5, 2, 3, 4}};
    (void)state;
    for (size_t k = 0; k < 12; k++) {
        const size_t *e = shapes[k % 3], t = e[0], m = e[1], in = e[2], out = e[3];
        handmade *h = handmade_new("a weight shared by a batch", k + 1);
        const double *A = handmade_random(h, t * m * in, -1, 1), *G = handmade_random(h, t * m * out, -1, 1);
        wg_var a = handmade_constant(h, "A", WG_DIMS(t, m, in), A);
        wg_var w = handmade_variable(h, "W", WG_DIMS(in, out), handmade_random(h, in * out, -1, 1));
        wg_var c = handmade_named("C", wg_matmul(a, w));
        h->loss = handmade_named("L", wg_sum(wg_mul(c, handmade_constant(h, "G", WG_DIMS(t, m, out), G))));
        memcpy(handmade_gradient_of(h, c), G, t * m * out * sizeof *G);
        wg_cause causes[] = {
            WG_CAUSE_BIAS_NOT_REDUCED, WG_CAUSE_BIAS_AVERAGED, WG_CAUSE_BIAS_ONE_SAMPLE, WG_CAUSE_BIAS_ONE_SAMPLE};
        size_t slip = k / 3;
        double *dw = handmade_gradient_shaped(h, w, slip ? WG_DIMS(in, out) : WG_DIMS(t, in, out));
        for (size_t b = 0; b < t; b++)
            for (size_t i = 0; i < m; i++)
                for (size_t p = 0; p < in; p++)
                    for (size_t q = 0; q < out; q++) {
                        double term = A[(b * m + i) * in + p] * G[(b * m + i) * out + q];
                        if (slip == 0) dw[(b * in + p) * out + q] += term;
                        if (slip == 1) dw[p * out + q] += term / (double)t;
                        if (slip == 2 && b == 0) dw[p * out + q] += term;
                        if (slip == 3 && b == t - 1) dw[p * out + q] += term;
                    }
        handmade_expect(h, causes[slip], c, w);
        handmade_free(h);
    }
}

/* ---- a number ---------------------------------------------------------------------------------------------------------------------- */

/* Z = X * t, t a number: what is not summed has Z's shape. */
static void test_number(void **state)
{
    (void)state;
    for (size_t m = 3; m < 6; m++) {
        handmade *h = handmade_new("a number not summed", m);
        const double *X = handmade_random(h, m * 4, -1, 1), *G = handmade_random(h, m * 4, -1, 1);
        wg_var x = handmade_constant(h, "X", WG_DIMS(m, 4), X);
        wg_var t = handmade_variable(h, "t", WG_SCALAR, (double[]){0.7});
        wg_var z = handmade_named("Z", wg_mul(x, t));
        h->loss = handmade_named("L", wg_sum(wg_mul(z, handmade_constant(h, "G", WG_DIMS(m, 4), G))));
        memcpy(handmade_gradient_of(h, z), G, m * 4 * sizeof *G);
        double *dt = handmade_gradient_shaped(h, t, WG_DIMS(m, 4));
        for (size_t i = 0; i < m * 4; i++) dt[i] = X[i] * G[i];
        handmade_expect(h, WG_CAUSE_BIAS_NOT_REDUCED, z, t);
        handmade_free(h);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_not_summed),
        cmocka_unit_test(test_another_axis),
        cmocka_unit_test(test_another_axis_of_a_square),
        cmocka_unit_test(test_averaged),
        cmocka_unit_test(test_one_sample),
        cmocka_unit_test(test_one_of_many_samples),
        cmocka_unit_test(test_shared_weight),
        cmocka_unit_test(test_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
