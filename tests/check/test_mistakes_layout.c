/* Mistakes of place, made by hand: gradients that are right but stand elsewhere, or are not there. The backward is that of
 *
 *     Z = W X + b,  A = tanh(Z),  L = sum of G * A^2,
 *
 * in loops, or of sums over arrays of more axes; a slip moves the numbers of one gradient, or of the adjoint that it is made
 * of. */
#include "support/handmade.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* ---- a layer ------------------------------------------------------------------------------------------------------------- */

typedef struct layer {
    handmade *h;
    size_t out, in, m;
    wg_var w, x, b, product, z, a;
    double *dw, *dx, *db, *dz, *da;
    double *used; /* dZ, as dW is made of it */
} layer;

static layer layer_make(const char *label, const size_t *e, uint64_t seed)
{
    layer l = {.h = handmade_new(label, seed), .out = e[0], .in = e[1], .m = e[2]};
    handmade *h = l.h;
    size_t n = l.out * l.m;
    const double *G = handmade_random(h, n, -1, 1);
    l.w = handmade_variable(h, "W", WG_DIMS(l.out, l.in), handmade_random(h, l.out * l.in, -1, 1));
    l.x = handmade_variable(h, "X", WG_DIMS(l.in, l.m), handmade_random(h, l.in * l.m, -1, 1));
    l.b = handmade_variable(h, "b", WG_DIMS(l.out, 1), handmade_random(h, l.out, -1, 1));
    l.product = wg_matmul(l.w, l.x);
    l.z = handmade_named("Z", wg_add(l.product, l.b));
    l.a = handmade_named("A", wg_tanh(l.z));
    wg_var g = handmade_constant(h, "G", WG_DIMS(l.out, l.m), G), square = wg_mul(l.a, l.a);
    h->loss = handmade_named("L", wg_sum(wg_mul(square, g)));
    l.da = handmade_gradient_of(h, l.a);
    l.dz = handmade_gradient_of(h, l.z);
    l.dw = handmade_gradient_of(h, l.w);
    l.dx = handmade_gradient_of(h, l.x);
    l.db = handmade_gradient_of(h, l.b);
    l.used = handmade_zeros(h, n);
    const double *a = wg_value_f64(l.a);
    for (size_t i = 0; i < n; i++) l.da[i] = 2 * G[i] * a[i];
    return l;
}

static void layer_below(layer *l)
{
    const double *a = wg_value_f64(l->a);
    for (size_t i = 0; i < l->out * l->m; i++) l->used[i] = l->dz[i] = l->da[i] * (1 - a[i] * a[i]);
}

static void layer_leaves(layer *l)
{
    handmade_product(l->dw, l->used, false, wg_value_f64(l->x), true, l->out, l->m, l->in);
    handmade_product(l->dx, wg_value_f64(l->w), true, l->dz, false, l->in, l->out, l->m);
    for (size_t i = 0; i < l->out; i++)
        for (size_t s = 0; s < l->m; s++) l->db[i] += l->dz[i * l->m + s];
}

static const size_t shapes[3][3] = {{9, 5, 7}, {10, 4, 6}, {11, 6, 9}};

/* ---- moves, index by index --------------------------------------------------------------------------------------------------- */

/* A move makes out (rows, columns) of in. */
typedef void (*move)(double *out, const double *in, size_t rows, size_t columns);

#define MOVE(name, value)                                                                                              \
    static void name(double *out, const double *in, size_t rows, size_t columns)                                       \
    {                                                                                                                  \
        for (size_t i = 0; i < rows; i++)                                                                              \
            for (size_t j = 0; j < columns; j++) out[i * columns + j] = value;                                         \
    }
#define AT(i, j) in[(i)*columns + (j)]

