/* Mistakes at matrix products, made by hand in the backward of
 *
 *     C = A B,  L = sum of G * tanh(C),
 *
 * A and B being matrices, batches of them, or vectors. dA = dC B^T and dB = A^T dC are written in loops; a slip writes one of
 * them wrong. */
#include "support/handmade.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* ---- one product --------------------------------------------------------------------------------------------------------- */

/* C (m,n) = A (m,k) B (k,n). */
typedef struct product {
    handmade *h;
    size_t m, k, n;
    wg_var a, b, c, matmul;
    const double *A, *B;
    double *dA, *dB, *dC;
} product;

typedef struct slip {
    const char *label;
    void (*makes)(product *p); /* after the right backward */
    wg_cause cause;
    bool of_b;   /* the gradient that is wrong */
    bool square; /* m = k = n */
    bool inputs_are_constants;
    size_t shapes[3][3]; /* {0}: the usual ones */
} slip;

static const size_t usual[3][3] = {{4, 5, 7}, {6, 3, 5}, {3, 8, 4}};
static const size_t squares[3][3] = {{3, 3, 3}, {4, 4, 4}, {6, 6, 6}};

static wg_var product_leaf(product *p, const slip *s, const char *name, size_t rows, size_t columns, bool other)
{
    double *numbers = handmade_random(p->h, rows * columns, -1, 1);
    if (other && s->inputs_are_constants) return handmade_constant(p->h, name, WG_DIMS(rows, columns), numbers);
    return handmade_variable(p->h, name, WG_DIMS(rows, columns), numbers);
}

static void product_forward(product *p, const slip *s)
{
    p->a = product_leaf(p, s, "A", p->m, p->k, s->of_b);
    p->b = product_leaf(p, s, "B", p->k, p->n, !s->of_b);
    p->matmul = wg_matmul(p->a, p->b);
    p->c = handmade_named("C", p->matmul);
    wg_var g = handmade_constant(p->h, "G", WG_DIMS(p->m, p->n), handmade_random(p->h, p->m * p->n, -1, 1));
    wg_var d = wg_tanh(p->c);
    d = wg_mul(g, d);
    p->h->loss = handmade_named("L", wg_sum(d));
    p->A = wg_value_f64(p->a);
    p->B = wg_value_f64(p->b);
    p->dC = handmade_gradient_of(p->h, p->c);
    p->dA = handmade_gradient_of(p->h, p->a);
    p->dB = handmade_gradient_of(p->h, p->b);
    const double *c = wg_value_f64(p->c), *weights = wg_value_f64(g);
    for (size_t i = 0; i < p->m * p->n; i++) p->dC[i] = weights[i] * (1 - tanh(c[i]) * tanh(c[i]));
    handmade_product(p->dA, p->dC, false, p->B, true, p->m, p->n, p->k);
    handmade_product(p->dB, p->A, true, p->dC, false, p->k, p->m, p->n);
}

static void try_slips(const slip *slips, size_t count)
{
    for (size_t k = 0; k < count; k++)
        for (size_t shape = 0; shape < 3; shape++) {
            const slip *s = &slips[k];
            const size_t *x = s->square ? squares[shape] : s->shapes[0][0] ? s->shapes[shape] : usual[shape];
            product p = {.h = handmade_new(s->label, 10 * k + shape + 1), .m = x[0], .k = x[1], .n = x[2]};
            product_forward(&p, s);
            s->makes(&p);
            handmade_expect(p.h, s->cause, p.matmul, s->of_b ? p.b : p.a);
            handmade_free(p.h);
        }
}
#define TRY(slips) try_slips(slips, sizeof slips / sizeof *slips)

/* ---- transposed ---------------------------------------------------------------------------------------------------------- */

static void turn(double *out, const double *in, size_t rows, size_t columns)
{
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < columns; j++) out[j * rows + i] = in[i * columns + j];
}

static void a_transposed(product *p)
{
    const double *right = p->dA;
    turn(handmade_gradient_shaped(p->h, p->a, WG_DIMS(p->k, p->m)), right, p->m, p->k);
}

