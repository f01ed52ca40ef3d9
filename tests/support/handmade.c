/* See handmade.h. */
#include "support/handmade.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- building ---------------------------------------------------------------------------------------------------------- */

handmade *handmade_new(const char *label, uint64_t seed)
{
    handmade *h = calloc(1, sizeof *h);
    assert_non_null(h);
    h->tape = wg_tape_new(WG_F64);
    assert_non_null(h->tape);
    h->state = seed * 2654435769u + 12345;
    h->label = label;
    return h;
}

void handmade_free(handmade *h)
{
    for (size_t k = 0; k < h->blocks_count; k++) free(h->blocks[k]);
    wg_tape_free(h->tape);
    free(h);
}

double *handmade_zeros(handmade *h, size_t n)
{
    double *block = calloc(n ? n : 1, sizeof *block);
    assert_non_null(block);
    assert_true(h->blocks_count < sizeof h->blocks / sizeof *h->blocks);
    h->blocks[h->blocks_count++] = block;
    return block;
}

double *handmade_random(handmade *h, size_t n, double low, double high)
{
    double *numbers = handmade_zeros(h, n);
    for (size_t i = 0; i < n; i++) {
        h->state = h->state * 6364136223846793005u + 1442695040888963407u;
        numbers[i] = low + (high - low) * (double)(h->state >> 11) * 0x1p-53;
    }
    return numbers;
}

wg_var handmade_named(const char *name, wg_var var)
{
    assert_true(wg_ok(var));
    return wg_name(var, name);
}

wg_var handmade_variable(handmade *h, const char *name, wg_shape shape, const double *numbers)
{
    return handmade_named(name, wg_variable_f64(h->tape, shape, numbers));
}

wg_var handmade_constant(handmade *h, const char *name, wg_shape shape, const double *numbers)
{
    return handmade_named(name, wg_constant_f64(h->tape, shape, numbers));
}

static size_t handmade_size(const wg_shape *shape)
{
    size_t n = 1;
    for (uint32_t d = 0; d < shape->rank; d++) n *= shape->dim[d];
    return n;
}

double *handmade_gradient_shaped(handmade *h, wg_var var, wg_shape shape)
{
    wg_node_info info;
    size_t k = 0;
    assert_int_equal(wg_node_read(var, &info), WG_OK);
    while (k < h->n && h->gradients[k].var.index != var.index) k++;
    if (k == h->n) h->n++;
    assert_true(h->n <= HANDMADE_GRADIENTS);
    h->gradients[k] = (handmade_gradient){var, shape, handmade_zeros(h, handmade_size(&shape)), info.op == NULL};
    return h->gradients[k].numbers;
}

double *handmade_gradient_of(handmade *h, wg_var var) { return handmade_gradient_shaped(h, var, wg_shape_of(var)); }

void handmade_product(
    double *c, const double *a, bool a_turned, const double *b, bool b_turned, size_t m, size_t k, size_t n)
{
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++) {
            double sum = 0;
            for (size_t l = 0; l < k; l++)
                sum += (a_turned ? a[l * m + i] : a[i * k + l]) * (b_turned ? b[j * k + l] : b[l * n + j]);
            c[i * n + j] = sum;
        }
}

/* ---- supplying --------------------------------------------------------------------------------------------------------- */

/* IEEE binary16, rounded to the nearest, ties to even; nothing here is too large for it. */
static uint16_t handmade_half(double x)
{
    int exponent;
    uint16_t sign = signbit(x) ? 0x8000 : 0;
    double fraction = frexp(fabs(x), &exponent);
    if (fraction == 0) return sign;
    if (exponent < -13) return (uint16_t)(sign | (uint16_t)nearbyint(ldexp(fabs(x), 24)));
    double scaled = nearbyint(ldexp(fraction, 11));
    return (uint16_t)(sign | (uint16_t)((uint16_t)(exponent + 14) * 1024 + (uint16_t)(scaled - 1024)));
}

typedef enum handmade_precision { HANDMADE_F64, HANDMADE_F32, HANDMADE_F16 } handmade_precision;

static void handmade_supply(handmade *h, wg_check *check, const handmade_gradient *g, handmade_precision precision)
{
    size_t n = handmade_size(&g->shape);
    float *floats = calloc(n + 1, sizeof *floats);
    uint16_t *halves = calloc(n + 1, sizeof *halves);
    assert_true(floats && halves);
    for (size_t i = 0; i < n; i++) floats[i] = (float)g->numbers[i], halves[i] = handmade_half(g->numbers[i]);
    wg_status status = precision == HANDMADE_F64   ? wg_check_supply_f64(check, g->var, g->shape, g->numbers)
                       : precision == HANDMADE_F32 ? wg_check_supply_f32(check, g->var, g->shape, floats)
                                                   : wg_check_supply_f16(check, g->var, g->shape, halves);
    assert_int_equal(status, WG_OK);
    (void)h;
    free(floats);
    free(halves);
}

/* The check's report is of use until wg_check_free. */
static wg_check *handmade_run(
    handmade *h, handmade_precision precision, bool intermediates, const wg_check_report **report)
{
    wg_check *check = wg_check_new(h->loss);
    assert_non_null(check);
    for (size_t k = 0; k < h->n; k++)
        if (h->gradients[k].leaf || intermediates) handmade_supply(h, check, &h->gradients[k], precision);
    assert_int_equal(wg_check_run(check, report), WG_OK);
    return check;
}

static void handmade_print(void *user, const char *text, size_t length)
{
    (void)user;
    fwrite(text, 1, length, stdout);
}