MOVE(rows_down, i > 0 ? AT(i - 1, j) : 0)
MOVE(rows_down_around, AT((i + rows - 1) % rows, j))
MOVE(rows_up, i + 1 < rows ? AT(i + 1, j) : 0)
MOVE(rows_up_repeating, AT(i + 1 < rows ? i + 1 : i, j))
MOVE(columns_right, j > 0 ? AT(i, j - 1) : 0)
MOVE(columns_left_around, AT(i, (j + 1) % columns))
MOVE(columns_right_repeating, AT(i, j > 0 ? j - 1 : 0))
MOVE(rows_reversed, AT(rows - 1 - i, j))
MOVE(columns_reversed, AT(i, columns - 1 - j))
MOVE(both_reversed, AT(rows - 1 - i, columns - 1 - j))
MOVE(without_first_row, i > 0 ? AT(i, j) : 0)
MOVE(without_last_row, i + 1 < rows ? AT(i, j) : 0)
MOVE(without_last_column, j + 1 < columns ? AT(i, j) : 0)
MOVE(without_three_rows, i + 3 < rows ? AT(i, j) : 0)
MOVE(without_two_columns, j + 2 < columns ? AT(i, j) : 0)
MOVE(without_five_numbers, i *columns + j + 5 < rows * columns ? AT(i, j) : 0)
MOVE(in_blocks_of_sixteen, i *columns + j < rows * columns / 16 * 16 ? AT(i, j) : 0)
MOVE(nothing, 0 * AT(i, j))
MOVE(first_column_alone, j == 0 ? AT(i, j) : 0)
MOVE(last_column_alone, j + 1 == columns ? AT(i, j) : 0)
MOVE(first_row_alone, i == 0 ? AT(i, j) : 0)
MOVE(junk_in_last_row, i + 1 < rows ? AT(i, j) : 1e4 * (2 + sin(7.0 * (double)j + 1)))
MOVE(junk_in_two_columns, j + 2 < columns ? AT(i, j) : 1e4 * (2 + cos(3.0 * (double)(i + j))))
MOVE(some_rows_not_written, i >= 2 && i < 5 ? 0 : AT(i, j))
MOVE(half_of_the_rows_not_written, i >= (rows - 1) / 2 ? 0 : AT(i, j))
MOVE(a_stretch_not_written, i *columns + j >= 8 && i * columns + j < 17 ? 0 : AT(i, j))
MOVE(junk_at_the_end, i *columns + j + 3 < rows * columns ? AT(i, j) : 6e3 * (double)(j + 1))

typedef struct moved_row {
    const char *label;
    move move;
    wg_cause cause;
} moved_row;

static const moved_row of_results[] = {
    {"rows moved down", rows_down, WG_CAUSE_SHIFTED},
    {"rows moved down, around the end", rows_down_around, WG_CAUSE_SHIFTED},
    {"rows moved up", rows_up, WG_CAUSE_SHIFTED},
    {"rows moved up, the last twice", rows_up_repeating, WG_CAUSE_SHIFTED},
    {"columns moved right", columns_right, WG_CAUSE_SHIFTED},
    {"columns moved left, around the end", columns_left_around, WG_CAUSE_SHIFTED},
    {"columns moved right, the first twice", columns_right_repeating, WG_CAUSE_SHIFTED},
    {"rows in reverse order", rows_reversed, WG_CAUSE_REVERSED},
    {"columns in reverse order", columns_reversed, WG_CAUSE_REVERSED},
    {"both in reverse order", both_reversed, WG_CAUSE_REVERSED},
    {"the first row not written", without_first_row, WG_CAUSE_UNWRITTEN},
    {"the last row not written", without_last_row, WG_CAUSE_UNWRITTEN},
    {"the last column not written", without_last_column, WG_CAUSE_UNWRITTEN},
    {"the last three rows not written", without_three_rows, WG_CAUSE_UNWRITTEN},
    {"the last two columns not written", without_two_columns, WG_CAUSE_UNWRITTEN},
    {"the last five numbers not written", without_five_numbers, WG_CAUSE_UNWRITTEN},
    {"what is left of blocks of sixteen not written", in_blocks_of_sixteen, WG_CAUSE_UNWRITTEN},
    {"the first row alone", first_row_alone, WG_CAUSE_BATCH_PARTIAL},
    {"the last column alone", last_column_alone, WG_CAUSE_BATCH_PARTIAL},
};
#define COUNT(rows) (sizeof rows / sizeof *rows)

/* dW is in another place. */
static void test_of_a_leaf(void **state)
{
    (void)state;
    for (size_t k = 0; k < 3 * COUNT(of_results); k++) {
        const moved_row *r = &of_results[k / 3];
        layer l = layer_make(r->label, shapes[k % 3], k + 1);
        layer_below(&l);
        layer_leaves(&l);
        const double *right = l.dw;
        r->move(handmade_gradient_of(l.h, l.w), right, l.out, l.in);
        handmade_expect(l.h, r->cause, l.product, l.w);
        handmade_free(l.h);
    }
}

