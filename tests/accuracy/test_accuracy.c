/* The accuracy of elementwise functions: values, first derivatives and (of one input) second ones, against the tables
 * that tables.py makes from mpmath. Every function over its whole domain, in both dtypes, on arrays and on scalars, its
 * derivatives swept and recorded.
 *
 * A value's error is counted in units in the last place (ULP) of what is right; a derivative's in ULP times its
 * condition number where that is above 1: how far a relative error of one ULP in the input moves it, which no
 * computation with a rounding on its way avoids. Below the smallest normal number a unit is the smallest subnormal.
 * What may be exceeded, and why, stands in one table below. With --markdown the program prints the worst error found of
 * each function, which is docs/accuracy.md. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "support/row.h"

#include "ops/elementwise/roster.h"

/* ---- what is tested ---------------------------------------------------------------------------------------------------- */

#define VALUE  4.0  /* ULP */
#define SLOPE  4.0  /* ULP times the condition number */
#define SECOND 16.0 /* the same. It is recorded, with a rounding for each step, in sums whose terms may be larger */

typedef struct bound {
    const char *name;
    double value, slope, second;
    bool conditioned; /* the value, too, is allowed its condition: it has zeros that are no special points */
} bound;

/* The exceptions. */
static const bound bounds[] = {
    {"lgamma", VALUE, SLOPE, SECOND, true},      /* zeros between negative integers: 4 |x f'| eps there */
    {"digamma", VALUE, SLOPE, SECOND, true},     /* its zeros likewise */
    {"polygamma_2", VALUE, SLOPE, SECOND, true}, /* of even order: one zero between each two negative integers */
    {"logaddexp", VALUE, SLOPE, SECOND, true},   /* zero where e^a + e^b = 1 */
};

/* Selections, and single operations of IEEE 754 and products and sums of two: nothing to approximate. */
static const char *const exact[] = {"neg", "abs", "relu", "relu6", "leaky_relu", "add", "sub", "mul", "maximum",
    "minimum", "copysign", "fmod", "remainder", "heaviside", "frac", "fmax", "fmin", "prelu"};

typedef struct subject {
    const char *name;
    row op;
} subject;

#define ELU_ALPHA 1.5

static wg_var celu(wg_var x) { return wg_celu(x, 0.75); }
static wg_var polygamma_1(wg_var x) { return wg_polygamma(1, x); }
static wg_var polygamma_2(wg_var x) { return wg_polygamma(2, x); }
static wg_var polygamma_5(wg_var x) { return wg_polygamma(5, x); }

static const subject subjects[] = {
#define ONE(name_, na)     {#name_, {.unary = wg_##name_}},
#define TWO(name_, na, nb) {#name_, {.binary = wg_##name_}},
#define WITH(name_, na)    {#name_, {.with_parameter = wg_##name_, .parameters = {ELU_ALPHA}}},
    EW_PUBLIC_1(ONE) EW_SPECIAL_1(ONE) EW_PUBLIC_2(TWO) EW_PUBLIC_P(WITH)
#undef ONE
#undef TWO
#undef WITH
        {"polygamma_1", {.unary = polygamma_1}},
    {"celu", {.unary = celu}},
    {"polygamma_2", {.unary = polygamma_2}},
    {"polygamma_5", {.unary = polygamma_5}},
};
enum { SUBJECTS = sizeof subjects / sizeof *subjects, INPUTS = 2, POINTS = 1024 };

static bool is_exact(const char *name)
{
    for (size_t i = 0; i < sizeof exact / sizeof *exact; i++)
        if (strcmp(exact[i], name) == 0) return true;
    return false;
}

static bound bound_of(const char *name)
{
    for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++)
        if (strcmp(bounds[i].name, name) == 0) return bounds[i];
    return (bound){name, VALUE, SLOPE, SECOND, false};
}

/* ---- tables ---------------------------------------------------------------------------------------------------------------- */