static void b_transposed(product *p)
{
    const double *right = p->dB;
    turn(handmade_gradient_shaped(p->h, p->b, WG_DIMS(p->n, p->k)), right, p->k, p->n);
}

static void b_renamed(product *p)
{
    const double *right = p->dB;
    memcpy(handmade_gradient_shaped(p->h, p->b, WG_DIMS(p->n, p->k)), right, p->k * p->n * sizeof *right);
}

static void a_written_transposed(product *p)
{
    const double *right = p->dA;
    turn(handmade_gradient_of(p->h, p->a), right, p->m, p->k);
}

static void b_written_transposed(product *p)
{
    const double *right = p->dB;
    turn(handmade_gradient_of(p->h, p->b), right, p->k, p->n);
}

/* a kernel that reads the result as if it lay transposed */
static void b_read_transposed(product *p)
{
    const double *right = p->dB;
    turn(handmade_gradient_of(p->h, p->b), right, p->n, p->k);
}

static void test_the_result_transposed(void **state)
{
    static const slip slips[] = {
        {"dA transposed", a_transposed, WG_CAUSE_TRANSPOSED, .of_b = false},
        {"dB transposed", b_transposed, WG_CAUSE_TRANSPOSED, .of_b = true},
        {"dA transposed, square", a_transposed, WG_CAUSE_TRANSPOSED, .of_b = false, .square = true},
        {"dB transposed, square", b_transposed, WG_CAUSE_TRANSPOSED, .of_b = true, .square = true},
        {"dB in the shape of the transpose", b_renamed, WG_CAUSE_TRANSPOSED, .of_b = true},
        {"dA written transposed", a_written_transposed, WG_CAUSE_TRANSPOSED, .of_b = false},
        {"dB written transposed", b_written_transposed, WG_CAUSE_TRANSPOSED, .of_b = true},
        {"dB read transposed", b_read_transposed, WG_CAUSE_TRANSPOSED, .of_b = true},
    };
    (void)state;
    TRY(slips);
}

/* ---- an operand not transposed ------------------------------------------------------------------------------------------- */

/* dA = dC B: B's element (l,j) read from memory where that of its transpose is */
static void a_with_b_as_it_lies(product *p)
{
    for (size_t i = 0; i < p->m; i++)
        for (size_t l = 0; l < p->k; l++) {
            double sum = 0;
            for (size_t j = 0; j < p->n; j++) sum += p->dC[i * p->n + j] * p->B[j * p->k + l];
            p->dA[i * p->k + l] = sum;
        }
}

/* dB = A dC */
static void b_with_a_as_it_lies(product *p)
{
    for (size_t l = 0; l < p->k; l++)
        for (size_t j = 0; j < p->n; j++) {
            double sum = 0;
            for (size_t i = 0; i < p->m; i++) sum += p->A[l * p->m + i] * p->dC[i * p->n + j];
            p->dB[l * p->n + j] = sum;
        }
}

/* dA = dC B with B's indices exchanged, and its own row length: B is (k,n), k >= n */
static void a_with_b_of_its_stride(product *p)
{
    for (size_t i = 0; i < p->m; i++)
        for (size_t l = 0; l < p->k; l++) {
            double sum = 0;
            for (size_t j = 0; j < p->n; j++) sum += p->dC[i * p->n + j] * p->B[j * p->n + l];
            p->dA[i * p->k + l] = sum;
        }
}

/* dC read as if it lay transposed */
static void a_with_adjoint_transposed(product *p)
{
    for (size_t i = 0; i < p->m; i++)
        for (size_t l = 0; l < p->k; l++) {
            double sum = 0;
            for (size_t j = 0; j < p->n; j++) sum += p->dC[j * p->m + i] * p->B[l * p->n + j];
            p->dA[i * p->k + l] = sum;
        }
}

static void b_with_adjoint_transposed(product *p)
{
    for (size_t l = 0; l < p->k; l++)
        for (size_t j = 0; j < p->n; j++) {
            double sum = 0;
            for (size_t i = 0; i < p->m; i++) sum += p->A[i * p->k + l] * p->dC[j * p->m + i];
            p->dB[l * p->n + j] = sum;
        }
}