/* dZ is in another place, and with it all that is below; every other slip. */
static void test_of_a_step(void **state)
{
    (void)state;
    for (size_t k = 0; k < 3 * (COUNT(of_results) / 2); k++) {
        const moved_row *r = &of_results[k / 3 * 2 + 1];
        layer l = layer_make(r->label, shapes[k % 3], k + 100);
        layer_below(&l);
        r->move(l.used, l.dz, l.out, l.m);
        memcpy(l.dz, l.used, l.out * l.m * sizeof *l.dz);
        layer_leaves(&l);
        handmade_expect(l.h, r->cause, l.a, l.z);
        handmade_free(l.h);
    }
}

/* dW is made of dZ in another place. */
static void test_of_the_adjoint(void **state)
{
    static const moved_row rows[] = {
        {"samples moved", columns_right, WG_CAUSE_SHIFTED},
        {"samples moved around the end", columns_left_around, WG_CAUSE_SHIFTED},
        {"samples in reverse order", columns_reversed, WG_CAUSE_REVERSED},
        {"the first sample alone", first_column_alone, WG_CAUSE_BATCH_PARTIAL},
        {"the last sample alone", last_column_alone, WG_CAUSE_BATCH_PARTIAL},
        {"all samples but the last", without_last_column, WG_CAUSE_BATCH_PARTIAL},
        {"all samples but two", without_two_columns, WG_CAUSE_BATCH_PARTIAL},
    };
    (void)state;
    for (size_t k = 0; k < 3 * COUNT(rows); k++) {
        const moved_row *r = &rows[k / 3];
        layer l = layer_make(r->label, shapes[k % 3], k + 200);
        layer_below(&l);
        r->move(l.used, l.dz, l.out, l.m);
        layer_leaves(&l);
        handmade_expect(l.h, r->cause, l.product, l.w);
        handmade_free(l.h);
    }
}

static void test_not_written_at_all(void **state)
{
    (void)state;
    for (size_t k = 0; k < 3; k++) {
        layer l = layer_make("dW not written", shapes[k], k + 300);
        layer_below(&l);
        layer_leaves(&l);
        nothing(l.dw, l.dw, l.out, l.in);
        handmade_expect(l.h, WG_CAUSE_UNWRITTEN, l.product, l.w);
        handmade_free(l.h);
    }
}

/* What was in memory is left at a margin, or zeros somewhere: no prediction, but a name. */
static void test_left_over(void **state)
{
    static const moved_row rows[] = {
        {"junk in the last row", junk_in_last_row, WG_CAUSE_UNWRITTEN},
        {"junk in the last two columns", junk_in_two_columns, WG_CAUSE_UNWRITTEN},
        {"junk at the end", junk_at_the_end, WG_CAUSE_UNWRITTEN},
        {"some rows not written", some_rows_not_written, WG_CAUSE_UNWRITTEN},
        {"half of the rows not written", half_of_the_rows_not_written, WG_CAUSE_UNWRITTEN},
        {"a stretch of memory not written", a_stretch_not_written, WG_CAUSE_UNWRITTEN},
    };
    (void)state;
    for (size_t k = 0; k < 3 * COUNT(rows); k++) {
        const moved_row *r = &rows[k / 3];
        layer l = layer_make(r->label, shapes[k % 3], k + 400);
        layer_below(&l);
        layer_leaves(&l);
        const double *right = l.dw;
        r->move(handmade_gradient_of(l.h, l.w), right, l.out, l.in);
        handmade_expect_first(l.h, r->cause);
        handmade_free(l.h);
    }
}

/* A row that holds other numbers of the usual size, in the middle or at the end but for one that is right, has no name. */
static void test_no_margin(void **state)
{
    (void)state;
    for (size_t k = 0; k < 6; k++) {
        layer l = layer_make("no margin", shapes[k / 2], k + 500);
        layer_below(&l);
        layer_leaves(&l);
        size_t row = k % 2 ? 2 : l.out - 1;
        for (size_t j = 0; j + (k % 2 ? 0 : 1) < l.in; j++) l.dw[row * l.in + j] = 5 + sin((double)j);
        handmade_expect_first(l.h, WG_CAUSE_UNKNOWN);
        handmade_free(l.h);
    }
}

