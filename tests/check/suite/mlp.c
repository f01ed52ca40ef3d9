/* Two layers of sigmoids and the mean squared error, samples in columns:
 *
 *     Z1 = W1 X + b1, A1 = sigmoid(Z1), Z2 = W2 A1 + b2, A2 = sigmoid(Z2), L = |A2 - Y|^2 / m
 *
 * All of it twice: with extents that differ, and square, where a product can be taken the wrong way round and nobody
 * notices. */
#include "suite.h"

#include <math.h>

enum { X, W1, B1, Z1, A1, W2, B2, Z2, A2, Y };

enum {
    NONE,
    SUM_OF_SQUARES,
    MEAN_OF_ELEMENTS,
    WITHOUT_TWO,
    TWICE_TWO,
    TIMES_M,
    Y_LESS_A2,
    WITHOUT_M_AND_TWO,
    DZ2_BARE,
    DZ2_AT_Z,
    DZ1_BARE,
    DZ1_AT_Z,
    DZ1_AT_SIGMOID_A,
    DZ1_TANH,
    DZ1_RELU,
    DZ1_SOFTPLUS,
    DZ2_TANH,
    DZ1_FROM_A2,
    DW2_A1_AS_IT_LIES,
    DW1_X_AS_IT_LIES,
    DW2_OF_Z1,
    DW2_OF_DA2,
    DW1_OF_DA1,
    DW1_FIRST_SAMPLE,
    DW2_FIRST_SAMPLE,
    DA1_W2_AS_IT_LIES,
    DA1_OF_DA2,
    DA1_W2_UPDATED,
    DA1_W2_UPDATED_BY_A_LITTLE,
    DB2_OF_SAMPLES,
    DB2_OVER_UNITS,
    DB1_OVER_UNITS_INTO,
    DB2_MEAN,
    DB1_MEAN,
    DB2_FIRST,
    DB1_LAST,
    DB2_OF_DA2,
    SAMPLES_BUT_LAST,
    DW2_SWAPPED,
    DA1_SWAPPED,
    DW2_ELEMENTWISE,
    DW2_ELEMENTWISE_TRANSPOSED,
    DA1_ELEMENTWISE,
    DA1_ELEMENTWISE_TRANSPOSED
};

/* ---- forward ---------------------------------------------------------------------------------------------------------------- */

static void declare(suite *s)
{
    size_t n0 = s->size[0], n1 = s->size[1], n2 = s->size[2], m = s->size[3];
    suite_declare(s, X, "X", SUITE_DATA, WG_DIMS(n0, m), 1);
    suite_declare(s, W1, "W1", SUITE_VARIABLE, WG_DIMS(n1, n0), 0.8);
    suite_declare(s, B1, "b1", SUITE_VARIABLE, WG_DIMS(n1, 1), 0.5);
    suite_declare(s, Z1, "Z1", SUITE_STEP, WG_DIMS(n1, m), 0);
    suite_declare(s, A1, "A1", SUITE_STEP, WG_DIMS(n1, m), 0);
    suite_declare(s, W2, "W2", SUITE_VARIABLE, WG_DIMS(n2, n1), 0.8);
    suite_declare(s, B2, "b2", SUITE_VARIABLE, WG_DIMS(n2, 1), 0.5);
    suite_declare(s, Z2, "Z2", SUITE_STEP, WG_DIMS(n2, m), 0);
    suite_declare(s, A2, "A2", SUITE_STEP, WG_DIMS(n2, m), 0);
    suite_declare(s, Y, "Y", SUITE_DATA, WG_DIMS(n2, m), 1);
}

static void layer(suite *s, size_t z, size_t w, size_t in, size_t b, size_t a)
{
    size_t n = s->array[w].shape.dim[0], k = s->array[w].shape.dim[1], m = s->size[3];
    suite_multiply(V(z), n, m, k, V(w), AS_IT_IS, V(in), AS_IT_IS);
    EACH(i, n) EACH(j, m) V(z)[i * m + j] += V(b)[i];
    suite_value(s, z);
    EACH(i, n * m) V(a)[i] = suite_sigmoid(V(z)[i]);
    suite_value(s, a);
}

static void run(suite *s)
{
    layer(s, Z1, W1, X, B1, A1);
    layer(s, Z2, W2, A1, B2, A2);
}