static void test_an_operand_not_transposed(void **state)
{
    static const slip slips[] = {
        {"dA = dC B", a_with_b_as_it_lies, WG_CAUSE_WEIGHT_NOT_TRANSPOSED, .of_b = false},
        {"dA = dC B, square", a_with_b_as_it_lies, WG_CAUSE_WEIGHT_NOT_TRANSPOSED, .of_b = false, .square = true},
        {"dA = dC B, two leaves", a_with_b_as_it_lies, WG_CAUSE_TRANSPOSED, .of_b = false},
        {"dB = A dC", b_with_a_as_it_lies, WG_CAUSE_WEIGHT_NOT_TRANSPOSED, .of_b = true},
        {"dB = A dC, A data", b_with_a_as_it_lies, WG_CAUSE_TRANSPOSED, .of_b = true, .inputs_are_constants = true},
        {"dB = A dC, A data, square", b_with_a_as_it_lies, WG_CAUSE_TRANSPOSED, .of_b = true, .square = true,
            .inputs_are_constants = true},
        {"dA = dC B, B's own stride", a_with_b_of_its_stride, WG_CAUSE_WEIGHT_NOT_TRANSPOSED, .of_b = false,
            .shapes = {{4, 7, 5}, {6, 5, 3}, {3, 8, 4}}},
        {"dA = dC^T B^T", a_with_adjoint_transposed, WG_CAUSE_TRANSPOSED, .of_b = false},
        {"dB = A^T dC^T", b_with_adjoint_transposed, WG_CAUSE_TRANSPOSED, .of_b = true},
        {"dB = A^T dC^T, square", b_with_adjoint_transposed, WG_CAUSE_TRANSPOSED, .of_b = true, .square = true},
    };
    (void)state;
    TRY(slips);
}

/* ---- element by element -------------------------------------------------------------------------------------------------- */

/* dA = dC * B^T, all square */
static void a_elementwise(product *p)
{
    for (size_t i = 0; i < p->m; i++)
        for (size_t j = 0; j < p->k; j++) p->dA[i * p->k + j] = p->dC[i * p->n + j] * p->B[j * p->n + i];
}

/* dA = dC * B, all square */
static void a_elementwise_as_it_lies(product *p)
{
    for (size_t i = 0; i < p->m * p->k; i++) p->dA[i] = p->dC[i] * p->B[i];
}

/* dB = A * dC where k = n: of shape (m,n) */
static void b_elementwise_of_another_shape(product *p)
{
    double *numbers = handmade_gradient_shaped(p->h, p->b, WG_DIMS(p->m, p->n));
    for (size_t i = 0; i < p->m * p->n; i++) numbers[i] = p->A[i] * p->dC[i];
}

/* dA = dC * B, B of one row stretched: of shape (m,n), where (m,1) is right */
static void a_elementwise_stretched(product *p)
{
    double *numbers = handmade_gradient_shaped(p->h, p->a, WG_DIMS(p->m, p->n));
    for (size_t i = 0; i < p->m * p->n; i++) numbers[i] = p->dC[i] * p->B[i % p->n];
}

/* dB[l][j] = A[l][j] dC[l][j], for as many rows and columns as dB has */
static void b_elementwise_part(product *p)
{
    for (size_t l = 0; l < p->k; l++)
        for (size_t j = 0; j < p->n; j++) p->dB[l * p->n + j] = p->A[l * p->k + j] * p->dC[l * p->n + j];
}

/* the loop over the memory of dB */
static void b_elementwise_in_memory(product *p)
{
    for (size_t i = 0; i < p->k * p->n; i++) p->dB[i] = p->A[i] * p->dC[i];
}

