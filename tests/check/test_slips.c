/* Six slips that everybody makes once, in a two-layer network written out in loops. Each must be named in words, from the
 * gradients of the parameters alone and from all of them, in double and in float. */
#include <wengert.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

enum { MOST = 8 };

typedef enum slip {
    NO_SLIP,
    WITHOUT_TRANSPOSE, /* dW2 = dZ2 A1 */
    NOT_SUMMED,        /* db2 = dZ2 */
    WRONG_AXIS,        /* db2 = the sums of dZ2 over the units */
    WITHOUT_M,         /* dA2 = 2 (A2 - Y) */
    ELEMENTWISE,       /* dW2 = dZ2 * A1 */
    BY_SAMPLES         /* dA2 = 2/m (A2 - Y) where the loss is a mean over elements */
} slip;

/* ---- the network ---------------------------------------------------------------------------------------------------------- */

typedef double matrix[MOST][MOST];

typedef struct net {
    size_t n0, n1, n2, m;
    matrix X, W1, b1, Z1, A1, W2, b2, Z2, A2, Y;
    matrix dA2, dZ2, dW2, db2, dA1, dZ1, dW1, db1;
    wg_shape db2_shape;
} net;

#define EACH(i, n) for (size_t i = 0; i < (n); i++)

static void fill(matrix x, double offset)
{
    EACH(i, MOST) EACH(j, MOST) x[i][j] = sin(offset + 1.7 * (double)i + 2.9 * (double)(j * j) + (double)(i * j));
}

static double sigmoid(double x) { return 1 / (1 + exp(-x)); }

static void layer(matrix Z, matrix A, matrix W, matrix in, matrix b, size_t n, size_t k, size_t m)
{
    EACH(i, n)
    EACH(j, m)
    {
        Z[i][j] = b[i][0];
        EACH(l, k) Z[i][j] += W[i][l] * in[l][j];
        A[i][j] = sigmoid(Z[i][j]);
    }
}

static void forward(net *n)
{
    matrix *given[] = {&n->X, &n->W1, &n->b1, &n->W2, &n->b2, &n->Y};
    EACH(k, sizeof given / sizeof *given) fill(*given[k], 0.3 + 1.1 * (double)k);
    layer(n->Z1, n->A1, n->W1, n->X, n->b1, n->n1, n->n0, n->m);
    layer(n->Z2, n->A2, n->W2, n->A1, n->b2, n->n2, n->n1, n->m);
}

/* A1 as it lies in memory, (n1,m), read as if it were (m,n1). */
static double as_it_lies(const net *n, size_t row, size_t column)
{
    size_t flat = row * n->n1 + column;
    return n->A1[flat / n->m][flat % n->m];
}

static void second_layer(net *n, slip s)
{
    double scale = s == WITHOUT_M ? 2 : 2 / (double)n->m;
    EACH(i, n->n2)
    EACH(k, n->m)
    {
        n->dA2[i][k] = scale * (n->A2[i][k] - n->Y[i][k]);
        n->dZ2[i][k] = n->dA2[i][k] * n->A2[i][k] * (1 - n->A2[i][k]);
    }
    EACH(i, n->n2)
    EACH(j, n->n1)
    {
        n->dW2[i][j] = 0;
        EACH(k, n->m) n->dW2[i][j] += n->dZ2[i][k] * (s == WITHOUT_TRANSPOSE ? as_it_lies(n, k, j) : n->A1[j][k]);
        if (s == ELEMENTWISE) n->dW2[i][j] = n->dZ2[i][j] * n->A1[i][j];
    }
    memset(n->db2, 0, sizeof n->db2);
    n->db2_shape = WG_DIMS(n->n2, 1);
    EACH(i, n->n2)
    EACH(k, n->m)
    if (s == NOT_SUMMED)
        n->db2[i][k] = n->dZ2[i][k];
    else if (s == WRONG_AXIS)
        n->db2[0][k] += n->dZ2[i][k];
    else
        n->db2[i][0] += n->dZ2[i][k];
    if (s == NOT_SUMMED) n->db2_shape = WG_DIMS(n->n2, n->m);
    if (s == WRONG_AXIS) n->db2_shape = WG_DIMS(1, n->m);
}

