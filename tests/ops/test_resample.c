/* Resampling: against the definition, which interpolates every output from all corners at once; known values; what an
 * output must not look at. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "support/point.h"

typedef enum rule { NEAREST, LINEAR, CORNERS } rule;

typedef struct setting {
    rule how;
    size_t n, size[3];
} setting;

/* ---- the reference ------------------------------------------------------------------------------------------------------ */

static long double place_of(rule how, size_t j, size_t from, size_t to)
{
    long double x = (long double)j, m = (long double)from, n = (long double)to, place = 0;
    if (how == NEAREST) return (long double)(j * from / to);
    if (how == LINEAR) place = (x + 0.5L) * m / n - 0.5L;
    if (how == CORNERS && to > 1) place = x * (m - 1) / (n - 1);
    return place < 0 ? 0 : place > m - 1 ? m - 1 : place;
}

static void reference(array *out, const array *in, size_t n, const void *user)
{
    const setting *s = user;
    wg_shape shape = in->shape;
    uint32_t first = shape.rank - (uint32_t)s->n;
    (void)n;
    for (size_t d = 0; d < s->n; d++) shape.dim[first + d] = s->size[d];
    *out = array_new(shape);
    for (size_t i = 0; i < out->size; i++) {
        size_t at[WG_MAX_RANK], corner[WG_MAX_RANK];
        shape_tuple(&shape, i, at);
        for (size_t k = 0; k < (size_t)1 << s->n; k++) { /* the corners of the cell, each with a product of weights */
            long double weight = 1;
            for (uint32_t d = 0; d < first; d++) corner[d] = at[d];
            for (size_t d = 0; d < s->n; d++) {
                long double place = place_of(s->how, at[first + d], in->shape.dim[first + d], s->size[d]);
                size_t low = (size_t)floorl(place), high = low + (k >> d & 1);
                long double part = place - (long double)low;
                weight *= k >> d & 1 ? part : 1 - part;
                corner[first + d] = high < in->shape.dim[first + d] ? high : low;
            }
            out->at[i] += weight * in->at[shape_flat(&in->shape, corner)];
        }
    }
}

static wg_var apply_nearest(wg_tape *tape, const wg_var *in, size_t n, const void *user)
{
    const setting *s = user;
    (void)tape, (void)n;
    return wg_upsample_nearest(in[0], s->size, s->n);
}
static wg_var apply_linear(wg_tape *tape, const wg_var *in, size_t n, const void *user)
{
    const setting *s = user;
    (void)tape, (void)n;
    return wg_upsample_linear(in[0], s->size, s->n, s->how == CORNERS);
}
static wg_var apply_bilinear(wg_tape *tape, const wg_var *in, size_t n, const void *user)
{
    const setting *s = user;
    (void)tape, (void)n;
    return wg_upsample_bilinear(in[0], s->size[0], s->size[1], s->how == CORNERS);
}

/* ---- rows --------------------------------------------------------------------------------------------------------------- */

#define TO(how_, n_, ...)                                                                                              \
    &(const setting)                                                                                                   \
    {                                                                                                                  \
        .how = how_, .n = n_, .size = { __VA_ARGS__ }                                                                  \
    }
#define CASES(how)                                                                                                     \
    CASE_WITH(TO(how, 1, 6), 1, SHAPE(2, 3, 3)), CASE_WITH(TO(how, 1, 7), 1, SHAPE(3)),                                \
        CASE_WITH(TO(how, 1, 4), 1, SHAPE(2, 4)), CASE_WITH(TO(how, 1, 1), 1, SHAPE(2, 5)),                            \
        CASE_WITH(TO(how, 1, 3), 1, SHAPE(1, 8)), CASE_WITH(TO(how, 1, 5), 1, SHAPE(2, 1)),                            \
        CASE_WITH(TO(how, 2, 6, 4), 1, SHAPE(2, 2, 3, 2)), CASE_WITH(TO(how, 2, 2, 5), 1, SHAPE(3, 5, 2)),             \
        CASE_WITH(TO(how, 2, 3, 7), 1, SHAPE(2, 3, 4)), CASE_WITH(TO(how, 2, 5, 4), 1, SHAPE(3, 4)),                   \
        CASE_WITH(TO(how, 2, 3, 4), 1, SHAPE(3, 4)), CASE_WITH(TO(how, 2, 2, 3), 1, SHAPE(0, 2, 5, 4))
