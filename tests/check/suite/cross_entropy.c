/* A layer of tanh and the cross-entropy of its logits, as one op. Samples in columns:
 *
 *     Z = W1 X + b1, H = tanh(Z), S = W2 H + b2, L = -mean log softmax(S)[t] */
#include "suite.h"

#include <math.h>

enum { X, W1, B1, Z, H, W2, B2, S, T };

enum {
    NONE,
    DS_SUM,
    DS_MEAN_OF_ELEMENTS,
    DS_TWICE,
    DS_OF_ANOTHER_SIGN,
    DS_WITHOUT_TARGET,
    DS_NEXT_TARGET,
    DS_SLOPE_AGAIN,
    DS_OVER_SAMPLES,
    DW2_H_AS_IT_LIES,
    DW2_OF_Z,
    DB2_OF_SAMPLES,
    DB2_MEAN,
    DB2_LAST,
    DH_W2_AS_IT_LIES,
    DH_W2_UPDATED,
    DZ_BARE,
    DZ_SIGMOID,
    DZ_AT_Z,
    DW1_OF_DH
};

static void declare(suite *s)
{
    size_t n0 = s->size[0], n1 = s->size[1], classes = s->size[2], m = s->size[3];
    suite_declare(s, X, "X", SUITE_DATA, WG_DIMS(n0, m), 1);
    suite_declare(s, W1, "W1", SUITE_VARIABLE, WG_DIMS(n1, n0), 0.7);
    suite_declare(s, B1, "b1", SUITE_VARIABLE, WG_DIMS(n1, 1), 0.5);
    suite_declare(s, Z, "Z", SUITE_STEP, WG_DIMS(n1, m), 0);
    suite_declare(s, H, "H", SUITE_STEP, WG_DIMS(n1, m), 0);
    suite_declare(s, W2, "W2", SUITE_VARIABLE, WG_DIMS(classes, n1), 0.8);
    suite_declare(s, B2, "b2", SUITE_VARIABLE, WG_DIMS(classes, 1), 0.5);
    suite_declare(s, S, "S", SUITE_STEP, WG_DIMS(classes, m), 0);
    suite_declare(s, T, "t", SUITE_INDICES, WG_DIMS(m), 0);
    suite_draw_indices(s, T, classes);
}

static void affine(suite *s, size_t z, size_t w, size_t in, size_t b)
{
    size_t n = s->array[w].shape.dim[0], k = s->array[w].shape.dim[1], m = s->size[3];
    suite_multiply(V(z), n, m, k, V(w), AS_IT_IS, V(in), AS_IT_IS);
    EACH(i, n) EACH(j, m) V(z)[i * m + j] += V(b)[i];
    suite_value(s, z);
}

static void run(suite *s)
{
    affine(s, Z, W1, X, B1);
    EACH(i, s->size[1] * s->size[3]) V(H)[i] = tanh(V(Z)[i]);
    suite_value(s, H);
    affine(s, S, W2, H, B2);
}

static wg_var record(suite *s)
{
    wg_var x = suite_leaf(s, X), w1 = suite_leaf(s, W1), b1 = suite_leaf(s, B1), w2 = suite_leaf(s, W2),
           b2 = suite_leaf(s, B2), t = suite_leaf(s, T);
    wg_var z = suite_step(s, Z, wg_add(wg_matmul(w1, x), b1));
    wg_var h = suite_step(s, H, wg_tanh(z));
    wg_var logits = suite_step(s, S, wg_add(wg_matmul(w2, h), b2));
    return wg_cross_entropy(logits, t, 0, WG_MEAN);
}

/* ---- backward --------------------------------------------------------------------------------------------------------------- */

/* exp(S) over its sum down a column, or along a row. */
static double weight(const suite *s, size_t i, size_t j, bool along_row)
{
    size_t classes = s->size[2], m = s->size[3];
    double sum = 0;
    EACH(k, along_row ? m : classes) sum += exp(along_row ? V(S)[i * m + k] : V(S)[k * m + j]);
    return exp(V(S)[i * m + j]) / sum;
}