static wg_var record(suite *s)
{
    wg_var x = suite_leaf(s, X), w1 = suite_leaf(s, W1), b1 = suite_leaf(s, B1), w2 = suite_leaf(s, W2),
           b2 = suite_leaf(s, B2), y = suite_leaf(s, Y);
    wg_var z1 = suite_step(s, Z1, wg_add(wg_matmul(w1, x), b1));
    wg_var a1 = suite_step(s, A1, wg_sigmoid(z1));
    wg_var z2 = suite_step(s, Z2, wg_add(wg_matmul(w2, a1), b2));
    wg_var a2 = suite_step(s, A2, wg_sigmoid(z2));
    return wg_mse(a2, y, WG_BATCH_MEAN);
}

/* ---- backward --------------------------------------------------------------------------------------------------------------- */

/* dA2 = 2/m (A2 - Y) */
static void from_loss(suite *s)
{
    size_t n2 = s->size[2], m = s->size[3];
    double scale = 2.0 / (double)m;
    if (MADE(SUM_OF_SQUARES)) scale = 2.0;
    if (MADE(MEAN_OF_ELEMENTS)) scale = 2.0 / (double)(n2 * m);
    if (MADE(WITHOUT_TWO)) scale = 1.0 / (double)m;
    if (MADE(TWICE_TWO)) scale = 4.0 / (double)m;
    if (MADE(TIMES_M)) scale = 2.0 * (double)m;
    if (MADE(WITHOUT_M_AND_TWO)) scale = 1;
    EACH(i, n2 * m) D(A2)[i] = scale * (V(A2)[i] - V(Y)[i]);
    if (MADE(Y_LESS_A2)) EACH(i, n2 * m) D(A2)[i] = scale * (V(Y)[i] - V(A2)[i]);
    suite_done(s, A2);
}

/* dZ2 = dA2 A2 (1 - A2) */
static void through_second_sigmoid(suite *s)
{
    EACH(i, s->size[2] * s->size[3])
    {
        double a = V(A2)[i], z = V(Z2)[i], slope = a * (1 - a);
        if (MADE(DZ2_BARE)) slope = 1;
        if (MADE(DZ2_AT_Z)) slope = z * (1 - z);
        if (MADE(DZ2_TANH)) slope = 1 - a * a;
        D(Z2)[i] = D(A2)[i] * slope;
    }
    suite_done(s, Z2);
}

/* dW2 = dZ2 A1^T, and dW1 = dZ1 X^T */
static void weight_two(suite *s)
{
    size_t n1 = s->size[1], n2 = s->size[2], m = s->size[3];
    suite_multiply(D(W2), n2, n1, m, D(Z2), AS_IT_IS, V(A1), TRANSPOSE);
    if (MADE(DW2_A1_AS_IT_LIES)) suite_multiply(D(W2), n2, n1, m, D(Z2), AS_IT_IS, V(A1), AS_IT_IS);
    if (MADE(DW2_OF_Z1)) suite_multiply(D(W2), n2, n1, m, D(Z2), AS_IT_IS, V(Z1), TRANSPOSE);
    if (MADE(DW2_OF_DA2)) suite_multiply(D(W2), n2, n1, m, D(A2), AS_IT_IS, V(A1), TRANSPOSE);
    if (MADE(DW2_SWAPPED)) suite_multiply(D(W2), n2, n1, m, V(A1), TRANSPOSE, D(Z2), AS_IT_IS);
    EACH(i, n2)
    EACH(j, n1)
    {
        if (MADE(DW2_FIRST_SAMPLE)) D(W2)[i * n1 + j] = D(Z2)[i * m] * V(A1)[j * m];
        if (MADE(DW2_ELEMENTWISE)) D(W2)[i * n1 + j] = D(Z2)[i * m + j] * V(A1)[i * m + j];
        if (MADE(DW2_ELEMENTWISE_TRANSPOSED)) D(W2)[i * n1 + j] = D(Z2)[i * m + j] * V(A1)[j * m + i];
        if (MADE(SAMPLES_BUT_LAST)) D(W2)[i * n1 + j] -= D(Z2)[i * m + m - 1] * V(A1)[j * m + m - 1];
    }
    suite_done(s, W2);
}

static void weight_one(suite *s)
{
    size_t n0 = s->size[0], n1 = s->size[1], m = s->size[3];
    suite_multiply(D(W1), n1, n0, m, D(Z1), AS_IT_IS, V(X), TRANSPOSE);
    if (MADE(DW1_X_AS_IT_LIES)) suite_multiply(D(W1), n1, n0, m, D(Z1), AS_IT_IS, V(X), AS_IT_IS);
    if (MADE(DW1_OF_DA1)) suite_multiply(D(W1), n1, n0, m, D(A1), AS_IT_IS, V(X), TRANSPOSE);
    if (MADE(DW1_FIRST_SAMPLE)) EACH(i, n1) EACH(j, n0) D(W1)[i * n0 + j] = D(Z1)[i * m] * V(X)[j * m];
    suite_done(s, W1);
}