#define CASES_3(how)                                                                                                   \
    CASE_WITH(TO(how, 3, 3, 4, 5), 1, SHAPE(1, 2, 2, 2, 3)), CASE_WITH(TO(how, 3, 2, 1, 3), 1, SHAPE(2, 3, 2, 2))

static const row_case cases_nearest[] = {CASES(NEAREST), CASES_3(NEAREST)};
static const row_case cases_linear[] = {CASES(LINEAR), CASES_3(LINEAR), CASES(CORNERS), CASES_3(CORNERS)};
static const row_case cases_bilinear[] = {CASE_WITH(TO(LINEAR, 2, 6, 4), 1, SHAPE(2, 2, 3, 2)),
    CASE_WITH(TO(CORNERS, 2, 6, 4), 1, SHAPE(2, 2, 3, 2)), CASE_WITH(TO(LINEAR, 2, 2, 3), 1, SHAPE(2, 7, 4))};

#define RESAMPLED                                                                                                      \
    .reference = reference, .domain = {FROM(-2, 2)}, .roundings = 8, .sum = true, .composite = true, .pieces = true

static const row rows[] = {
    ROW(wg_upsample_nearest, .apply = apply_nearest, ROW_CASES(cases_nearest), RESAMPLED),
    ROW(wg_upsample_linear, .apply = apply_linear, ROW_CASES(cases_linear), RESAMPLED),
    ROW(wg_upsample_bilinear, .apply = apply_bilinear, ROW_CASES(cases_bilinear), RESAMPLED),
};

static void test_allocations(void **state)
{
    (void)state;
    row_fail_allocations(&rows[0], &cases_nearest[6]);
    row_fail_allocations(&rows[2], &cases_bilinear[1]);
}

/* ---- known values ---------------------------------------------------------------------------------------------------------- */

static void expect(wg_var y, const double *expected)
{
    for (size_t i = 0; i < wg_size(y); i++)
        if (wg_at(y, i) != expected[i]) fail_msg("element %zu: %.17g, expected %g", i, wg_at(y, i), expected[i]);
}

/* Two cells of 0 and 4 in four: their middles are at 1/4, 3/4, 5/4, 7/4 of the old cells. */
static void test_values(void **state)
{
    (void)state;
    for (int dtype = WG_F32; dtype <= WG_F64; dtype++) {
        wg_tape *tape = wg_tape_new((wg_dtype)dtype);
        wg_var two = wg_constant_f64(tape, WG_DIMS(2), (double[]){0, 4});
        wg_var five = wg_constant_f64(tape, WG_DIMS(5), (double[]){0, 1, 2, 3, 4});
        wg_var square = wg_constant_f64(tape, WG_DIMS(2, 2), (double[]){0, 4, 8, 12});
        const size_t four = 4, three = 3;
        expect(wg_upsample_linear(two, &four, 1, false), (double[]){0, 1, 3, 4});
        expect(wg_upsample_linear(two, &three, 1, true), (double[]){0, 2, 4});
        expect(wg_upsample_linear(five, &three, 1, true), (double[]){0, 2, 4});
        expect(wg_upsample_nearest(two, &three, 1), (double[]){0, 0, 4});
        expect(wg_upsample_nearest(five, &three, 1), (double[]){0, 1, 3});
        expect(wg_upsample_bilinear(square, 3, 3, true), (double[]){0, 2, 4, 4, 6, 8, 8, 10, 12});
        expect(wg_upsample_nearest(square, (const size_t[]){4, 2}, 2), (double[]){0, 4, 0, 4, 8, 12, 8, 12});
        assert_int_equal(wg_tape_status(tape), WG_OK);
        wg_tape_free(tape);
    }
}

