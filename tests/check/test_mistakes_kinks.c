/* Where there is no derivative, conventions differ, and gradients written by another one are right: at kinks of functions, at
 * ties of maxima, and among equal elements that were sorted. L = sum C y in each, y the function's result. */
#include "support/handmade.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* ---- functions of one input ------------------------------------------------------------------------------------------------ */

/* slope at x, where at a kink `at` is taken. */
typedef struct kink_row {
    const char *label;
    wg_var (*f)(wg_var x);
    double (*slope)(double x, double at);
    double kink; /* some elements are this */
    double at;
    bool mistake; /* no convention: a slope that is not between those of the sides */
} kink_row;

static wg_var clamp(wg_var x) { return wg_clamp(x, -0.5, 0.5); }
static wg_var hardtanh(wg_var x) { return wg_hardtanh(x, -0.5, 0.5); }
static wg_var leaky(wg_var x) { return wg_leaky_relu(x, 0.1); }
static wg_var shrink(wg_var x) { return wg_softshrink(x, 0.25); }

static double slope_relu(double x, double at) { return x == 0 ? at : x > 0; }
static double slope_abs(double x, double at) { return x == 0 ? at : x > 0 ? 1 : -1; }
static double slope_clamp(double x, double at) { return fabs(x) == 0.5 ? at : fabs(x) < 0.5; }
static double slope_leaky(double x, double at) { return x == 0 ? at : x > 0 ? 1 : 0.1; }
static double slope_shrink(double x, double at) { return fabs(x) == 0.25 ? at : fabs(x) > 0.25; }

static const kink_row rows[] = {
    {"relu'(0) = 1", wg_relu, slope_relu, 0, 1, false},
    {"relu'(0) = 1/2", wg_relu, slope_relu, 0, 0.5, false},
    {"relu'(0) = 2", wg_relu, slope_relu, 0, 2, true},
    {"abs'(0) = 1", wg_abs, slope_abs, 0, 1, false},
    {"abs'(0) = -1", wg_abs, slope_abs, 0, -1, false},
    {"abs'(0) = 3", wg_abs, slope_abs, 0, 3, true},
    {"clamp'(1/2) = 0", clamp, slope_clamp, 0.5, 0, false},
    {"clamp'(-1/2) = 1/2", clamp, slope_clamp, -0.5, 0.5, false},
    {"hardtanh'(1/2) = 1", hardtanh, slope_clamp, 0.5, 1, false},
    {"leaky'(0) = 1", leaky, slope_leaky, 0, 1, false},
    {"leaky'(0) = 0.55", leaky, slope_leaky, 0, 0.55, false},
    {"leaky'(0) = 0", leaky, slope_leaky, 0, 0, true},
    {"shrink'(1/4) = 1", shrink, slope_shrink, 0.25, 1, false},
};

static bool lacks_kinks(const wg_check_report *report)
{
    for (size_t k = 0; k < report->causes_count; k++)
        if (report->causes[k].cause == WG_CAUSE_KINK) return false;
    return true;
}

/* It is wrong, and nobody calls it a convention. */
static void expect_mistake(handmade *h)
{
    const wg_check_report *report;
    wg_check *check = wg_check_new(h->loss);
    for (size_t k = 0; k < h->n; k++) {
        const handmade_gradient *g = &h->gradients[k];
        assert_int_equal(wg_check_supply_f64(check, g->var, wg_shape_of(g->var), g->numbers), WG_OK);
    }
    assert_int_equal(wg_check_run(check, &report), WG_OK);
    assert_false(report->right);
    assert_true(lacks_kinks(report));
    wg_check_free(check);
}