/* db = the row sums of dZ */
static void bias_two(suite *s)
{
    size_t n2 = s->size[2], m = s->size[3];
    suite_sum_rows(D(B2), D(Z2), n2, m);
    if (MADE(DB2_OF_SAMPLES)) {
        EACH(i, n2 * m) D(B2)[i] = D(Z2)[i];
        SHAPE(B2) = WG_DIMS(n2, m);
    }
    if (MADE(DB2_OVER_UNITS)) {
        suite_sum_columns(D(B2), D(Z2), n2, m);
        SHAPE(B2) = WG_DIMS(1, m);
    }
    if (MADE(DB2_MEAN)) EACH(i, n2) D(B2)[i] /= (double)m;
    if (MADE(DB2_FIRST)) EACH(i, n2) D(B2)[i] = D(Z2)[i * m];
    if (MADE(DB2_OF_DA2)) suite_sum_rows(D(B2), D(A2), n2, m);
    suite_done(s, B2);
}

static void bias_one(suite *s)
{
    size_t n1 = s->size[1], m = s->size[3];
    suite_sum_rows(D(B1), D(Z1), n1, m);
    if (MADE(DB1_OVER_UNITS_INTO)) suite_sum_columns(D(B1), D(Z1), m, n1); /* (m,n1) is how dZ1 is read */
    if (MADE(DB1_MEAN)) EACH(i, n1) D(B1)[i] /= (double)m;
    if (MADE(DB1_LAST)) EACH(i, n1) D(B1)[i] = D(Z1)[i * m + m - 1];
    suite_done(s, B1);
}

/* dA1 = W2^T dZ2 */
static void through_second_layer(suite *s)
{
    size_t n1 = s->size[1], n2 = s->size[2], m = s->size[3];
    double step = MADE(DA1_W2_UPDATED) ? 0.5 : MADE(DA1_W2_UPDATED_BY_A_LITTLE) ? 0.01 : 0;
    EACH(i, n2 * n1) V(W2)[i] -= step * D(W2)[i];
    suite_multiply(D(A1), n1, m, n2, V(W2), TRANSPOSE, D(Z2), AS_IT_IS);
    if (MADE(DA1_W2_AS_IT_LIES)) suite_multiply(D(A1), n1, m, n2, V(W2), AS_IT_IS, D(Z2), AS_IT_IS);
    if (MADE(DA1_OF_DA2)) suite_multiply(D(A1), n1, m, n2, V(W2), TRANSPOSE, D(A2), AS_IT_IS);
    if (MADE(DA1_SWAPPED)) suite_multiply(D(A1), n1, m, n2, D(Z2), AS_IT_IS, V(W2), TRANSPOSE);
    EACH(i, n1)
    EACH(j, m)
    {
        if (MADE(DA1_ELEMENTWISE)) D(A1)[i * m + j] = V(W2)[i * n1 + j] * D(Z2)[i * m + j];
        if (MADE(DA1_ELEMENTWISE_TRANSPOSED)) D(A1)[i * m + j] = V(W2)[j * n1 + i] * D(Z2)[i * m + j];
    }
    suite_done(s, A1);
    EACH(i, n2 * n1) V(W2)[i] += step * D(W2)[i];
}

/* dZ1 = dA1 A1 (1 - A1) */
static void through_first_sigmoid(suite *s)
{
    EACH(i, s->size[1] * s->size[3])
    {
        double a = V(A1)[i], z = V(Z1)[i], again = suite_sigmoid(a), slope = a * (1 - a);
        if (MADE(DZ1_BARE)) slope = 1;
        if (MADE(DZ1_AT_Z)) slope = z * (1 - z);
        if (MADE(DZ1_AT_SIGMOID_A)) slope = again * (1 - again);
        if (MADE(DZ1_TANH)) slope = 1 - a * a;
        if (MADE(DZ1_RELU)) slope = z > 0;
        if (MADE(DZ1_SOFTPLUS)) slope = a;
        D(Z1)[i] = D(A1)[i] * slope;
    }
    suite_done(s, Z1);
}