static void first_layer(net *n)
{
    EACH(j, n->n1)
    EACH(k, n->m)
    {
        n->dA1[j][k] = 0;
        EACH(i, n->n2) n->dA1[j][k] += n->W2[i][j] * n->dZ2[i][k];
        n->dZ1[j][k] = n->dA1[j][k] * n->A1[j][k] * (1 - n->A1[j][k]);
    }
    memset(n->db1, 0, sizeof n->db1);
    EACH(j, n->n1)
    EACH(k, n->m) n->db1[j][0] += n->dZ1[j][k];
    EACH(j, n->n1)
    EACH(l, n->n0)
    {
        n->dW1[j][l] = 0;
        EACH(k, n->m) n->dW1[j][l] += n->dZ1[j][k] * n->X[l][k];
    }
}

/* ---- the check --------------------------------------------------------------------------------------------------------------- */

static size_t pack(double *to, matrix from, wg_shape shape)
{
    EACH(i, shape.dim[0]) EACH(j, shape.dim[1]) to[i * shape.dim[1] + j] = from[i][j];
    return shape.dim[0] * shape.dim[1];
}

static wg_var leaf(wg_tape *tape, matrix x, size_t rows, size_t columns, const char *name)
{
    double numbers[MOST * MOST];
    pack(numbers, x, WG_DIMS(rows, columns));
    return wg_name(wg_variable(tape, WG_DIMS(rows, columns), numbers), name);
}

static void supply(wg_check *check, wg_var var, matrix gradient, wg_shape shape, bool in_float)
{
    double numbers[MOST * MOST];
    float floats[MOST * MOST];
    size_t n = pack(numbers, gradient, shape);
    EACH(i, n) floats[i] = (float)numbers[i];
    if (in_float)
        assert_int_equal(wg_check_supply_f32(check, var, shape, floats), WG_OK);
    else
        assert_int_equal(wg_check_supply_f64(check, var, shape, numbers), WG_OK);
}

typedef struct named {
    wg_check *check;
    wg_tape *tape;
    const wg_check_report *report;
} named;

static named run(net *n, slip s, bool steps, bool in_float)
{
    named result = {.tape = wg_tape_new(WG_F64)};
    wg_tape *tape = result.tape;
    forward(n);
    second_layer(n, s);
    first_layer(n);
    wg_var X = leaf(tape, n->X, n->n0, n->m, "X"), Y = leaf(tape, n->Y, n->n2, n->m, "Y");
    wg_var W1 = leaf(tape, n->W1, n->n1, n->n0, "W1"), b1 = leaf(tape, n->b1, n->n1, 1, "b1");
    wg_var W2 = leaf(tape, n->W2, n->n2, n->n1, "W2"), b2 = leaf(tape, n->b2, n->n2, 1, "b2");
    wg_var Z1 = wg_name(wg_add(wg_matmul(W1, X), b1), "Z1"), A1 = wg_name(wg_sigmoid(Z1), "A1");
    wg_var Z2 = wg_name(wg_add(wg_matmul(W2, A1), b2), "Z2"), A2 = wg_name(wg_sigmoid(Z2), "A2");
    result.check = wg_check_new(wg_mse(A2, Y, s == BY_SAMPLES ? WG_MEAN : WG_BATCH_MEAN));
    assert_non_null(result.check);
    supply(result.check, W1, n->dW1, wg_shape_of(W1), in_float);
    supply(result.check, b1, n->db1, wg_shape_of(b1), in_float);
    supply(result.check, W2, n->dW2, wg_shape_of(W2), in_float);
    supply(result.check, b2, n->db2, n->db2_shape, in_float);
    if (steps) {
        supply(result.check, Z1, n->dZ1, wg_shape_of(Z1), in_float);
        supply(result.check, A1, n->dA1, wg_shape_of(A1), in_float);
        supply(result.check, Z2, n->dZ2, wg_shape_of(Z2), in_float);
        supply(result.check, A2, n->dA2, wg_shape_of(A2), in_float);
    }
    assert_int_equal(wg_check_run(result.check, &result.report), WG_OK);
    return result;
}