/* A vector: the same along its one axis. */
static void test_of_a_vector(void **state)
{
    static const moved_row rows[] = {
        {"a vector moved", rows_down, WG_CAUSE_SHIFTED},
        {"a vector reversed", rows_reversed, WG_CAUSE_REVERSED},
        {"a vector's last three not written", without_three_rows, WG_CAUSE_UNWRITTEN},
    };
    (void)state;
    for (size_t k = 0; k < 3 * COUNT(rows); k++) {
        const moved_row *r = &rows[k / 3];
        layer l = layer_make(r->label, shapes[k % 3], k + 600);
        layer_below(&l);
        layer_leaves(&l);
        const double *right = l.db;
        r->move(handmade_gradient_of(l.h, l.b), right, l.out, 1);
        handmade_expect(l.h, r->cause, l.z, l.b);
        handmade_free(l.h);
    }
}

/* ---- more axes ----------------------------------------------------------------------------------------------------------------- */

/* y = x * k, of three or four axes; L = sum of g * y. dx = g k. */
typedef struct block {
    handmade *h;
    uint32_t rank;
    size_t e[4], n;
    wg_var x, y;
    double *right;
} block;

static block block_make(const char *label, uint32_t rank, const size_t *e, uint64_t seed)
{
    block b = {.h = handmade_new(label, seed), .rank = rank, .n = 1};
    wg_shape shape = {rank, {0}};
    for (uint32_t d = 0; d < rank; d++) b.n *= shape.dim[d] = b.e[d] = e[d];
    const double *k = handmade_random(b.h, b.n, -1, 1), *g = handmade_random(b.h, b.n, -1, 1);
    b.x = handmade_variable(b.h, "x", shape, handmade_random(b.h, b.n, -1, 1));
    b.y = handmade_named("y", wg_mul(b.x, handmade_constant(b.h, "k", shape, k)));
    b.h->loss = handmade_named("L", wg_sum(wg_mul(b.y, handmade_constant(b.h, "g", shape, g))));
    b.right = handmade_zeros(b.h, b.n);
    memcpy(handmade_gradient_of(b.h, b.y), g, b.n * sizeof *g);
    for (size_t i = 0; i < b.n; i++) b.right[i] = g[i] * k[i];
    return b;
}

static const size_t blocks[3][4] = {{2, 3, 5, 4}, {3, 4, 2, 5}, {4, 2, 3, 3}};

/* (0,2,1) and (2,0,1) of three axes, channels last of four: in that shape, in that order in memory, and read from it. */
static void test_permuted(void **state)
{
    static const struct {
        uint32_t rank;
        size_t order[4];
    } orders[] = {{3, {0, 2, 1}}, {3, {2, 0, 1}}, {4, {0, 2, 3, 1}}, {4, {3, 2, 1, 0}}};
    (void)state;
    for (size_t k = 0; k < 3 * 3 * COUNT(orders); k++) {
        uint32_t rank = orders[k / 9].rank;
        const size_t *order = orders[k / 9].order, way = k % 3;
        block b = block_make("permuted", rank, blocks[k / 3 % 3] + (4 - rank), k + 1);
        wg_shape permuted = {rank, {0}}, own = wg_shape_of(b.x);
        for (uint32_t d = 0; d < rank; d++) permuted.dim[d] = b.e[order[d]];
        double *numbers = handmade_gradient_shaped(b.h, b.x, way == 0 ? permuted : own);
        for (size_t i = 0; i < b.n; i++) {
            size_t at[4] = {0}, rest = i, moved = 0;
            for (uint32_t d = rank; d-- > 0; rest /= b.e[d]) at[d] = rest % b.e[d];
            for (uint32_t d = 0; d < rank; d++) moved = moved * permuted.dim[d] + at[order[d]];
            if (way == 2)
                numbers[i] = b.right[moved];
            else
                numbers[moved] = b.right[i];
        }
        handmade_expect(b.h, WG_CAUSE_PERMUTED, b.y, b.x);
        handmade_free(b.h);
    }
}

/* The middle axis moved by one, and reversed; the last two reversed. */
static void test_inner_axes(void **state)
{
    (void)state;
    for (size_t k = 0; k < 9; k++) {
        block b = block_make("inner axes", 3, blocks[k % 3], k + 50);
        size_t rows = b.e[1], columns = b.e[2], slip = k / 3;
        double *numbers = handmade_gradient_of(b.h, b.x);
        for (size_t p = 0; p < b.e[0]; p++)
            for (size_t i = 0; i < rows; i++)
                for (size_t j = 0; j < columns; j++) {
                    size_t row = slip ? rows - 1 - i : (i + 1) % rows, column = slip == 2 ? columns - 1 - j : j;
                    numbers[(p * rows + i) * columns + j] = b.right[(p * rows + row) * columns + column];
                }
        handmade_expect(b.h, slip ? WG_CAUSE_REVERSED : WG_CAUSE_SHIFTED, b.y, b.x);
        handmade_free(b.h);
    }
}