static void backward(suite *s)
{
    from_loss(s);
    through_second_sigmoid(s);
    weight_two(s);
    bias_two(s);
    through_second_layer(s);
    through_first_sigmoid(s);
    weight_one(s);
    bias_one(s);
}

/* ---- mistakes --------------------------------------------------------------------------------------------------------------- */

static const suite_mistake mistakes[] = {
    MISTAKE(SUM_OF_SQUARES, A2, REDUCTION, OR(FACTOR), "1/m forgotten: 2 (A2 - Y)"),
    MISTAKE(MEAN_OF_ELEMENTS, A2, REDUCTION, OR(FACTOR), "2/(n2 m) instead of 2/m"),
    MISTAKE(WITHOUT_TWO, A2, FACTOR, 0, "1/m (A2 - Y), the 2 forgotten"),
    MISTAKE(TWICE_TWO, A2, FACTOR, 0, "the 2 taken twice: 4/m"),
    MISTAKE(TIMES_M, A2, FACTOR, 0, "2 m (A2 - Y) instead of 2/m"),
    MISTAKE(WITHOUT_M_AND_TWO, A2, FACTOR, OR(REDUCTION), "A2 - Y alone, m/2 too large"),
    MISTAKE(Y_LESS_A2, A2, SIGN, OR(OPERANDS_SWAPPED) | OR(FACTOR), "2/m (Y - A2)"),
    MISTAKE(DZ2_BARE, Z2, ACTIVATION_MISSING, 0, "dZ2 = dA2"),
    MISTAKE(DZ2_AT_Z, Z2, ACTIVATION_AT_WRONG_VALUE, 0, "dZ2 = dA2 Z2 (1 - Z2)"),
    MISTAKE(DZ2_TANH, Z2, ACTIVATION_OF_ANOTHER, 0, "dZ2 = dA2 (1 - A2^2), tanh's"),
    MISTAKE(DZ1_BARE, Z1, ACTIVATION_MISSING, 0, "dZ1 = dA1"),
    MISTAKE(DZ1_AT_Z, Z1, ACTIVATION_AT_WRONG_VALUE, 0, "dZ1 = dA1 Z1 (1 - Z1)"),
    MISTAKE(DZ1_AT_SIGMOID_A, Z1, ACTIVATION_AT_WRONG_VALUE, 0, "dZ1 = dA1 sigmoid'(A1)"),
    MISTAKE(DZ1_TANH, Z1, ACTIVATION_OF_ANOTHER, 0, "dZ1 = dA1 (1 - A1^2), tanh's"),
    MISTAKE(DZ1_RELU, Z1, ACTIVATION_OF_ANOTHER, 0, "dZ1 = dA1 where Z1 > 0, relu's"),
    MISTAKE(DZ1_SOFTPLUS, Z1, ACTIVATION_OF_ANOTHER, OR(WRONG_OPERAND), "dZ1 = dA1 A1, softplus's (1 - A1 forgotten)"),
    MISTAKE(DW2_A1_AS_IT_LIES, W2, TRANSPOSED, 0, "dW2 = dZ2 A1 without the transpose"),
    MISTAKE(DW1_X_AS_IT_LIES, W1, TRANSPOSED, 0, "dW1 = dZ1 X without the transpose"),
    MISTAKE(SUITE_TRANSPOSED, W2, TRANSPOSED, OR(OPERANDS_SWAPPED) | OR(PERMUTED), "dW2 as A1 dZ2^T, (n1,n2)"),
    MISTAKE(SUITE_TRANSPOSED_INTO, W1, TRANSPOSED, OR(OPERANDS_SWAPPED) | OR(PERMUTED), "dW1 written column by column"),
    MISTAKE(DW2_OF_Z1, W2, WRONG_OPERAND, 0, "dW2 = dZ2 Z1^T, Z1 for A1"),
    MISTAKE(DW2_OF_DA2, W2, WRONG_OPERAND, OR(ACTIVATION_MISSING), "dW2 = dA2 A1^T, dA2 for dZ2"),
    MISTAKE(DW1_OF_DA1, W1, WRONG_OPERAND, OR(ACTIVATION_MISSING), "dW1 = dA1 X^T, dA1 for dZ1"),
    MISTAKE(DB2_OF_DA2, B2, WRONG_OPERAND, OR(ACTIVATION_MISSING), "db2 = row sums of dA2"),
    MISTAKE(DA1_OF_DA2, A1, WRONG_OPERAND, OR(ACTIVATION_MISSING), "dA1 = W2^T dA2"),
    MISTAKE(DA1_W2_AS_IT_LIES, A1, WEIGHT_NOT_TRANSPOSED, OR(TRANSPOSED), "dA1 = W2 dZ2, W2 read as it lies"),
    MISTAKE(DA1_W2_UPDATED, A1, STALE_VALUE, 0, "dA1 with W2 already updated, step 0.5"),
    MISTAKE(DA1_W2_UPDATED_BY_A_LITTLE, A1, STALE_VALUE, 0, "dA1 with W2 already updated, step 0.01"),
    MISTAKE(DB2_OF_SAMPLES, B2, BIAS_NOT_REDUCED, 0, "db2 = dZ2, not summed"),
    MISTAKE(DB2_OVER_UNITS, B2, BIAS_WRONG_AXIS, 0, "db2 = column sums of dZ2, (1,m)"),
    MISTAKE(DB1_OVER_UNITS_INTO, B1, BIAS_WRONG_AXIS, 0, "db1 = sums of dZ1 read as (m,n1)"),
    MISTAKE(DB2_MEAN, B2, BIAS_AVERAGED, OR(FACTOR), "db2 = the mean over samples"),
    MISTAKE(DB1_MEAN, B1, BIAS_AVERAGED, OR(FACTOR), "db1 = the mean over samples"),
    MISTAKE(DB2_FIRST, B2, BIAS_ONE_SAMPLE, OR(BATCH_PARTIAL), "db2 = the first sample's"),
    MISTAKE(DB1_LAST, B1, BIAS_ONE_SAMPLE, OR(BATCH_PARTIAL), "db1 = the last sample's"),
    MISTAKE(DW1_FIRST_SAMPLE, W1, BATCH_PARTIAL, 0, "dW1 from the first sample alone"),
    MISTAKE(DW2_FIRST_SAMPLE, W2, BATCH_PARTIAL, 0, "dW2 from the first sample alone"),
    MISTAKE(SUITE_FIRST_COLUMN_ONLY, Z1, BATCH_PARTIAL, OR(UNWRITTEN), "dZ1 of the first sample alone"),
    SCALED(0, -4, W1, FACTOR, OR(REDUCTION), "dW1 divided by m once more"),
    SCALED(2, 0, W2, FACTOR, 0, "dW2 twice too large"),
    SCALED(-1, 0, W2, SIGN, OR(FACTOR), "dW2 of the other sign"),
    SCALED(0.5, 0, A1, FACTOR, 0, "dA1 half as large"),
    SCALED(-1, 0, Z1, SIGN, OR(FACTOR), "dZ1 of the other sign"),
    SCALED(3, 0, Z2, FACTOR, 0, "dZ2 three times too large"),
    MISTAKE(SUITE_ROWS_MOVED, W1, SHIFTED, 0, "dW1 written a row too far"),
    MISTAKE(SUITE_ROWS_ROLLED, W2, SHIFTED, 0, "dW2's rows rolled by one"),
    MISTAKE(SUITE_COLUMNS_MOVED, W2, SHIFTED, 0, "dW2 written a column too near"),
    MISTAKE(SUITE_COLUMNS_ROLLED, A1, SHIFTED, 0, "dA1's samples rolled by one"),
    MISTAKE(SUITE_ROWS_REVERSED, W1, REVERSED, 0, "dW1's rows in reverse"),
    MISTAKE(SUITE_COLUMNS_REVERSED, W2, REVERSED, 0, "dW2's columns in reverse"),
    MISTAKE(SUITE_ROWS_REVERSED, B1, REVERSED, 0, "db1 in reverse"),
    MISTAKE(SUITE_LAST_ROW_ZERO, W1, UNWRITTEN, 0, "dW1's last row never written: zeros"),
    MISTAKE(SUITE_LAST_COLUMN_ZERO, W2, UNWRITTEN, 0, "dW2's last column never written: zeros"),
    MISTAKE(SUITE_LAST_ROW_JUNK, W2, UNWRITTEN, 0, "dW2's last row never written: what was in memory"),
    MISTAKE(SUITE_LAST_ROW_ZERO, Z1, UNWRITTEN, 0, "dZ1's last row never written: zeros"),
    MISTAKE(SUITE_LAST_ROW_ZERO, B1, UNWRITTEN, 0, "db1's last entry never written"),
    SCALED_IN_REPORT(2, 0, A1, FACTOR, 0, "dA1 reported twice too large, used right"),
    SCALED_IN_REPORT(-1, 0, Z2, SIGN, OR(FACTOR), "dZ2 reported of the other sign, used right"),
    MISTAKE_IN_REPORT(SUITE_ROWS_REVERSED, A1, REVERSED, 0, "dA1 reported in reverse, used right"),
    MISTAKE(SAMPLES_BUT_LAST, W2, UNKNOWN, OR(BATCH_PARTIAL) | OR(UNWRITTEN), "dW2 without the last sample"),
    MISTAKE(SUITE_RANDOM, W2, UNKNOWN, 0, "dW2 any numbers"),
    MISTAKE(SUITE_RANDOM, Z2, UNKNOWN, 0, "dZ2 any numbers"),
    MISTAKE(SUITE_SINE, W1, UNKNOWN, 0, "dW1 the sine of 20 times the right one"),
    MISTAKE(SUITE_MIXED, A1, UNKNOWN, 0, "dA1 with a tenth of noise"),
    MISTAKE(SUITE_MIXED, W2, UNKNOWN, 0, "dW2 with a tenth of noise"),
    MISTAKE(SUITE_RANDOM, B1, UNKNOWN, 0, "db1 any numbers"),
};