static void test_elementwise(void **state)
{
    static const slip slips[] = {
        {"dA = dC * B^T", a_elementwise, WG_CAUSE_ELEMENTWISE_FOR_MATMUL, .of_b = false, .square = true},
        {"dA = dC * B", a_elementwise_as_it_lies, WG_CAUSE_ELEMENTWISE_FOR_MATMUL, .of_b = false, .square = true},
        {"dB = A * dC", b_elementwise_of_another_shape, WG_CAUSE_ELEMENTWISE_FOR_MATMUL, .of_b = true,
            .shapes = {{7, 4, 4}, {5, 3, 3}, {4, 6, 6}}},
        {"dA = dC * B, stretched", a_elementwise_stretched, WG_CAUSE_ELEMENTWISE_FOR_MATMUL, .of_b = false,
            .shapes = {{4, 1, 7}, {5, 1, 6}, {3, 1, 5}}},
        {"dB = A * dC, where both reach", b_elementwise_part, WG_CAUSE_ELEMENTWISE_FOR_MATMUL, .of_b = true,
            .shapes = {{6, 5, 4}, {8, 6, 3}, {7, 5, 5}}},
        {"dB = A * dC in memory", b_elementwise_in_memory, WG_CAUSE_ELEMENTWISE_FOR_MATMUL, .of_b = true,
            .shapes = {{6, 5, 4}, {8, 6, 3}, {7, 5, 4}}},
    };
    (void)state;
    TRY(slips);
}

/* ---- swapped ------------------------------------------------------------------------------------------------------------- */

static void a_swapped(product *p) { handmade_product(p->dA, p->B, true, p->dC, false, p->m, p->m, p->m); }
static void b_swapped(product *p) { handmade_product(p->dB, p->dC, false, p->A, true, p->m, p->m, p->m); }

/* dB = dC^T A, which is dB's transpose: of shape (n,k) */
static void b_swapped_and_transposed(product *p)
{
    handmade_product(
        handmade_gradient_shaped(p->h, p->b, WG_DIMS(p->n, p->k)), p->dC, true, p->A, false, p->n, p->m, p->k);
}

/* dA = B^T dC where k = m: of shape (n,n) */
static void a_swapped_of_another_shape(product *p)
{
    handmade_product(
        handmade_gradient_shaped(p->h, p->a, WG_DIMS(p->n, p->n)), p->B, true, p->dC, false, p->n, p->k, p->n);
}

static void test_operands_swapped(void **state)
{
    static const slip slips[] = {
        {"dA = B^T dC", a_swapped, WG_CAUSE_OPERANDS_SWAPPED, .of_b = false, .square = true},
        {"dB = dC A^T", b_swapped, WG_CAUSE_OPERANDS_SWAPPED, .of_b = true, .square = true},
        {"dB = dC^T A", b_swapped_and_transposed, WG_CAUSE_OPERANDS_SWAPPED, .of_b = true},
        {"dB = dC^T A, as well", b_swapped_and_transposed, WG_CAUSE_TRANSPOSED, .of_b = true},
        {"dA = B^T dC, of another shape", a_swapped_of_another_shape, WG_CAUSE_OPERANDS_SWAPPED, .of_b = false,
            .shapes = {{4, 4, 6}, {5, 5, 3}, {3, 3, 7}}},
    };
    (void)state;
    TRY(slips);
}

/* ---- batches --------------------------------------------------------------------------------------------------------------- */

/* C (t,m,n) = A (t,m,k) B, B (t,k,n) or one (k,n) for all. */
typedef struct batch {
    handmade *h;
    size_t t, m, k, n;
    bool shared;
    wg_var a, b, c;
    const double *A, *B;
    double *dA, *dB, *dC;
} batch;

static const double *batch_b(const batch *p, size_t t) { return p->B + (p->shared ? 0 : t * p->k * p->n); }

static void batch_backward(batch *p)
{
    p->dC = handmade_gradient_of(p->h, p->c);
    p->dA = handmade_gradient_of(p->h, p->a);
    p->dB = handmade_gradient_of(p->h, p->b);
    for (size_t i = 0; i < p->t * p->m * p->n; i++) p->dC[i] = cos((double)i) / (double)(i % 5 + 1);
    for (size_t t = 0; t < p->t; t++)
        for (size_t i = 0; i < p->m; i++)
            for (size_t j = 0; j < p->n; j++)
                for (size_t l = 0; l < p->k; l++) {
                    double u = p->dC[(t * p->m + i) * p->n + j];
                    size_t at_b = (p->shared ? 0 : t * p->k * p->n) + l * p->n + j;
                    p->dA[(t * p->m + i) * p->k + l] += u * p->B[at_b];
                    p->dB[at_b] += u * p->A[(t * p->m + i) * p->k + l];
                }
}