/* dS = 1/m (softmax(S) - onehot(t)) */
static void from_loss(suite *s)
{
    size_t classes = s->size[2], m = s->size[3];
    double scale = 1 / (double)m;
    if (MADE(DS_SUM)) scale = 1;
    if (MADE(DS_MEAN_OF_ELEMENTS)) scale /= (double)classes;
    if (MADE(DS_TWICE)) scale *= 2;
    if (MADE(DS_OF_ANOTHER_SIGN)) scale = -scale;
    EACH(i, classes)
    EACH(j, m)
    {
        size_t target = (size_t)V(T)[j];
        double p = weight(s, i, j, MADE(DS_OVER_SAMPLES)), slope;
        if (MADE(DS_NEXT_TARGET)) target = (target + 1) % classes;
        slope = p - (i == target);
        if (MADE(DS_WITHOUT_TARGET)) slope = p;
        if (MADE(DS_SLOPE_AGAIN)) slope *= p * (1 - p);
        D(S)[i * m + j] = scale * slope;
    }
    suite_done(s, S);
}

static void through_second_layer(suite *s)
{
    size_t n1 = s->size[1], classes = s->size[2], m = s->size[3];
    suite_multiply(D(W2), classes, n1, m, D(S), AS_IT_IS, MADE(DW2_OF_Z) ? V(Z) : V(H), TRANSPOSE);
    if (MADE(DW2_H_AS_IT_LIES)) suite_multiply(D(W2), classes, n1, m, D(S), AS_IT_IS, V(H), AS_IT_IS);
    suite_done(s, W2);
    suite_sum_rows(D(B2), D(S), classes, m);
    if (MADE(DB2_OF_SAMPLES)) {
        EACH(i, classes * m) D(B2)[i] = D(S)[i];
        SHAPE(B2) = WG_DIMS(classes, m);
    }
    if (MADE(DB2_MEAN)) EACH(i, classes) D(B2)[i] /= (double)m;
    if (MADE(DB2_LAST)) EACH(i, classes) D(B2)[i] = D(S)[i * m + m - 1];
    suite_done(s, B2);
    double step = MADE(DH_W2_UPDATED) ? 0.3 : 0;
    EACH(i, classes * n1) V(W2)[i] -= step * D(W2)[i];
    suite_multiply(D(H), n1, m, classes, V(W2), MADE(DH_W2_AS_IT_LIES) ? AS_IT_IS : TRANSPOSE, D(S), AS_IT_IS);
    EACH(i, classes * n1) V(W2)[i] += step * D(W2)[i];
    suite_done(s, H);
}

static void through_first_layer(suite *s)
{
    size_t n0 = s->size[0], n1 = s->size[1], m = s->size[3];
    EACH(i, n1 * m)
    {
        double a = V(H)[i], z = V(Z)[i], slope = 1 - a * a;
        if (MADE(DZ_BARE)) slope = 1;
        if (MADE(DZ_SIGMOID)) slope = a * (1 - a);
        if (MADE(DZ_AT_Z)) slope = 1 - z * z;
        D(Z)[i] = D(H)[i] * slope;
    }
    suite_done(s, Z);
    suite_multiply(D(W1), n1, n0, m, MADE(DW1_OF_DH) ? D(H) : D(Z), AS_IT_IS, V(X), TRANSPOSE);
    suite_done(s, W1);
    suite_sum_rows(D(B1), D(Z), n1, m);
    suite_done(s, B1);
}

static void backward(suite *s)
{
    from_loss(s);
    through_second_layer(s);
    through_first_layer(s);
}

/* ---- mistakes --------------------------------------------------------------------------------------------------------------- */