typedef struct line {
    double x[INPUTS];
    long double value, slope[INPUTS], condition[INPUTS]; /* of one input: the first and the second */
} line;

typedef struct table {
    size_t n, inputs;
    line at[POINTS];
} table;

static void table_read(table *t, const subject *s)
{
    char path[4096], text[512];
    snprintf(path, sizeof path, "%s/%s.txt", ACCURACY_TABLES, s->name);
    FILE *file = fopen(path, "r");
    if (!file) fail_msg("%s is missing: let tables.py make it, or name the function among the exact ones", path);
    t->inputs = s->op.binary ? 2 : 1;
    t->n = 0;
    while (fgets(text, sizeof text, file)) {
        if (*text == '#') continue;
        assert_true(t->n < POINTS);
        line *l = &t->at[t->n++];
        char *next = text;
        for (size_t k = 0; k < t->inputs; k++) l->x[k] = strtod(next, &next);
        l->value = strtold(next, &next);
        for (size_t k = 0; k < 2; k++) {
            l->slope[k] = strtold(next, &next);
            l->condition[k] = strtold(next, &next);
        }
        assert_true(*next == '\n');
    }
    fclose(file);
    assert_true(t->n >= 50);
}

/* ---- errors ---------------------------------------------------------------------------------------------------------------- */

static long double largest(wg_dtype dtype) { return dtype == WG_F64 ? (long double)DBL_MAX : (long double)FLT_MAX; }

static long double epsilon(wg_dtype dtype)
{
    return dtype == WG_F64 ? (long double)DBL_EPSILON : (long double)FLT_EPSILON;
}

static long double unit_of(long double right, wg_dtype dtype)
{
    int exponent, digits = dtype == WG_F64 ? DBL_MANT_DIG : FLT_MANT_DIG;
    int lowest = (dtype == WG_F64 ? DBL_MIN_EXP : FLT_MIN_EXP) - digits;
    frexpl(right, &exponent);
    exponent = right == 0 || exponent - digits < lowest ? lowest : exponent - digits;
    return ldexpl(1, exponent);
}

/* In units; what overflows is not counted. */
static double error_of(double got, long double right, long double unit, wg_dtype dtype)
{
    if (fabsl(right) > largest(dtype) * (1 - 16 * epsilon(dtype))) return 0;
    long double error = fabsl((long double)got - right) / unit;
    return error <= 1e30L ? (double)error : 1e30; /* NaN too */
}

typedef struct worst {
    double error;
    const line *at;
    double got;
    const char *how;
} worst;

typedef struct result {
    worst value[2], slope[2], second[2]; /* by dtype */
} result;

static void note(worst *w, double error, const line *at, double got, const char *how)
{
    if (error > w->error || !w->at) *w = (worst){error, at, got, how};
}

static void note_value(
    result *r, const bound *b, const table *t, const line *l, double got, wg_dtype dtype, const char *how)
{
    long double unit = unit_of(l->value, dtype), moved = 0;
    for (size_t k = 0; k < t->inputs; k++) moved += fabsl(l->x[k] * l->slope[k]) * epsilon(dtype);
    if (b->conditioned && moved > unit) unit = moved;
    note(&r->value[dtype], error_of(got, l->value, unit, dtype), l, got, how);
}

static void note_slope(worst *w, const line *l, size_t k, double got, wg_dtype dtype, const char *how)
{
    if (fabsl(l->slope[0]) > largest(dtype)) return;
    long double unit = unit_of(l->slope[k], dtype);
    if (l->condition[k] > 1) unit *= l->condition[k];
    note(w, error_of(got, l->slope[k], unit, dtype), l, got, how);
}

/* ---- evaluating ------------------------------------------------------------------------------------------------------------ */