static batch batch_make(const char *label, const size_t *x, bool shared)
{
    batch p = {
        .h = handmade_new(label, x[0] + 10 * x[1]), .t = x[0], .m = x[1], .k = x[2], .n = x[3], .shared = shared};
    wg_shape shape = shared ? WG_DIMS(p.k, p.n) : WG_DIMS(p.t, p.k, p.n);
    size_t n = p.t * p.m * p.n;
    double *weights = handmade_zeros(p.h, n);
    for (size_t i = 0; i < n; i++) weights[i] = cos((double)i) / (double)(i % 5 + 1);
    p.a = handmade_variable(p.h, "A", WG_DIMS(p.t, p.m, p.k), handmade_random(p.h, p.t * p.m * p.k, -1, 1));
    p.b = handmade_variable(p.h, "B", shape, handmade_random(p.h, (shared ? 1 : p.t) * p.k * p.n, -1, 1));
    p.c = handmade_named("C", wg_matmul(p.a, p.b));
    wg_var g = handmade_constant(p.h, "G", WG_DIMS(p.t, p.m, p.n), weights);
    p.h->loss = handmade_named("L", wg_sum(wg_mul(p.c, g)));
    p.A = wg_value_f64(p.a);
    p.B = wg_value_f64(p.b);
    batch_backward(&p);
    return p;
}

static const size_t batches[3][4] = {{3, 4, 5, 7}, {4, 6, 3, 5}, {5, 3, 4, 6}};
static const size_t square_batches[3][4] = {{3, 4, 4, 4}, {4, 3, 3, 3}, {2, 5, 5, 5}};

/* dA = dC B, each B read as it lies */
static void test_batch_operand_not_transposed(void **state)
{
    (void)state;
    for (size_t k = 0; k < 12; k++) {
        bool shared = k >= 6;
        batch p = batch_make("dA = dC B in a batch", k % 2 ? batches[k / 2 % 3] : square_batches[k / 2 % 3], shared);
        for (size_t t = 0; t < p.t; t++)
            for (size_t i = 0; i < p.m; i++)
                for (size_t l = 0; l < p.k; l++) {
                    double sum = 0;
                    for (size_t j = 0; j < p.n; j++) sum += p.dC[(t * p.m + i) * p.n + j] * batch_b(&p, t)[j * p.k + l];
                    p.dA[(t * p.m + i) * p.k + l] = sum;
                }
        handmade_expect(p.h, WG_CAUSE_WEIGHT_NOT_TRANSPOSED, p.c, p.a);
        handmade_free(p.h);
    }
}

/* each matrix of dB transposed: in the shape, and in memory */
static void test_batch_result_transposed(void **state)
{
    (void)state;
    for (size_t k = 0; k < 6; k++) {
        batch p = batch_make("dB transposed in a batch", batches[k / 2], false);
        const double *right = p.dB;
        wg_shape shape = k % 2 ? WG_DIMS(p.t, p.n, p.k) : WG_DIMS(p.t, p.k, p.n);
        double *numbers = handmade_gradient_shaped(p.h, p.b, shape);
        for (size_t t = 0; t < p.t; t++) turn(numbers + t * p.k * p.n, right + t * p.k * p.n, p.k, p.n);
        handmade_expect(p.h, WG_CAUSE_TRANSPOSED, p.c, p.b);
        handmade_free(p.h);
    }
}