/* An output on an input, or before the first, is that input, though its neighbour be infinite; and gives it nothing back. */
static void test_neighbours(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var x = wg_variable(tape, WG_DIMS(3), ((double[]){1, INFINITY, 2}));
    const size_t nine = 9, same = 3;
    wg_var y = wg_upsample_linear(x, &nine, 1, false);
    assert_true(wg_at(y, 0) == 1 && wg_at(y, 1) == 1 && isinf(wg_at(y, 2)) && isinf(wg_at(y, 4)) && wg_at(y, 7) == 2);
    assert_int_equal(wg_backward_from(y, (double[]){0, INFINITY, 0, 0, 0, 0, 0, 0, 0}), WG_OK);
    assert_true(isinf(wg_grad_at(x, 0)) && wg_grad_at(x, 1) == 0 && wg_grad_at(x, 2) == 0);
    expect(wg_upsample_linear(x, &same, 1, false), (double[]){1, INFINITY, 2});
    expect(wg_upsample_linear(x, &same, 1, true), (double[]){1, INFINITY, 2});
    wg_tape_free(tape);
}

/* Many extents against each other: nearest in whole numbers; corners that meet; a constant that stays. */
static void test_extents(void **state)
{
    (void)state;
    double ones[60], places[60];
    for (size_t i = 0; i < 60; i++) ones[i] = 1, places[i] = (double)i;
    wg_tape *tape = wg_tape_new(WG_F64);
    for (size_t m = 1; m <= 60; m++)
        for (size_t n = 1; n <= 60; n++) {
            wg_mark mark = wg_tape_mark(tape);
            wg_var flat = wg_constant_f64(tape, WG_DIMS(m), ones), ramp = wg_constant_f64(tape, WG_DIMS(m), places);
            wg_var nearest = wg_upsample_nearest(ramp, &n, 1), corners = wg_upsample_linear(ramp, &n, 1, true);
            wg_var level = wg_upsample_linear(flat, &n, 1, false);
            for (size_t j = 0; j < n; j++) {
                assert_true(wg_at(nearest, j) == (double)(j * m / n));
                assert_true(fabs(wg_at(level, j) - 1) < 1e-15);
            }
            assert_true(wg_at(corners, 0) == 0 && (n == 1 || wg_at(corners, n - 1) == (double)(m - 1)));
            assert_int_equal(wg_tape_rewind(tape, mark), WG_OK);
        }
    wg_tape_free(tape);
}

/* ---- errors -------------------------------------------------------------------------------------------------------------- */

static void test_errors(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var x = wg_name(wg_variable_f64(tape, WG_DIMS(2, 3), NULL), "x");
    wg_var nothing = wg_constant_f64(tape, WG_DIMS(2, 0), NULL), indices = wg_indices(tape, WG_DIMS(2), NULL);
    const size_t size[] = {4, 0, 5}, huge[] = {PTRDIFF_MAX / 4, PTRDIFF_MAX / 4};
    wg_stats before, after;
    wg_tape_stats(tape, &before);
    wg_upsample_nearest(x, size, 2);
    point_expect_error(tape, WG_ERROR_SHAPE, "upsample_nearest:", "axis 1", "3 to 0", "x (2,3)", NULL);
    wg_upsample_linear(x, size, 3, false);
    point_expect_error(tape, WG_ERROR_SHAPE, "upsample_linear:", "3 sizes", "x (2,3)", NULL);
    wg_upsample_linear(x, size, 0, false);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "upsample_linear:", "no sizes", NULL);
    wg_upsample_linear(x, NULL, 1, false);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "upsample_linear:", "no sizes", NULL);
    wg_upsample_bilinear(nothing, 2, 2, false);
    point_expect_error(tape, WG_ERROR_SHAPE, "upsample_bilinear:", "axis 1", "0 to 2", "(2,0)", NULL);
    wg_upsample_bilinear(x, SIZE_MAX, 2, true);
    point_expect_error(tape, WG_ERROR_SHAPE, "upsample_bilinear:", "axis 0", NULL);
    wg_upsample_nearest(x, huge, 2);
    point_expect_error(tape, WG_ERROR_SHAPE, "upsample_nearest:", "overflows", NULL);
    wg_upsample_nearest(indices, size, 1);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "upsample_nearest:", "indices", NULL);
    assert_null(wg_upsample_nearest((wg_var){0}, size, 1).tape);
    wg_tape_stats(tape, &after);
    assert_int_equal(before.nodes, after.nodes);
    wg_tape_free(tape);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_allocations),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_neighbours),
        cmocka_unit_test(test_extents),
        cmocka_unit_test(test_errors),
    };
    return row_main("ops/resample", rows, sizeof rows / sizeof *rows, tests, sizeof tests / sizeof *tests);
}