/* The lines whose inputs the dtype holds, and whose value it does. */
static size_t usable(const table *t, wg_dtype dtype, const line **lines)
{
    size_t n = 0;
    for (size_t i = 0; i < t->n; i++) {
        const line *l = &t->at[i];
        bool fits = fabsl(l->value) <= largest(dtype);
        for (size_t k = 0; k < t->inputs && dtype == WG_F32; k++)
            if (fabs(l->x[k]) > (double)FLT_MAX || (double)(float)l->x[k] != l->x[k]) fits = false;
        if (fits) lines[n++] = l;
    }
    return n;
}

static void on_arrays(result *r, const subject *s, const table *t, const line **lines, size_t n, wg_dtype dtype)
{
    bound b = bound_of(s->name);
    wg_tape *tape = wg_tape_new(dtype);
    double numbers[INPUTS][POINTS];
    wg_var in[INPUTS], grads[INPUTS], second = {0};
    for (size_t k = 0; k < t->inputs; k++) {
        for (size_t i = 0; i < n; i++) numbers[k][i] = lines[i]->x[k];
        in[k] = wg_variable_f64(tape, WG_DIMS(n), numbers[k]);
    }
    for (size_t i = 0; i < n; i++) numbers[0][i] = 1;
    wg_var out = row_call(&s->op, tape, in, t->inputs, NULL), ones = wg_constant_f64(tape, WG_DIMS(n), numbers[0]);
    wg_vjp(out, ones, in, t->inputs, grads);
    wg_backward_from(out, wg_value(ones));
    if (t->inputs == 1) wg_vjp(grads[0], ones, in, 1, &second);
    for (size_t i = 0; i < n; i++) {
        note_value(r, &b, t, lines[i], wg_at(out, i), dtype, "array");
        for (size_t k = 0; k < t->inputs; k++) {
            note_slope(&r->slope[dtype], lines[i], k, wg_grad_at(in[k], i), dtype, "array");
            note_slope(&r->slope[dtype], lines[i], k, wg_at(grads[k], i), dtype, "recorded");
        }
        if (t->inputs == 1) note_slope(&r->second[dtype], lines[i], 1, wg_at(second, i), dtype, "recorded");
    }
    if (wg_tape_status(tape) != WG_OK) fail_msg("%s", wg_tape_message(tape));
    wg_tape_free(tape);
}

static void on_scalars(result *r, const subject *s, const table *t, const line **lines, size_t n, wg_dtype dtype)
{
    bound b = bound_of(s->name);
    wg_tape *tape = wg_tape_new(dtype);
    wg_mark start = wg_tape_mark(tape);
    for (size_t i = 0; i < n; i++) {
        wg_var in[INPUTS];
        for (size_t k = 0; k < t->inputs; k++) in[k] = wg_scalar_variable(tape, lines[i]->x[k]);
        wg_var out = row_call(&s->op, tape, in, t->inputs, NULL);
        wg_backward(out);
        note_value(r, &b, t, lines[i], wg_item(out), dtype, "scalar");
        for (size_t k = 0; k < t->inputs; k++)
            note_slope(&r->slope[dtype], lines[i], k, wg_grad_at(in[k], 0), dtype, "scalar");
        if (t->inputs == 1) {
            wg_var first;
            wg_gradients(out, in, 1, &first);
            wg_zero_grad(tape);
            wg_backward(first);
            note_slope(&r->second[dtype], lines[i], 1, wg_grad_at(in[0], 0), dtype, "scalar");
        }
        if (wg_tape_rewind(tape, start) != WG_OK) break;
    }
    if (wg_tape_status(tape) != WG_OK) fail_msg("%s", wg_tape_message(tape));
    wg_tape_free(tape);
}

static result measure(const subject *s, table *t)
{
    static const line *lines[POINTS];
    result r = {0};
    table_read(t, s);
    for (int dtype = WG_F32; dtype <= WG_F64; dtype++) {
        size_t n = usable(t, (wg_dtype)dtype, lines);
        on_arrays(&r, s, t, lines, n, (wg_dtype)dtype);
        on_scalars(&r, s, t, lines, n, (wg_dtype)dtype);
    }
    return r;
}

/* ---- the test ---------------------------------------------------------------------------------------------------------------- */