static void at_a_kink(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++)
        for (size_t n = 8; n < 40; n += 11) {
            handmade *h = handmade_new(rows[k].label, n + k);
            double *x = handmade_random(h, n, -1, 1);
            for (size_t i = 1; i < n; i += 3) x[i] = rows[k].kink;
            const double *c = handmade_random(h, n, 0.5, 1);
            wg_var of_x = handmade_variable(h, "X", WG_DIMS(n), x), y = handmade_named("Y", rows[k].f(of_x));
            h->loss = wg_sum(wg_mul(handmade_constant(h, "C", WG_DIMS(n), c), y));
            double *dx = handmade_gradient_of(h, of_x);
            for (size_t i = 0; i < n; i++) dx[i] = c[i] * rows[k].slope(x[i], rows[k].at);
            if (rows[k].mistake)
                expect_mistake(h);
            else
                handmade_expect_kink(h);
            handmade_free(h);
        }
}

/* Without an element at the kink, the other slope there is not what is wrong. */
static void beside_a_kink(void **state)
{
    (void)state;
    handmade *h = handmade_new("relu beside its kink", 3);
    double *x = handmade_random(h, 12, 0.1, 1);
    const double *c = handmade_random(h, 12, 0.5, 1);
    x[3] = -1e-9;
    wg_var of_x = handmade_variable(h, "X", WG_DIMS(12), x), y = handmade_named("Y", wg_relu(of_x));
    h->loss = wg_sum(wg_mul(handmade_constant(h, "C", WG_DIMS(12), c), y));
    double *dx = handmade_gradient_of(h, of_x);
    for (size_t i = 0; i < 12; i++) dx[i] = c[i];
    expect_mistake(h);
    handmade_free(h);
}

/* ---- ties ------------------------------------------------------------------------------------------------------------------- */

/* The larger of two: at ties all to the first, or all to both. */
static void of_two(void **state)
{
    (void)state;
    for (int both = 0; both < 2; both++)
        for (size_t n = 9; n < 40; n += 10) {
            handmade *h = handmade_new(both ? "maximum: all to both" : "maximum: all to the first", n);
            double *a = handmade_random(h, n, -1, 1), *b = handmade_random(h, n, -1, 1);
            for (size_t i = 0; i < n; i += 2) a[i] = b[i];
            const double *c = handmade_random(h, n, 0.5, 1);
            wg_var of_a = handmade_variable(h, "A", WG_DIMS(n), a), of_b = handmade_variable(h, "B", WG_DIMS(n), b);
            wg_var y = handmade_named("Y", wg_maximum(of_a, of_b));
            h->loss = wg_sum(wg_mul(handmade_constant(h, "C", WG_DIMS(n), c), y));
            double *da = handmade_gradient_of(h, of_a), *db = handmade_gradient_of(h, of_b);
            for (size_t i = 0; i < n; i++) {
                da[i] = a[i] >= b[i] ? c[i] : 0;
                db[i] = b[i] > a[i] || (both && a[i] == b[i]) ? c[i] : 0;
            }
            handmade_expect_kink(h);
            handmade_free(h);
        }
}

typedef enum takes { FIRST, LAST, EACH, TAKES } takes;
static const char *const says[TAKES] = {"all to the first", "all to the last", "all to each"};

/* The largest, or smallest, of each row, where several are. */
static void try_rows(size_t rows_count, size_t columns, bool smallest, takes taken)
{
    handmade *h = handmade_new(says[taken], rows_count);
    double *x = handmade_random(h, rows_count * columns, -1, 1);
    for (size_t r = 0; r < rows_count; r++)
        x[r * columns + 1] = x[r * columns + columns - 1] = smallest ? -2 - (double)r : 2 + (double)r;
    const double *c = handmade_random(h, rows_count, 0.5, 1);
    wg_var of_x = handmade_variable(h, "X", WG_DIMS(rows_count, columns), x);
    wg_var y = smallest ? wg_min_axes(of_x, WG_AXES(1), false) : wg_max_axes(of_x, WG_AXES(1), false);
    h->loss = wg_sum(wg_mul(handmade_constant(h, "C", WG_DIMS(rows_count), c), handmade_named("Y", y)));
    double *dx = handmade_gradient_of(h, of_x);
    for (size_t r = 0; r < rows_count; r++) {
        if (taken != LAST) dx[r * columns + 1] = c[r];
        if (taken != FIRST) dx[r * columns + columns - 1] = c[r];
    }
    handmade_expect_kink(h);
    handmade_free(h);
}