static void done(named *result)
{
    wg_check_free(result->check);
    wg_tape_free(result->tape);
}

/* The first cause is that one, at that gradient, and its sentence has these words in it. */
static void expect(
    net *n, slip s, wg_cause cause, const char *gradient, const char *gradient_steps, const char *const *words)
{
    EACH(setting, 4)
    {
        named result = run(n, s, setting & 1, setting & 2);
        assert_false(result.report->right);
        assert_true(result.report->causes_count > 0);
        const wg_check_cause *first = &result.report->causes[0];
        if (first->cause != cause || first->rank != 1)
            fail_msg("%s instead of %s: %s", wg_cause_name(first->cause), wg_cause_name(cause), first->sentence);
        assert_string_equal(first->name, setting & 1 ? gradient_steps : gradient);
        for (const char *const *word = words; *word; word++)
            if (!strstr(first->sentence, *word)) fail_msg("no \"%s\" in: %s", *word, first->sentence);
        done(&result);
    }
}

static net distinct(void) { return (net){.n0 = 3, .n1 = 5, .n2 = 4, .m = 7}; }
static net square(void) { return (net){.n0 = 5, .n1 = 5, .n2 = 5, .m = 5}; }

#define WORDS(...)                                                                                                     \
    (const char *const[]) { __VA_ARGS__, NULL }

static void right(void **state)
{
    (void)state;
    net nets[] = {distinct(), square()};
    EACH(k, 2)
    EACH(setting, 4)
    {
        named result = run(&nets[k], NO_SLIP, setting & 1, setting & 2);
        assert_true(result.report->right);
        done(&result);
    }
}

static void without_transpose(void **state)
{
    (void)state;
    net nets[] = {distinct(), square()};
    EACH(k, 2) expect(&nets[k], WITHOUT_TRANSPOSE, WG_CAUSE_TRANSPOSED, "dW2", "dW2", WORDS("dW2", "A1", "transpose"));
}

static void not_summed(void **state)
{
    (void)state;
    net n = distinct();
    expect(&n, NOT_SUMMED, WG_CAUSE_BIAS_NOT_REDUCED, "db2", "db2", WORDS("db2", "summed"));
}

static void wrong_axis(void **state)
{
    (void)state;
    net n = distinct();
    expect(&n, WRONG_AXIS, WG_CAUSE_BIAS_WRONG_AXIS, "db2", "db2", WORDS("db2", "summed", "axis"));
}

static void without_m(void **state)
{
    (void)state;
    net n = distinct();
    expect(&n, WITHOUT_M, WG_CAUSE_REDUCTION, "db2", "dA2", WORDS("mean", "7 columns", "left out"));
}

static void elementwise(void **state)
{
    (void)state;
    net n = square();
    expect(&n, ELEMENTWISE, WG_CAUSE_ELEMENTWISE_FOR_MATMUL, "dW2", "dW2",
        WORDS("dW2", "element by element", "matrix product"));
}

static void by_samples(void **state)
{
    (void)state;
    net n = distinct();
    expect(&n, BY_SAMPLES, WG_CAUSE_REDUCTION, "db2", "dA2", WORDS("mean"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(right), cmocka_unit_test(without_transpose),
        cmocka_unit_test(not_summed), cmocka_unit_test(wrong_axis), cmocka_unit_test(without_m),
        cmocka_unit_test(elementwise), cmocka_unit_test(by_samples)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