static table table_now;

static bool within(const worst *w, double allowed, const subject *s, wg_dtype dtype, const char *what)
{
    if (!w->at || w->error <= allowed) return true;
    print_error(
        "%s of %s at (%.17g, %.17g), %s, %s: %.17g; value %.20Lg, slopes %.20Lg, %.20Lg, conditions %.3Lg, %.3Lg: "
        "%.3g units off, %g allowed\n",
        what, s->name, w->at->x[0], w->at->x[1], dtype == WG_F64 ? "F64" : "F32", w->how, w->got, w->at->value,
        w->at->slope[0], w->at->slope[1], w->at->condition[0], w->at->condition[1], w->error, allowed);
    return false;
}

static void test_subject(void **state)
{
    const subject *s = *state;
    bound b = bound_of(s->name);
    bool right = true;
    result r = measure(s, &table_now);
    for (int dtype = WG_F32; dtype <= WG_F64; dtype++) {
        right &= within(&r.value[dtype], b.value, s, (wg_dtype)dtype, "value");
        right &= within(&r.slope[dtype], b.slope, s, (wg_dtype)dtype, "derivative");
        right &= within(&r.second[dtype], b.second, s, (wg_dtype)dtype, "second derivative");
    }
    if (!right) fail_msg("%s is not as accurate as it should be", s->name);
}

/* ---- the page ----------------------------------------------------------------------------------------------------------------- */

static void print_page(void)
{
    printf(
        "# Accuracy of elementwise functions\n\n"
        "The worst error found of each function and of its derivatives, over the tables in\n"
        "[tests/accuracy](../tests/accuracy/tables.py): the whole domain, both tails, neighbourhoods of zeros and\n"
        "poles, subnormal numbers. `./dev accuracy` makes this page. It depends on the C library, which computes most\n"
        "elementary functions and erf; cbrt, erfc and the gamma family are this library's own, and so are, over "
        "arrays,\n"
        "exp, expm1, log, log1p, sin, cos, tanh, sigmoid, silu and softplus, which differ a little by instruction "
        "set.\n\n");
    printf(
        "A value's error is in units in the last place (ULP). A derivative's is in ULP times its condition number\n"
        "where that is above 1: what a relative error of the input is multiplied by. Where a name is marked *, the\n"
        "function has zeros that no number of the dtype hits, and errors of its value are in units of |x f'(x)| eps\n"
        "where that is more. The test allows %g for values, %g for first derivatives and %g for second ones.\n"
        "Selections, and what is a rounding or two of exact arithmetic, are left out.\n\n",
        VALUE, SLOPE, SECOND);
    printf("| function | value, F64 | F32 | first derivative, F64 | F32 | second, F64 | F32 |\n"
           "|---|---|---|---|---|---|---|\n");
    for (size_t i = 0; i < SUBJECTS; i++) {
        const char *name = subjects[i].name;
        if (is_exact(name)) continue;
        result r = measure(&subjects[i], &table_now);
        printf("| %s%s |", name, bound_of(name).conditioned ? "*" : "");
        const worst *columns[] = {r.value, r.slope, r.second};
        for (size_t k = 0; k < 3; k++)
            for (int dtype = WG_F64; dtype >= WG_F32; dtype--)
                if (columns[k][dtype].at)
                    printf(" %.2f |", columns[k][dtype].error);
                else
                    printf(" |");
        printf("\n");
    }
}

int main(int argc, char **argv)
{
    static struct CMUnitTest tests[SUBJECTS];
    size_t n = 0;
    if (argc > 1 && strcmp(argv[1], "--markdown") == 0) return print_page(), 0;
    for (size_t i = 0; i < SUBJECTS; i++)
        if (!is_exact(subjects[i].name))
            tests[n++] = (struct CMUnitTest){subjects[i].name, test_subject, NULL, NULL, (void *)&subjects[i]};
    return _cmocka_run_group_tests("accuracy", tests, n, NULL, NULL);
}