/* dB = dC A^T in a batch of squares; and dC * A element by element */
static void test_batch_swapped_and_elementwise(void **state)
{
    (void)state;
    for (size_t k = 0; k < 6; k++) {
        bool swapped = k % 2;
        batch p = batch_make("dB = dC A^T in a batch", square_batches[k / 2], false);
        size_t n = p.n;
        for (size_t t = 0; t < p.t; t++)
            if (swapped) handmade_product(p.dB + t * n * n, p.dC + t * n * n, false, p.A + t * n * n, true, n, n, n);
        for (size_t i = 0; i < p.t * n * n && !swapped; i++) p.dB[i] = p.dC[i] * p.A[i];
        handmade_expect(p.h, swapped ? WG_CAUSE_OPERANDS_SWAPPED : WG_CAUSE_ELEMENTWISE_FOR_MATMUL, p.c, p.b);
        handmade_free(p.h);
    }
}

/* One B for all: the rows of A under one another are one matrix, which is read as it lies. */
static void test_stacked_operand_not_transposed(void **state)
{
    (void)state;
    for (size_t k = 0; k < 3; k++) {
        batch p = batch_make("dB = A dC, stacked", batches[k], true);
        size_t rows = p.t * p.m;
        for (size_t l = 0; l < p.k; l++)
            for (size_t j = 0; j < p.n; j++) {
                double sum = 0;
                for (size_t i = 0; i < rows; i++) sum += p.A[l * rows + i] * p.dC[i * p.n + j];
                p.dB[l * p.n + j] = sum;
            }
        handmade_expect(p.h, WG_CAUSE_TRANSPOSED, p.c, p.b);
        handmade_free(p.h);
    }
}

/* ---- vectors, a weight kept transposed ------------------------------------------------------------------------------------- */

/* y = W x of a vector: dx = W dy, and dW = x dy^T */
static void test_vector(void **state)
{
    (void)state;
    for (size_t n = 4; n < 7; n++)
        for (int of_w = 0; of_w < 2; of_w++) {
            handmade *h = handmade_new(of_w ? "dW = x dy^T" : "dx = W dy", n);
            wg_var w = handmade_variable(h, "W", WG_DIMS(n, n), handmade_random(h, n * n, -1, 1));
            wg_var x = handmade_variable(h, "x", WG_DIMS(n), handmade_random(h, n, -1, 1));
            wg_var y = handmade_named("y", wg_matmul(w, x));
            const double *weights = handmade_random(h, n, -1, 1), *W = wg_value_f64(w), *X = wg_value_f64(x);
            wg_var g = handmade_constant(h, "g", WG_DIMS(n), weights);
            h->loss = handmade_named("L", wg_sum(wg_mul(y, g)));
            double *dw = handmade_gradient_of(h, w), *dx = handmade_gradient_of(h, x), *dy = handmade_gradient_of(h, y);
            for (size_t i = 0; i < n; i++) {
                dy[i] = weights[i];
                for (size_t j = 0; j < n; j++) {
                    dw[i * n + j] = of_w ? X[i] * weights[j] : weights[i] * X[j];
                    dx[i] += of_w ? W[j * n + i] * weights[j] : W[i * n + j] * weights[j];
                }
            }
            wg_var matmul = handmade_find(h, "matmul", 0);
            if (of_w)
                handmade_expect(h, WG_CAUSE_TRANSPOSED, matmul, w);
            else
                handmade_expect(h, WG_CAUSE_WEIGHT_NOT_TRANSPOSED, matmul, handmade_find(h, "reshape", 0));
            handmade_free(h);
        }
}

/* y = x W^T: dx = dy W^T, transposed once more than is right */
static void test_weight_kept_transposed(void **state)
{
    (void)state;
    for (size_t m = 3; m < 6; m++) {
        size_t n = 4;
        handmade *h = handmade_new("dx = dy W^T", m);
        wg_var w = handmade_variable(h, "W", WG_DIMS(n, n), handmade_random(h, n * n, -1, 1));
        wg_var x = handmade_variable(h, "x", WG_DIMS(m, n), handmade_random(h, m * n, -1, 1));
        wg_var turned = wg_transpose(w), y = handmade_named("y", wg_matmul(x, turned));
        const double *weights = handmade_random(h, m * n, -1, 1), *W = wg_value_f64(w), *X = wg_value_f64(x);
        wg_var g = handmade_constant(h, "g", WG_DIMS(m, n), weights);
        h->loss = handmade_named("L", wg_sum(wg_mul(y, g)));
        double *dw = handmade_gradient_of(h, w), *dx = handmade_gradient_of(h, x), *dy = handmade_gradient_of(h, y);
        memcpy(dy, weights, m * n * sizeof *dy);
        handmade_product(dw, weights, true, X, false, n, m, n);
        handmade_product(dx, weights, false, W, true, m, n, n);
        handmade_expect(h, WG_CAUSE_WEIGHT_NOT_TRANSPOSED, y, x);
        handmade_free(h);
    }
}