static void handmade_fail(
    const handmade *h, const wg_check_report *report, handmade_precision precision, bool intermediates)
{
    static const char *const precisions[] = {"double", "float", "half"};
    printf("%s, in %s, %s intermediates:\n", h->label, precisions[precision], intermediates ? "with" : "without");
    wg_check_write(report, handmade_print, NULL);
    for (size_t k = 0; k < report->causes_count; k++) {
        const wg_check_cause *c = &report->causes[k];
        printf("  mistake %u rank %u: %s, %s, residual %g: %s\n", c->mistake, c->rank, wg_cause_name(c->cause), c->edge,
            c->residual, c->sentence);
    }
    fail();
}

/* ---- expecting --------------------------------------------------------------------------------------------------------- */

/* On that edge, or on a stretch that it is on. */
static bool handmade_has(const wg_check_report *report, wg_cause cause, wg_var from, wg_var to)
{
    for (size_t k = 0; k < report->causes_count; k++) {
        const wg_check_cause *c = &report->causes[k];
        if (c->cause != cause || c->rank != 1 || c->mistake != 1) continue;
        if (c->from.index == from.index && c->to.index == to.index) return true;
        bool stretch = strstr(c->sentence, "somewhere between") != NULL;
        if (stretch && c->from.index >= from.index && c->to.index <= to.index) return true;
    }
    return false;
}

static bool handmade_has_cause(const wg_check_report *report, wg_cause cause)
{
    for (size_t k = 0; k < report->causes_count; k++)
        if (report->causes[k].cause == cause) return true;
    return false;
}

static void handmade_each(
    handmade *h, bool (*as_expected)(const wg_check_report *report, const void *what), const void *what)
{
    int coarsest = h->in_double ? HANDMADE_F64 : h->not_in_half ? HANDMADE_F32 : HANDMADE_F16;
    for (int precision = HANDMADE_F64; precision <= coarsest; precision++)
        for (int intermediates = 0; intermediates < 2; intermediates++) {
            const wg_check_report *report;
            wg_check *check = handmade_run(h, (handmade_precision)precision, intermediates, &report);
            if (!as_expected(report, what)) handmade_fail(h, report, (handmade_precision)precision, intermediates);
            wg_check_free(check);
        }
}

static bool handmade_is_right(const wg_check_report *report, const void *what)
{
    (void)what;
    return report->right;
}

static bool handmade_is_kink(const wg_check_report *report, const void *what)
{
    (void)what;
    return report->right && handmade_has_cause(report, WG_CAUSE_KINK);
}

typedef struct handmade_wanted {
    wg_cause cause;
    wg_var from, to;
} handmade_wanted;

static bool handmade_is_wanted(const wg_check_report *report, const void *what)
{
    const handmade_wanted *w = what;
    return !report->right && handmade_has(report, w->cause, w->from, w->to);
}

void handmade_expect_right(handmade *h) { handmade_each(h, handmade_is_right, NULL); }
void handmade_expect_kink(handmade *h) { handmade_each(h, handmade_is_kink, NULL); }

void handmade_expect(handmade *h, wg_cause cause, wg_var from, wg_var to)
{
    handmade_each(h, handmade_is_wanted, &(handmade_wanted){cause, from, to});
}

static bool handmade_is_first(const wg_check_report *report, const void *what)
{
    const wg_cause *cause = what;
    for (size_t k = 0; k < report->causes_count; k++)
        if (report->causes[k].cause == *cause && report->causes[k].rank == 1 && report->causes[k].mistake == 1)
            return true;
    return false;
}

void handmade_expect_first(handmade *h, wg_cause cause) { handmade_each(h, handmade_is_first, &cause); }

typedef struct handmade_wanted_factor {
    wg_cause cause;
    double factor;
} handmade_wanted_factor;

static bool handmade_has_factor(const wg_check_report *report, const void *what)
{
    const handmade_wanted_factor *w = what;
    for (size_t k = 0; k < report->causes_count; k++) {
        const wg_check_cause *c = &report->causes[k];
        if (c->cause == w->cause && c->rank == 1 && c->mistake == 1 && fabs(c->factor / w->factor - 1) < 1e-6)
            return true;
    }
    return false;
}

void handmade_expect_factor(handmade *h, wg_cause cause, double factor)
{
    handmade_each(h, handmade_has_factor, &(handmade_wanted_factor){cause, factor});
}

wg_var handmade_find(const handmade *h, const char *kind, size_t n)
{
    for (size_t i = 0; i < wg_node_count(h->tape); i++) {
        wg_node_info info;
        wg_var node = wg_node_at(h->tape, i);
        if (wg_node_read(node, &info) == WG_OK && strcmp(info.kind, kind) == 0 && n-- == 0) return node;
    }
    fail_msg("there is no %s", kind);
    return (wg_var){0};
}

wg_var handmade_find_input(const handmade *h, const char *kind, size_t n)
{
    return wg_node_input(handmade_find(h, kind, n), 0);
}

/* Every mistake has a cause of the first rank with that name. */
static bool handmade_is_cause(const wg_check_report *report, const void *what)
{
    const wg_cause *wanted = what;
    bool any = false;
    for (unsigned mistake = 1; mistake <= 32; mistake++) {
        bool there = false, named = false;
        for (size_t k = 0; k < report->causes_count; k++) {
            const wg_check_cause *c = &report->causes[k];
            if (c->mistake != mistake || c->rank != 1 || c->cause == WG_CAUSE_PRECISION) continue;
            there = true;
            named = named || c->cause == *wanted;
        }
        if (there && !named) return false;
        any = any || named;
    }
    return any && !report->right;
}

void handmade_expect_cause(handmade *h, wg_cause cause) { handmade_each(h, handmade_is_cause, &cause); }