/* Windows of 2 by 2 of an image that relu left zeros in. */
static void try_pool(size_t height, size_t width, takes taken)
{
    handmade *h = handmade_new(says[taken], height);
    double *x = handmade_random(h, 2 * height * width, -2, 1);
    for (size_t i = 0; i < 2 * height * width; i++)
        if (x[i] < 0) x[i] = 0;
    size_t rows_count = height / 2, columns = width / 2, n = 2 * rows_count * columns;
    const double *c = handmade_random(h, n, 0.5, 1);
    wg_var of_x = handmade_variable(h, "X", WG_DIMS(1, 2, height, width), x);
    wg_var y = handmade_named("Y", wg_max_pool2d(of_x, &(wg_pool_options){.kernel = {2, 2}}));
    h->loss = wg_sum(wg_mul(handmade_constant(h, "C", WG_DIMS(1, 2, rows_count, columns), c), y));
    double *dx = handmade_gradient_of(h, of_x);
    for (size_t k = 0; k < n; k++) {
        size_t plane = k / (rows_count * columns), i = k / columns % rows_count * 2, j = k % columns * 2;
        size_t at[4], chosen = SIZE_MAX;
        double largest = wg_value_f64(y)[k];
        for (size_t t = 0; t < 4; t++) at[t] = (plane * height + i + t / 2) * width + j + t % 2;
        for (size_t t = 0; t < 4; t++) {
            if (x[at[t]] != largest) continue;
            if (taken == LAST || chosen == SIZE_MAX) chosen = t;
            if (taken == EACH) dx[at[t]] = c[k];
        }
        if (taken != EACH) dx[at[chosen]] = c[k];
    }
    handmade_expect_kink(h);
    handmade_free(h);
}

static void of_many(void **state)
{
    (void)state;
    for (int taken = FIRST; taken < TAKES; taken++) {
        for (int smallest = 0; smallest < 2; smallest++) {
            try_rows(3, 5, smallest, (takes)taken);
            try_rows(6, 4, smallest, (takes)taken);
            try_rows(4, 9, smallest, (takes)taken);
        }
        try_pool(4, 6, (takes)taken);
        try_pool(6, 4, (takes)taken);
        try_pool(8, 10, (takes)taken);
    }
}

/* L = sum C sort(x): of equal elements the last was taken for the first. */
static void of_sorted_ones(void **state)
{
    (void)state;
    for (size_t n = 8; n < 30; n += 7) {
        handmade *h = handmade_new("sorted", n);
        double *x = handmade_random(h, n, -1, 1);
        x[2] = x[5] = x[n - 1] = 0.25;
        const double *c = handmade_random(h, n, 0.5, 1);
        wg_var of_x = handmade_variable(h, "X", WG_DIMS(n), x), y = handmade_named("Y", wg_sort(of_x, 0, false));
        h->loss = wg_sum(wg_mul(handmade_constant(h, "C", WG_DIMS(n), c), y));
        double *dx = handmade_gradient_of(h, of_x);
        for (size_t i = 0; i < n; i++) {
            size_t place = 0;
            for (size_t j = 0; j < n; j++) place += x[j] < x[i] || (x[j] == x[i] && j > i);
            dx[i] = c[place];
        }
        handmade_expect_kink(h);
        handmade_free(h);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(at_a_kink),
        cmocka_unit_test(beside_a_kink),
        cmocka_unit_test(of_two),
        cmocka_unit_test(of_many),
        cmocka_unit_test(of_sorted_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
