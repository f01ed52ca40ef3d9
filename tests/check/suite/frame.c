/* What all the forwards share: arrays, the loops of linear algebra, rounding, and the mistakes that can happen to any
 * array. */
#include "suite.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- numbers --------------------------------------------------------------------------------------------------------------- */

/* splitmix64: G. L. Steele, D. Lea, C. H. Flood, Fast splittable pseudorandom number generators, 2014. */
static uint64_t draw(suite *s)
{
    uint64_t z = s->random += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static double uniform(suite *s) { return (double)(draw(s) >> 11) * 0x1p-53; }

/* To so many bits, to nearest, at any exponent. */
static double rounded(double x, unsigned bits)
{
    int exponent;
    if (bits >= 53 || x == 0 || !isfinite(x)) return x;
    double mantissa = frexp(x, &exponent);
    return ldexp(nearbyint(ldexp(mantissa, (int)bits)), exponent - (int)bits);
}

static size_t size_of(const wg_shape *shape)
{
    size_t size = 1;
    EACH(axis, shape->rank) size *= shape->dim[axis];
    return size;
}

/* ---- arrays ---------------------------------------------------------------------------------------------------------------- */

void suite_declare(suite *s, size_t i, const char *name, suite_kind kind, wg_shape shape, double scale)
{
    suite_array *a = &s->array[i];
    *a = (suite_array){.name = name, .kind = kind, .shape = shape, .grad_shape = shape};
    a->value = calloc(size_of(&shape), sizeof(double));
    if (i >= s->count) s->count = i + 1;
    if (!a->value || kind == SUITE_STEP) return;
    EACH(k, size_of(&shape))
    {
        double size = (0.3 + uniform(s)) * scale;
        a->value[k] = rounded(draw(s) & 1 ? -size : size, s->bits);
    }
}

void suite_draw_indices(suite *s, size_t i, size_t below)
{
    size_t n = size_of(&s->array[i].shape);
    if (s->array[i].value) EACH(k, n) s->array[i].value[k] = (double)((k + draw(s) % 2) % below);
}

/* A wrong gradient may be larger than a right one: it gets the room of the largest array, and of all its pairs of axes. */
static bool make_gradients(suite *s)
{
    size_t most = 0, extent = 0;
    EACH(i, s->count)
    {
        const wg_shape *shape = &s->array[i].shape;
        if (!s->array[i].value) return false;
        if (size_of(shape) > most) most = size_of(shape);
        EACH(axis, shape->rank) if (shape->dim[axis] > extent) extent = shape->dim[axis];
    }
    if (most < extent * extent) most = extent * extent;
    EACH(i, s->count)
    {
        s->array[i].grad = calloc(most, sizeof(double));
        if (!s->array[i].grad) return false;
    }
    return true;
}

bool suite_made(const suite *s, unsigned id)
{
    return (s->made[0] && s->made[0]->id == id) || (s->made[1] && s->made[1]->id == id);
}

void suite_value(suite *s, size_t i) { EACH(k, size_of(&s->array[i].shape)) V(i)[k] = rounded(V(i)[k], s->bits); }

/* ---- mistakes of any array -------------------------------------------------------------------------------------------------- */

static double factor_of(const suite *s, const suite_mistake *m)
{
    double factor = m->factor == 0 ? 1 : m->factor;
    if (m->extent > 0) factor *= (double)s->size[m->extent - 1];
    if (m->extent < 0) factor /= (double)s->size[-m->extent - 1];
    return factor;
}

/* Exchanges axes p and q = p + 1 of an array, in the numbers. */
static void exchange(double *to, const double *from, const wg_shape *shape, size_t p)
{
    size_t before = 1, after = 1, n = shape->dim[p], m = shape->dim[p + 1];
    EACH(axis, p) before *= shape->dim[axis];
    for (size_t axis = p + 2; axis < shape->rank; axis++) after *= shape->dim[axis];
    EACH(a, before)
    EACH(i, n)
    EACH(j, m) EACH(z, after) to[((a * m + j) * n + i) * after + z] = from[((a * n + i) * m + j) * after + z];
}

static void exchange_axes(suite *s, size_t i, const double *right, size_t axis, bool shape_too)
{
    wg_shape *shape = &SHAPE(i);
    exchange(D(i), right, shape, axis);
    if (shape_too) {
        size_t n = shape->dim[axis];
        shape->dim[axis] = shape->dim[axis + 1];
        shape->dim[axis + 1] = n;
    }
}

/* Rows, or columns, of rows x columns numbers: each is what the function says of its place. -1: zeros, -2: junk. */
static void rearrange(suite *s, size_t i, const double *right, bool columns, long (*from)(long k, long n))
{
    size_t total = size_of(&SHAPE(i)), n = SHAPE(i).dim[columns ? SHAPE(i).rank - 1 : 0],
           inner = columns ? 1 : total / n;
    EACH(k, total)
    {
        size_t place = k / inner % n;
        long source = from((long)place, (long)n);
        D(i)
        [k] = source == -2 ? 1e30 * uniform(s)
              : source < 0 ? 0
                           : right[(size_t)((long)k + (source - (long)place) * (long)inner)];
    }
}

static long before(long k, long n) { return n > 0 ? k - 1 : k; }
static long after(long k, long n) { return k + 1 < n ? k + 1 : -1; }
static long before_round(long k, long n) { return (k + n - 1) % n; }
static long after_round(long k, long n) { return (k + 1) % n; }
static long reversed(long k, long n) { return n - 1 - k; }
static long all_but_last(long k, long n) { return k + 1 < n ? k : -1; }
static long junk_at_last(long k, long n) { return k + 1 < n ? k : -2; }
static long first(long k, long n) { return k == 0 && n > 0 ? 0 : -1; }

/* right holds the right numbers, D(i) gets the wrong ones. */
static void spoil(suite *s, size_t i, const suite_mistake *m, const double *right)
{
    size_t n = size_of(&SHAPE(i)), rank = SHAPE(i).rank;
    switch (m->id) {
    case SUITE_SCALED:
        EACH(k, n) D(i)[k] = right[k] * factor_of(s, m);
        break;
    case SUITE_TRANSPOSED:
    case SUITE_TRANSPOSED_INTO:
        exchange_axes(s, i, right, rank - 2, m->id == SUITE_TRANSPOSED);
        break;
    case SUITE_PERMUTED:
    case SUITE_PERMUTED_INTO:
        exchange_axes(s, i, right, 0, m->id == SUITE_PERMUTED);
        break;
    case SUITE_ROWS_MOVED:
        rearrange(s, i, right, false, before);
        break;
    case SUITE_ROWS_ROLLED:
        rearrange(s, i, right, false, after_round);
        break;
    case SUITE_COLUMNS_MOVED:
        rearrange(s, i, right, true, after);
        break;
    case SUITE_COLUMNS_ROLLED:
        rearrange(s, i, right, true, before_round);
        break;
    case SUITE_ROWS_REVERSED:
    case SUITE_COLUMNS_REVERSED:
        rearrange(s, i, right, m->id == SUITE_COLUMNS_REVERSED, reversed);
        break;
    case SUITE_LAST_ROW_ZERO:
    case SUITE_LAST_COLUMN_ZERO:
        rearrange(s, i, right, m->id == SUITE_LAST_COLUMN_ZERO, all_but_last);
        break;
    case SUITE_LAST_ROW_JUNK:
        rearrange(s, i, right, false, junk_at_last);
        break;
    case SUITE_FIRST_ROW_ONLY:
    case SUITE_FIRST_COLUMN_ONLY:
        rearrange(s, i, right, m->id == SUITE_FIRST_COLUMN_ONLY, first);
        break;
    case SUITE_FLOAT_NOISE:
        for (size_t k = 0, turn = 0; k < n;
             turn += right[k++] != 0) /* up and down in turn, as rounding has no direction */
            D(i)[k] = right[k] * (1 + (turn % 2 ? 0x1p-24 : -0x1p-24) * (0.5 + uniform(s) / 2));
        break;
    case SUITE_RANDOM:
        EACH(k, n) D(i)[k] = uniform(s) - 0.5;
        break;
    case SUITE_SINE:
        EACH(k, n) D(i)[k] = sin(20 * right[k]);
        break;
    case SUITE_MIXED:
        EACH(k, n) D(i)[k] = right[k] * (1 + 0.2 * (uniform(s) - 0.5));
        break;
    default:
        break;
    }
}

static void store(suite *s, size_t i, bool reported)
{
    EACH(k, 2)
    {
        const suite_mistake *m = s->made[k];
        size_t size = size_of(&SHAPE(i));
        if (!m || m->id < SUITE_ANY || m->at != i || m->reported != reported) continue;
        double *right = malloc(size * sizeof(double));
        if (!right) abort();
        memcpy(right, D(i), size * sizeof(double));
        spoil(s, i, m, right);
        free(right);
    }
    EACH(k, size_of(&SHAPE(i))) D(i)[k] = rounded(D(i)[k], s->bits);
}

void suite_done(suite *s, size_t i) { store(s, i, false); }

/* ---- loops ----------------------------------------------------------------------------------------------------------------- */

void suite_multiply(double *out, size_t n, size_t m, size_t k, const double *a, int a_is, const double *b, int b_is)
{
    EACH(i, n)
    EACH(j, m)
    {
        double sum = 0;
        EACH(l, k) sum += a[a_is == TRANSPOSE ? l * n + i : i * k + l] * b[b_is == TRANSPOSE ? j * k + l : l * m + j];
        out[i * m + j] = sum;
    }
}

void suite_sum_rows(double *out, const double *a, size_t n, size_t m)
{
    EACH(i, n)
    {
        out[i] = 0;
        EACH(j, m) out[i] += a[i * m + j];
    }
}

void suite_sum_columns(double *out, const double *a, size_t n, size_t m)
{
    EACH(j, m) out[j] = 0;
    EACH(i, n) EACH(j, m) out[j] += a[i * m + j];
}

void suite_softmax_rows(double *y, const double *x, size_t n, size_t m)
{
    EACH(i, n)
    {
        double most = x[i * m], sum = 0;
        EACH(j, m) most = fmax(most, x[i * m + j]);
        EACH(j, m) sum += y[i * m + j] = exp(x[i * m + j] - most);
        EACH(j, m) y[i * m + j] /= sum;
    }
}

double suite_sigmoid(double x) { return 1 / (1 + exp(-x)); }

/* ---- on the tape ----------------------------------------------------------------------------------------------------------- */

static wg_var indices(suite *s, size_t i)
{
    size_t n = size_of(&s->array[i].shape);
    int64_t *whole = malloc((n + 1) * sizeof *whole);
    if (!whole) abort();
    EACH(k, n) whole[k] = (int64_t)V(i)[k];
    wg_var var = wg_indices(s->tape, s->array[i].shape, whole);
    free(whole);
    return var;
}

wg_var suite_leaf(suite *s, size_t i)
{
    suite_array *a = &s->array[i];
    a->var = a->kind == SUITE_INDICES    ? indices(s, i)
             : a->kind == SUITE_VARIABLE ? wg_variable_f64(s->tape, a->shape, a->value)
                                         : wg_constant_f64(s->tape, a->shape, a->value);
    return wg_name(a->var, a->name);
}

wg_var suite_step(suite *s, size_t i, wg_var var)
{
    s->array[i].var = wg_name(var, s->array[i].name);
    if (wg_retain_grad(var) != WG_OK) return var;
    return var;
}

bool suite_begin(suite *s, const suite_forward *forward, size_t shape, uint64_t seed, unsigned bits,
    const suite_mistake *first_mistake, const suite_mistake *second_mistake)
{
    *s = (suite){.forward = forward,
        .size = forward->sizes[shape],
        .made = {first_mistake, second_mistake},
        .bits = bits,
        .shape = shape,
        .seed = seed,
        .random = seed * 1000 + shape,
        .tape = wg_tape_new(WG_F64)};
    if (!s->tape) return false;
    forward->declare(s);
    if (!make_gradients(s)) return false;
    forward->run(s);
    forward->backward(s);
    EACH(i, s->count) store(s, i, true);
    s->loss = forward->record(s);
    if (wg_tape_status(s->tape) == WG_OK) return true;
    fprintf(stderr, "%s: %s\n", forward->name, wg_tape_message(s->tape));
    return false;
}

void suite_end(suite *s)
{
    wg_tape_free(s->tape);
    EACH(i, s->count)
    {
        free(s->array[i].value);
        free(s->array[i].grad);
    }
}

double suite_against_tape(suite *s)
{
    double worst = 0;
    if (wg_zero_grad(s->tape) || wg_backward(s->loss)) return INFINITY;
    EACH(i, s->count)
    {
        const suite_array *a = &s->array[i];
        double scale = 0, most = 0;
        if (a->kind < SUITE_VARIABLE) continue;
        if (size_of(&a->grad_shape) != size_of(&a->shape)) return INFINITY;
        EACH(k, size_of(&a->shape))
        {
            scale = fmax(scale, fabs(wg_grad_at(a->var, k)));
            most = fmax(most, fabs(a->grad[k] - wg_grad_at(a->var, k)));
            if (isnan(a->grad[k])) return INFINITY;
        }
        worst = fmax(worst, scale == 0 ? most : most / scale);
    }
    return worst;
}