const suite_forward suite_mlp = {.name = "mlp",
    .text = "mse(sigmoid(W2 @ sigmoid(W1 @ X + b1) + b2), Y, batch_mean)",
    .sizes = {{3, 5, 4, 7}, {4, 7, 3, 6}, {6, 9, 5, 16}},
    .declare = declare,
    .run = run,
    .backward = backward,
    .record = record,
    .mistakes = mistakes,
    .mistakes_count = sizeof mistakes / sizeof *mistakes};

static const suite_mistake square_mistakes[] = {
    MISTAKE(DW2_SWAPPED, W2, OPERANDS_SWAPPED, 0, "dW2 = A1^T dZ2"),
    MISTAKE(DA1_SWAPPED, A1, OPERANDS_SWAPPED, 0, "dA1 = dZ2 W2^T"),
    MISTAKE(DW2_ELEMENTWISE, W2, ELEMENTWISE_FOR_MATMUL, 0, "dW2 = dZ2 * A1"),
    MISTAKE(DW2_ELEMENTWISE_TRANSPOSED, W2, ELEMENTWISE_FOR_MATMUL, 0, "dW2 = dZ2 * A1^T"),
    MISTAKE(DA1_ELEMENTWISE, A1, ELEMENTWISE_FOR_MATMUL, 0, "dA1 = W2 * dZ2"),
    MISTAKE(DA1_ELEMENTWISE_TRANSPOSED, A1, ELEMENTWISE_FOR_MATMUL, 0, "dA1 = W2^T * dZ2"),
    MISTAKE(DA1_W2_AS_IT_LIES, A1, WEIGHT_NOT_TRANSPOSED, OR(TRANSPOSED), "dA1 = W2 dZ2"),
    MISTAKE(DW2_A1_AS_IT_LIES, W2, TRANSPOSED, 0, "dW2 = dZ2 A1 without the transpose"),
    MISTAKE(DW1_X_AS_IT_LIES, W1, TRANSPOSED, 0, "dW1 = dZ1 X without the transpose"),
    MISTAKE(SUITE_TRANSPOSED_INTO, W2, TRANSPOSED, OR(OPERANDS_SWAPPED) | OR(PERMUTED), "dW2 transposed"),
    MISTAKE(DB2_OF_SAMPLES, B2, BIAS_NOT_REDUCED, 0, "db2 = dZ2, not summed"),
    MISTAKE(DB1_OVER_UNITS_INTO, B1, BIAS_WRONG_AXIS, 0, "db1 = column sums of dZ1"),
    MISTAKE(DW2_OF_Z1, W2, WRONG_OPERAND, 0, "dW2 = dZ2 Z1^T, Z1 for A1"),
    MISTAKE(SUM_OF_SQUARES, A2, REDUCTION, OR(FACTOR), "1/m forgotten: 2 (A2 - Y)"),
};

const suite_forward suite_mlp_square = {.name = "mlp, square",
    .text = "the same with every extent equal",
    .sizes = {{4, 4, 4, 4}, {5, 5, 5, 5}, {7, 7, 7, 7}},
    .declare = declare,
    .run = run,
    .backward = backward,
    .record = record,
    .mistakes = square_mistakes,
    .mistakes_count = sizeof square_mistakes / sizeof *square_mistakes};
