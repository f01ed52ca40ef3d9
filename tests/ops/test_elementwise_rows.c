/* Stretched operands of rows that are shorter and longer than vectors, and no multiples of them: every element against the
 * same operation in C, whose result has the same bits; and the gradient, where such an operand is added to what is there. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "wengert.h"

enum { A = 3, B = 7, MOST = 70, SHAPES = 8 };

/* How the second operand is stretched over (A, B, n): its extents, 0 for n. */
static const size_t shapes[SHAPES][3] = {
    {1, 1, 0}, {1, B, 1}, {A, 1, 0}, {A, B, 1}, {1, 1, 1}, {1, B, 0}, {A, 1, 1}, {A, B, 0}};

typedef struct operands {
    wg_tape *tape;
    size_t n;
    size_t dim[3]; /* of b */
    wg_var a, b, c;
} operands;

static double number(size_t i) { return (double)((i * 37 + 11) % 64) / 8 - 4; }

static wg_var leaf(wg_tape *tape, size_t d0, size_t d1, size_t d2, size_t seed)
{
    wg_var var = wg_variable_raw(tape, (wg_shape){3, {d0, d1, d2}}, NULL);
    void *values = wg_value_mut(var);
    for (size_t i = 0; i < d0 * d1 * d2; i++)
        if (wg_tape_dtype(tape) == WG_F64)
            ((double *)values)[i] = number(i + seed) / 3;
        else
            ((float *)values)[i] = (float)(number(i + seed) / 3);
    return var;
}

static double at(wg_tape *tape, const void *values, size_t i)
{
    return wg_tape_dtype(tape) == WG_F64 ? ((const double *)values)[i] : (double)((const float *)values)[i];
}

/* Where element (i, j, k) of (A, B, n) reads b. */
static size_t place(const operands *o, size_t i, size_t j, size_t k)
{
    size_t row = o->dim[0] == 1 ? 0 : i, column = o->dim[1] == 1 ? 0 : j, last = o->dim[2] == 1 ? 0 : k;
    return (row * o->dim[1] + column) * o->dim[2] + last;
}

typedef double formula(double a, double b);
static double sum(double a, double b) { return a + b; }
static double difference(double a, double b) { return b - a; }
static double product(double a, double b) { return a * b; }
static double larger(double a, double b) { return a > b ? a : b; }
static double chosen(double a, double b) { return b != 0 ? a : b; }
static double fused(double a, double b) { return fma(a, b, b); }
static double fused_float(double a, double b) { return (double)fmaf((float)a, (float)b, (float)b); }

static void check(const operands *o, wg_var y, const void *a, const void *b, formula *f)
{
    assert_string_equal(wg_tape_message(o->tape), "");
    const void *got = wg_value(y);
    for (size_t i = 0, e = 0; i < A; i++)
        for (size_t j = 0; j < B; j++)
            for (size_t k = 0; k < o->n; k++, e++) {
                double want = f(at(o->tape, a, e), at(o->tape, b, place(o, i, j, k)));
                if (wg_tape_dtype(o->tape) == WG_F32) want = (double)(float)want;
                if (at(o->tape, got, e) != want)
                    fail_msg("row (%zu,%zu) of %zu, element %zu: %.17g, not %.17g", i, j, o->n, k, at(o->tape, got, e),
                        want);
            }
}

/* The derivative of a b + a c with respect to a is b + c. */
static void check_gradient(const operands *o, const void *b, const void *c)
{
    wg_backward(wg_sum(wg_add(wg_mul(o->a, o->b), wg_mul(o->c, o->a))));
    assert_string_equal(wg_tape_message(o->tape), "");
    const void *got = wg_grad(o->a);
    for (size_t i = 0, e = 0; i < A; i++)
        for (size_t j = 0; j < B; j++)
            for (size_t k = 0; k < o->n; k++, e++) {
                size_t p = place(o, i, j, k);
                double want = at(o->tape, b, p) + at(o->tape, c, p);
                if (wg_tape_dtype(o->tape) == WG_F32) want = (double)(float)want;
                assert_true(at(o->tape, got, e) == want);
            }
}

static void check_all(wg_dtype dtype, size_t n, const size_t *shape)
{
    wg_tape *tape = wg_tape_new_with(&(wg_tape_options){.dtype = dtype}, NULL);
    operands o = {.tape = tape, .n = n, .dim = {shape[0], shape[1], shape[2] ? shape[2] : n}};
    o.a = leaf(tape, A, B, n, 0);
    o.b = leaf(tape, o.dim[0], o.dim[1], o.dim[2], 5);
    o.c = leaf(tape, o.dim[0], o.dim[1], o.dim[2], 9);
    const void *a = wg_value(o.a), *b = wg_value(o.b), *c = wg_value(o.c);
    check(&o, wg_add(o.a, o.b), a, b, sum);
    check(&o, wg_sub(o.b, o.a), a, b, difference);
    check(&o, wg_mul(o.a, o.b), a, b, product);
    check(&o, wg_maximum(o.a, o.b), a, b, larger);
    check(&o, wg_where(o.b, o.a, o.b), a, b, chosen);
    check(&o, wg_fma(o.a, o.b, o.b), a, b, dtype == WG_F64 ? fused : fused_float);
    check_gradient(&o, b, c);
    wg_tape_free(tape);
}

static void test_rows(void **state)
{
    (void)state;
    for (size_t n = 1; n <= MOST; n += n < 10 ? 1 : 7)
        for (size_t s = 0; s < SHAPES; s++)
            for (int dtype = WG_F32; dtype <= WG_F64; dtype++) check_all((wg_dtype)dtype, n, shapes[s]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows)};
    return cmocka_run_group_tests_name("ops/elementwise_rows", tests, NULL, NULL);
}