/* ---- a convolution --------------------------------------------------------------------------------------------------------------- */

/* z[i] = sum of x[i + q] k[q]: dx[i + q] += dz[i] k[q]. With k reversed in it, or dk reversed. */
static void test_convolution(void **state)
{
    (void)state;
    for (size_t c = 0; c < 6; c++) {
        size_t length = 9 + c, taps = 4, out = length - taps + 1;
        bool of_kernel = c % 2;
        handmade *h = handmade_new(of_kernel ? "dk reversed" : "dx with k reversed", c + 1);
        const double *g = handmade_random(h, out, -1, 1);
        wg_var x = handmade_variable(h, "x", WG_DIMS(1, 1, length), handmade_random(h, length, -1, 1));
        wg_var k = handmade_variable(h, "k", WG_DIMS(1, 1, taps), handmade_random(h, taps, -1, 1));
        wg_var z = handmade_named("z", wg_conv1d(x, k, NULL));
        h->loss = handmade_named("L", wg_sum(wg_mul(z, handmade_constant(h, "g", WG_DIMS(1, 1, out), g))));
        const double *X = wg_value_f64(x), *K = wg_value_f64(k);
        double *dx = handmade_gradient_of(h, x), *dk = handmade_gradient_of(h, k);
        memcpy(handmade_gradient_of(h, z), g, out * sizeof *g);
        for (size_t i = 0; i < out; i++)
            for (size_t q = 0; q < taps; q++) {
                dx[i + q] += g[i] * K[of_kernel ? q : taps - 1 - q];
                dk[of_kernel ? taps - 1 - q : q] += g[i] * X[i + q];
            }
        handmade_expect(h, WG_CAUSE_REVERSED, z, of_kernel ? k : x);
        handmade_free(h);
    }
}

/* ---- all that arrives ---------------------------------------------------------------------------------------------------------------- */

/* y is used twice; what arrives at it in all is in another place. */
static void test_of_a_sum(void **state)
{
    (void)state;
    for (size_t k = 0; k < 3; k++) {
        size_t m = 4 + k, n = 5;
        handmade *h = handmade_new("dy, of two uses, moved", k + 1);
        const double *g = handmade_random(h, m * n, -1, 1), *f = handmade_random(h, m * n, -1, 1);
        wg_var x = handmade_variable(h, "x", WG_DIMS(m, n), handmade_random(h, m * n, -1, 1));
        wg_var y = handmade_named("y", wg_sin(x)), sine = wg_sin(y);
        wg_var one = wg_mul(sine, handmade_constant(h, "g", WG_DIMS(m, n), g));
        wg_var other = wg_mul(y, handmade_constant(h, "f", WG_DIMS(m, n), f));
        h->loss = handmade_named("L", wg_add(wg_sum(one), wg_sum(other)));
        const double *X = wg_value_f64(x), *Y = wg_value_f64(y);
        double *dy = handmade_gradient_of(h, y), *dx = handmade_gradient_of(h, x), *right = handmade_zeros(h, m * n);
        for (size_t i = 0; i < m * n; i++) right[i] = g[i] * cos(Y[i]) + f[i];
        rows_down_around(dy, right, m, n);
        for (size_t i = 0; i < m * n; i++) dx[i] = dy[i] * cos(X[i]);
        handmade_expect_first(h, WG_CAUSE_SHIFTED);
        handmade_free(h);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_of_a_leaf),
        cmocka_unit_test(test_of_a_step),
        cmocka_unit_test(test_of_the_adjoint),
        cmocka_unit_test(test_not_written_at_all),
        cmocka_unit_test(test_left_over),
        cmocka_unit_test(test_no_margin),
        cmocka_unit_test(test_of_a_vector),
        cmocka_unit_test(test_permuted),
        cmocka_unit_test(test_inner_axes),
        cmocka_unit_test(test_convolution),
        cmocka_unit_test(test_of_a_sum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