/* y = x W^T, and dW = x * dy, element by element, of x's and y's shape; dW = x^T dy, which is the transpose of dW */
static void test_gradient_of_a_weight_kept_transposed(void **state)
{
    (void)state;
    for (size_t m = 3; m < 9; m++) {
        size_t n = 5, out = m % 2 ? n : 4;
        bool elementwise = m % 2;
        handmade *h = handmade_new("dW of y = x W^T", m);
        wg_var w = handmade_variable(h, "W", WG_DIMS(out, n), handmade_random(h, out * n, -1, 1));
        wg_var x = handmade_constant(h, "x", WG_DIMS(m + 3, n), handmade_random(h, (m + 3) * n, -1, 1));
        wg_var turned = wg_transpose(w), y = handmade_named("y", wg_matmul(x, turned));
        const double *weights = handmade_random(h, (m + 3) * out, -1, 1), *X = wg_value_f64(x);
        wg_var g = handmade_constant(h, "g", WG_DIMS(m + 3, out), weights);
        h->loss = handmade_named("L", wg_sum(wg_mul(y, g)));
        memcpy(handmade_gradient_of(h, y), weights, (m + 3) * out * sizeof *weights);
        double *dw = handmade_gradient_shaped(h, w, elementwise ? WG_DIMS(m + 3, n) : WG_DIMS(n, out));
        if (elementwise)
            for (size_t i = 0; i < (m + 3) * n; i++) dw[i] = X[i] * weights[i];
        else
            handmade_product(dw, X, true, weights, false, n, m + 3, out);
        if (elementwise)
            handmade_expect(h, WG_CAUSE_ELEMENTWISE_FOR_MATMUL, y, turned);
        else
            handmade_expect(h, WG_CAUSE_TRANSPOSED, turned, w);
        handmade_free(h);
    }
}

/* ---- other ops ------------------------------------------------------------------------------------------------------------- */

/* Z = conv1d(X, K), K (c,c,taps) with the channels in and out exchanged in dX */
static void test_channels_exchanged(void **state)
{
    (void)state;
    for (size_t c = 3; c < 6; c++) {
        size_t batch_size = 2, length = 7, taps = 3, out = length - taps + 1;
        handmade *h = handmade_new("dX with K's channels exchanged", c);
        wg_var x = handmade_variable(
            h, "X", WG_DIMS(batch_size, c, length), handmade_random(h, batch_size * c * length, -1, 1));
        wg_var k = handmade_variable(h, "K", WG_DIMS(c, c, taps), handmade_random(h, c * c * taps, -1, 1));
        wg_var z = handmade_named("Z", wg_conv1d(x, k, NULL));
        const double *weights = handmade_random(h, batch_size * c * out, -1, 1);
        const double *X = wg_value_f64(x), *K = wg_value_f64(k);
        wg_var g = handmade_constant(h, "G", WG_DIMS(batch_size, c, out), weights);
        h->loss = handmade_named("L", wg_sum(wg_mul(z, g)));
        double *dx = handmade_gradient_of(h, x), *dk = handmade_gradient_of(h, k), *dz = handmade_gradient_of(h, z);
        memcpy(dz, weights, batch_size * c * out * sizeof *dz);
        for (size_t b = 0; b < batch_size; b++)
            for (size_t o = 0; o < c; o++)
                for (size_t i = 0; i < c; i++)
                    for (size_t p = 0; p < out; p++)
                        for (size_t q = 0; q < taps; q++) {
                            double u = weights[(b * c + o) * out + p];
                            dk[(o * c + i) * taps + q] += u * X[(b * c + i) * length + p + q];
                            dx[(b * c + i) * length + p + q] += u * K[(i * c + o) * taps + q];
                        }
        handmade_expect(h, WG_CAUSE_WEIGHT_NOT_TRANSPOSED, z, x);
        handmade_free(h);
    }
}