static const suite_mistake mistakes[] = {
    MISTAKE(DS_SUM, S, REDUCTION, OR(FACTOR), "1/m forgotten: dS = P - onehot"),
    MISTAKE(DS_MEAN_OF_ELEMENTS, S, FACTOR, OR(REDUCTION), "1/(classes m) instead of 1/m"),
    MISTAKE(DS_TWICE, S, FACTOR, 0, "2/m instead of 1/m"),
    MISTAKE(DS_OF_ANOTHER_SIGN, S, SIGN, OR(FACTOR) | OR(OPERANDS_SWAPPED), "dS = 1/m (onehot - P)"),
    MISTAKE(DS_WITHOUT_TARGET, S, WRONG_OPERAND, OR(BRANCH_MISSING), "dS = P / m, the target forgotten"),
    MISTAKE(DS_NEXT_TARGET, S, UNKNOWN, OR(SHIFTED) | OR(WRONG_OPERAND), "labels counted from 1"),
    MISTAKE(DS_SLOPE_AGAIN, S, UNKNOWN, OR(SOFTMAX_DIAGONAL), "dS times P (1 - P) once more"),
    MISTAKE(DS_OVER_SAMPLES, S, UNKNOWN, 0, "the softmax taken over the samples"),
    MISTAKE(DW2_H_AS_IT_LIES, W2, TRANSPOSED, 0, "dW2 = dS H without the transpose"),
    MISTAKE(DW2_OF_Z, W2, WRONG_OPERAND, 0, "dW2 = dS Z^T, Z for H"),
    MISTAKE(DB2_OF_SAMPLES, B2, BIAS_NOT_REDUCED, 0, "db2 = dS, not summed"),
    MISTAKE(DB2_MEAN, B2, BIAS_AVERAGED, OR(FACTOR), "db2 = the mean over samples"),
    MISTAKE(DB2_LAST, B2, BIAS_ONE_SAMPLE, OR(BATCH_PARTIAL), "db2 = the last sample's"),
    MISTAKE(DH_W2_AS_IT_LIES, H, WEIGHT_NOT_TRANSPOSED, OR(TRANSPOSED), "dH = W2 dS, W2 read as it lies"),
    MISTAKE(DH_W2_UPDATED, H, STALE_VALUE, 0, "dH with W2 already updated, step 0.3"),
    MISTAKE(DZ_BARE, Z, ACTIVATION_MISSING, 0, "dZ = dH"),
    MISTAKE(DZ_SIGMOID, Z, ACTIVATION_OF_ANOTHER, 0, "dZ = dH H (1 - H), sigmoid's"),
    MISTAKE(DZ_AT_Z, Z, ACTIVATION_AT_WRONG_VALUE, 0, "dZ = dH (1 - Z^2)"),
    MISTAKE(DW1_OF_DH, W1, WRONG_OPERAND, OR(ACTIVATION_MISSING), "dW1 = dH X^T, dH for dZ"),
    MISTAKE(SUITE_FIRST_COLUMN_ONLY, S, BATCH_PARTIAL, OR(UNWRITTEN), "dS of the first sample alone"),
    MISTAKE(SUITE_TRANSPOSED, W1, TRANSPOSED, OR(OPERANDS_SWAPPED) | OR(PERMUTED), "dW1 transposed, (n0,n1)"),
    MISTAKE(SUITE_ROWS_ROLLED, S, SHIFTED, 0, "dS's classes rolled by one"),
    MISTAKE(SUITE_LAST_ROW_ZERO, W2, UNWRITTEN, 0, "dW2's last class never written"),
    MISTAKE(SUITE_RANDOM, S, UNKNOWN, 0, "dS any numbers"),
};

const suite_forward suite_cross_entropy = {.name = "cross-entropy",
    .text = "cross_entropy(W2 @ tanh(W1 @ X + b1) + b2, t, 0, mean)",
    .sizes = {{5, 6, 4, 7}, {3, 7, 5, 6}, {6, 8, 10, 12}},
    .declare = declare,
    .run = run,
    .backward = backward,
    .record = record,
    .mistakes = mistakes,
    .mistakes_count = sizeof mistakes / sizeof *mistakes};