/* x = A^-1 b for a lower triangular A with ones on its diagonal: db = A^-1 dx, where the transpose is right */
static void test_solve(void **state)
{
    (void)state;
    for (size_t n = 4; n < 7; n++) {
        handmade *h = handmade_new("db = A^-1 dx", n);
        double *A = handmade_random(h, n * n, -1, 1), *weights = handmade_random(h, n, -1, 1);
        for (size_t i = 0; i < n; i++)
            for (size_t j = i; j < n; j++) A[i * n + j] = i == j;
        wg_var a = handmade_constant(h, "A", WG_DIMS(n, n), A);
        wg_var b = handmade_variable(h, "b", WG_DIMS(n, 1), handmade_random(h, n, -1, 1));
        wg_var x = handmade_named("x", wg_solve(a, b));
        h->loss = handmade_named("L", wg_sum(wg_mul(x, handmade_constant(h, "g", WG_DIMS(n, 1), weights))));
        double *db = handmade_gradient_of(h, b), *dx = handmade_gradient_of(h, x);
        for (size_t i = 0; i < n; i++) {
            db[i] = dx[i] = weights[i];
            for (size_t j = 0; j < i; j++) db[i] -= A[i * n + j] * db[j];
        }
        handmade_expect(h, WG_CAUSE_WEIGHT_NOT_TRANSPOSED, handmade_find(h, "solve", 0), b);
        handmade_free(h);
    }
}

/* y = A^-1 for the same kind of A, whose inverse is found by forward substitution: dA = -y dy y */
static void test_inverse(void **state)
{
    (void)state;
    for (size_t n = 4; n < 7; n++) {
        handmade *h = handmade_new("dA = -y dy y", n);
        double *A = handmade_random(h, n * n, -1, 1), *y = handmade_zeros(h, n * n), *once = handmade_zeros(h, n * n);
        const double *weights = handmade_random(h, n * n, -1, 1);
        for (size_t i = 0; i < n; i++)
            for (size_t j = i; j < n; j++) A[i * n + j] = i == j;
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j < n; j++) {
                y[i * n + j] = i == j;
                for (size_t l = 0; l < i; l++) y[i * n + j] -= A[i * n + l] * y[l * n + j];
            }
        wg_var a = handmade_variable(h, "A", WG_DIMS(n, n), A), inverse = handmade_named("y", wg_inv(a));
        h->loss = handmade_named("L", wg_sum(wg_mul(inverse, handmade_constant(h, "G", WG_DIMS(n, n), weights))));
        double *da = handmade_gradient_of(h, a), *dy = handmade_gradient_of(h, inverse);
        memcpy(dy, weights, n * n * sizeof *dy);
        handmade_product(once, y, false, weights, false, n, n, n);
        handmade_product(da, once, false, y, false, n, n, n);
        for (size_t i = 0; i < n * n; i++) da[i] = -da[i];
        handmade_expect(h, WG_CAUSE_TRANSPOSED, inverse, a);
        handmade_free(h);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_result_transposed),
        cmocka_unit_test(test_an_operand_not_transposed),
        cmocka_unit_test(test_elementwise),
        cmocka_unit_test(test_operands_swapped),
        cmocka_unit_test(test_batch_operand_not_transposed),
        cmocka_unit_test(test_batch_result_transposed),
        cmocka_unit_test(test_batch_swapped_and_elementwise),
        cmocka_unit_test(test_stacked_operand_not_transposed),
        cmocka_unit_test(test_vector),
        cmocka_unit_test(test_weight_kept_transposed),
        cmocka_unit_test(test_gradient_of_a_weight_kept_transposed),
        cmocka_unit_test(test_channels_exchanged),
        cmocka_unit_test(test_solve),
        cmocka_unit_test(test_inverse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
