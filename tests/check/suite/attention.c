/* Attention of t positions to one another, taken apart:
 *
 *     Q = X Wq, K = X Wk, V = X Wv, S = Q K^T / sqrt(e), A = softmax(S), O = A V, L = mse(O, Y)
 *
 * X is (t, d), used three times; Wq and Wk are (d, e), Wv is (d, f). */
#include "suite.h"

#include <math.h>

enum { X, WQ, WK, WV, Q, K, U, S, A, O, Y }; /* U: the values V */

enum {
    NONE,
    DO_SUM,
    DO_SIGN,
    DA_OF_Y,
    DV_A_AS_IT_LIES,
    DV_OF_S,
    DS_DIAGONAL,
    DS_WITHOUT_SUM,
    DS_OVER_COLUMNS,
    DS_BARE,
    DQ_WITHOUT_SCALE,
    DQ_BY_E,
    DQ_DS_TRANSPOSED,
    DQ_OF_Q,
    DQ_OF_DA,
    DK_WITHOUT_SCALE,
    DK_DS_AS_IT_LIES,
    DK_OF_K,
    BOTH_WITHOUT_SCALE,
    BOTH_BY_E,
    DX_WITHOUT_V,
    DX_WITHOUT_K,
    DX_Q_ALONE,
    DX_V_ALONE,
    DX_K_TWICE,
    DX_DQ_FOR_DK,
    DX_WK_FOR_WQ,
    DWQ_OF_K,
    DWK_OF_DQ,
    DWV_X_AS_IT_LIES,
    DX_WV_UPDATED
};

static void declare(suite *s)
{
    size_t t = s->size[0], d = s->size[1], e = s->size[2], f = s->size[3];
    suite_declare(s, X, "X", SUITE_VARIABLE, WG_DIMS(t, d), 1);
    suite_declare(s, WQ, "Wq", SUITE_VARIABLE, WG_DIMS(d, e), 0.8);
    suite_declare(s, WK, "Wk", SUITE_VARIABLE, WG_DIMS(d, e), 0.8);
    suite_declare(s, WV, "Wv", SUITE_VARIABLE, WG_DIMS(d, f), 0.8);
    suite_declare(s, Q, "Q", SUITE_STEP, WG_DIMS(t, e), 0);
    suite_declare(s, K, "K", SUITE_STEP, WG_DIMS(t, e), 0);
    suite_declare(s, U, "V", SUITE_STEP, WG_DIMS(t, f), 0);
    suite_declare(s, S, "S", SUITE_STEP, WG_DIMS(t, t), 0);
    suite_declare(s, A, "A", SUITE_STEP, WG_DIMS(t, t), 0);
    suite_declare(s, O, "O", SUITE_STEP, WG_DIMS(t, f), 0);
    suite_declare(s, Y, "Y", SUITE_DATA, WG_DIMS(t, f), 1);
}

/* ---- forward ---------------------------------------------------------------------------------------------------------------- */

static double scale_of(const suite *s) { return 1 / sqrt((double)s->size[2]); }

static void run(suite *s)
{
    size_t t = s->size[0], d = s->size[1], e = s->size[2], f = s->size[3];
    suite_multiply(V(Q), t, e, d, V(X), AS_IT_IS, V(WQ), AS_IT_IS);
    suite_multiply(V(K), t, e, d, V(X), AS_IT_IS, V(WK), AS_IT_IS);
    suite_multiply(V(U), t, f, d, V(X), AS_IT_IS, V(WV), AS_IT_IS);
    suite_value(s, Q);
    suite_value(s, K);
    suite_value(s, U);
    suite_multiply(V(S), t, t, e, V(Q), AS_IT_IS, V(K), TRANSPOSE);
    EACH(i, t * t) V(S)[i] *= scale_of(s);
    suite_value(s, S);
    suite_softmax_rows(V(A), V(S), t, t);
    suite_value(s, A);
    suite_multiply(V(O), t, f, t, V(A), AS_IT_IS, V(U), AS_IT_IS);
    suite_value(s, O);
}

static wg_var record(suite *s)
{
    wg_var x = suite_leaf(s, X), wq = suite_leaf(s, WQ), wk = suite_leaf(s, WK), wv = suite_leaf(s, WV),
           y = suite_leaf(s, Y);
    wg_var q = suite_step(s, Q, wg_matmul(x, wq));
    wg_var k = suite_step(s, K, wg_matmul(x, wk));
    wg_var v = suite_step(s, U, wg_matmul(x, wv));
    wg_var scale = wg_scalar(s->tape, scale_of(s));
    wg_var scores = suite_step(s, S, wg_mul(wg_matmul(q, wg_transpose(k)), scale));
    wg_var a = suite_step(s, A, wg_softmax(scores, 1));
    wg_var o = suite_step(s, O, wg_matmul(a, v));
    return wg_mse(o, y, WG_MEAN);
}

/* ---- backward --------------------------------------------------------------------------------------------------------------- */

/* dO = 2/(t f) (O - Y), dA = dO V^T, dV = A^T dO */
static void through_values(suite *s)
{
    size_t t = s->size[0], f = s->size[3];
    double scale = MADE(DO_SUM) ? 2 : 2 / (double)(t * f);
    EACH(i, t * f) D(O)[i] = (MADE(DO_SIGN) ? -scale : scale) * (V(O)[i] - V(Y)[i]);
    suite_done(s, O);
    suite_multiply(D(A), t, t, f, D(O), AS_IT_IS, MADE(DA_OF_Y) ? V(Y) : V(U), TRANSPOSE);
    suite_done(s, A);
    suite_multiply(
        D(U), t, f, t, MADE(DV_OF_S) ? V(S) : V(A), MADE(DV_A_AS_IT_LIES) ? AS_IT_IS : TRANSPOSE, D(O), AS_IT_IS);
    suite_done(s, U);
}

/* dS = A (dA - the row sums of dA A) */
static void through_softmax(suite *s)
{
    size_t t = s->size[0];
    EACH(i, t)
    EACH(j, t)
    {
        double sum = 0, a = V(A)[i * t + j], da = D(A)[i * t + j];
        EACH(k, t) sum += D(A)[i * t + k] * V(A)[i * t + k];
        if (MADE(DS_DIAGONAL)) sum = da * a;
        if (MADE(DS_WITHOUT_SUM)) sum = 0;
        if (MADE(DS_OVER_COLUMNS)) {
            sum = 0;
            EACH(k, t) sum += D(A)[k * t + j] * V(A)[k * t + j];
        }
        D(S)[i * t + j] = MADE(DS_BARE) ? da : a * (da - sum);
    }
    suite_done(s, S);
}

/* dQ = dS K / sqrt(e), dK = dS^T Q / sqrt(e) */
static void through_scores(suite *s)
{
    size_t t = s->size[0], e = s->size[2];
    double scale_q = scale_of(s), scale_k = scale_q;
    if (MADE(DQ_WITHOUT_SCALE) || MADE(BOTH_WITHOUT_SCALE)) scale_q = 1;
    if (MADE(DK_WITHOUT_SCALE) || MADE(BOTH_WITHOUT_SCALE)) scale_k = 1;
    if (MADE(DQ_BY_E) || MADE(BOTH_BY_E)) scale_q = 1 / (double)e;
    if (MADE(BOTH_BY_E)) scale_k = 1 / (double)e;
    suite_multiply(D(Q), t, e, t, MADE(DQ_OF_DA) ? D(A) : D(S), MADE(DQ_DS_TRANSPOSED) ? TRANSPOSE : AS_IT_IS,
        MADE(DQ_OF_Q) ? V(Q) : V(K), AS_IT_IS);
    EACH(i, t * e) D(Q)[i] *= scale_q;
    suite_done(s, Q);
    suite_multiply(
        D(K), t, e, t, D(S), MADE(DK_DS_AS_IT_LIES) ? AS_IT_IS : TRANSPOSE, MADE(DK_OF_K) ? V(K) : V(Q), AS_IT_IS);
    EACH(i, t * e) D(K)[i] *= scale_k;
    suite_done(s, K);
}

/* dWq = X^T dQ, dWk = X^T dK, dWv = X^T dV */
static void weights(suite *s)
{
    size_t t = s->size[0], d = s->size[1], e = s->size[2], f = s->size[3];
    suite_multiply(D(WQ), d, e, t, V(X), TRANSPOSE, MADE(DWQ_OF_K) ? V(K) : D(Q), AS_IT_IS);
    suite_multiply(D(WK), d, e, t, V(X), TRANSPOSE, MADE(DWK_OF_DQ) ? D(Q) : D(K), AS_IT_IS);
    suite_multiply(D(WV), d, f, t, V(X), MADE(DWV_X_AS_IT_LIES) ? AS_IT_IS : TRANSPOSE, D(U), AS_IT_IS);
    suite_done(s, WQ);
    suite_done(s, WK);
    suite_done(s, WV);
}

/* dX = dQ Wq^T + dK Wk^T + dV Wv^T */
static void input(suite *s)
{
    size_t t = s->size[0], d = s->size[1], e = s->size[2], f = s->size[3];
    double by_q = MADE(DX_V_ALONE) ? 0 : 1, by_v = MADE(DX_WITHOUT_V) || MADE(DX_Q_ALONE) ? 0 : 1;
    double by_k = MADE(DX_WITHOUT_K) || MADE(DX_Q_ALONE) || MADE(DX_V_ALONE) ? 0 : MADE(DX_K_TWICE) ? 2 : 1;
    double step = MADE(DX_WV_UPDATED) ? 0.5 : 0;
    const double *wq = MADE(DX_WK_FOR_WQ) ? V(WK) : V(WQ), *dk = MADE(DX_DQ_FOR_DK) ? D(Q) : D(K);
    EACH(i, t)
    EACH(j, d)
    {
        double sum = 0;
        EACH(k, e) sum += by_q * D(Q)[i * e + k] * wq[j * e + k] + by_k * dk[i * e + k] * V(WK)[j * e + k];
        EACH(k, f) sum += by_v * D(U)[i * f + k] * (V(WV)[j * f + k] - step * D(WV)[j * f + k]);
        D(X)[i * d + j] = sum;
    }
    suite_done(s, X);
}

static void backward(suite *s)
{
    through_values(s);
    through_softmax(s);
    through_scores(s);
    weights(s);
    input(s);
}

/* ---- mistakes --------------------------------------------------------------------------------------------------------------- */

static const suite_mistake mistakes[] = {
    MISTAKE(DO_SUM, O, REDUCTION, OR(FACTOR), "2 (O - Y), the sum instead of the mean"),
    MISTAKE(DO_SIGN, O, SIGN, OR(FACTOR) | OR(OPERANDS_SWAPPED), "dO = 2/(t f) (Y - O)"),
    MISTAKE(DA_OF_Y, A, WRONG_OPERAND, 0, "dA = dO Y^T, Y for V"),
    MISTAKE(DV_A_AS_IT_LIES, U, TRANSPOSED, OR(WEIGHT_NOT_TRANSPOSED), "dV = A dO without the transpose"),
    MISTAKE(DV_OF_S, U, WRONG_OPERAND, 0, "dV = S^T dO, S for A"),
    MISTAKE(DS_DIAGONAL, S, SOFTMAX_DIAGONAL, 0, "dS = dA A (1 - A), the diagonal alone"),
    MISTAKE(DS_WITHOUT_SUM, S, SOFTMAX_DIAGONAL, 0, "dS = dA A, diag(A) without A A^T"),
    MISTAKE(DS_OVER_COLUMNS, S, UNKNOWN, 0, "softmax's sum taken down the columns"),
    MISTAKE(DS_BARE, S, ACTIVATION_MISSING, OR(BRANCH_MISSING), "dS = dA"),
    MISTAKE(DQ_WITHOUT_SCALE, Q, FACTOR, OR(ACTIVATION_MISSING), "dQ = dS K, 1/sqrt(e) forgotten"),
    MISTAKE(DQ_BY_E, Q, FACTOR, 0, "dQ = dS K / e"),
    MISTAKE(DQ_DS_TRANSPOSED, Q, TRANSPOSED, 0, "dQ = dS^T K / sqrt(e)"),
    MISTAKE(DQ_OF_Q, Q, WRONG_OPERAND, 0, "dQ = dS Q / sqrt(e)"),
    MISTAKE(DQ_OF_DA, Q, WRONG_OPERAND, OR(ACTIVATION_MISSING), "dQ = dA K / sqrt(e)"),
    MISTAKE(DK_WITHOUT_SCALE, K, FACTOR, OR(ACTIVATION_MISSING), "dK = dS^T Q, 1/sqrt(e) forgotten"),
    MISTAKE(DK_DS_AS_IT_LIES, K, TRANSPOSED, OR(WEIGHT_NOT_TRANSPOSED), "dK = dS Q / sqrt(e)"),
    MISTAKE(DK_OF_K, K, WRONG_OPERAND, 0, "dK = dS^T K / sqrt(e)"),
    MISTAKE_OF_TWO(BOTH_WITHOUT_SCALE, Q, K, FACTOR, OR(ACTIVATION_MISSING), "dQ and dK without 1/sqrt(e)"),
    MISTAKE_OF_TWO(BOTH_BY_E, Q, K, FACTOR, 0, "dQ and dK over e"),
    MISTAKE(DX_WITHOUT_V, X, BRANCH_MISSING, 0, "dX without dV Wv^T"),
    MISTAKE(DX_WITHOUT_K, X, BRANCH_MISSING, 0, "dX without dK Wk^T"),
    MISTAKE(DX_Q_ALONE, X, OVERWRITTEN, 0, "dX = dQ Wq^T, overwriting the others"),
    MISTAKE(DX_V_ALONE, X, OVERWRITTEN, 0, "dX = dV Wv^T, overwriting the others"),
    MISTAKE(DX_K_TWICE, X, COUNTED_TWICE, OR(FACTOR), "dX with dK Wk^T twice"),
    MISTAKE(DX_DQ_FOR_DK, X, WRONG_OPERAND, 0, "dX with dQ Wk^T"),
    MISTAKE(DX_WK_FOR_WQ, X, WRONG_OPERAND, 0, "dX with dQ Wk^T for dQ Wq^T"),
    MISTAKE(DX_WV_UPDATED, X, STALE_VALUE, 0, "dX with Wv already updated, step 0.5"),
    MISTAKE(DWQ_OF_K, WQ, WRONG_OPERAND, 0, "dWq = X^T K"),
    MISTAKE(DWK_OF_DQ, WK, WRONG_OPERAND, 0, "dWk = X^T dQ"),
    MISTAKE(DWV_X_AS_IT_LIES, WV, TRANSPOSED, OR(WEIGHT_NOT_TRANSPOSED), "dWv = X dV without the transpose"),
    MISTAKE(SUITE_TRANSPOSED_INTO, S, TRANSPOSED, OR(PERMUTED), "dS transposed, square"),
    MISTAKE(SUITE_TRANSPOSED, WQ, TRANSPOSED, OR(OPERANDS_SWAPPED) | OR(PERMUTED), "dWq as (e,d)"),
    MISTAKE(SUITE_ROWS_MOVED, U, SHIFTED, 0, "dV a position too far"),
    SCALED(0.5, 0, X, FACTOR, 0, "dX half as large"),
    SCALED_IN_REPORT(-1, 0, S, SIGN, OR(FACTOR), "dS reported of the other sign, used right"),
    MISTAKE(SUITE_RANDOM, A, UNKNOWN, 0, "dA any numbers"),
};

const suite_forward suite_attention = {.name = "attention",
    .text = "Q = X @ Wq; K = X @ Wk; V = X @ Wv; mse(softmax(Q @ K.T / sqrt(e), 1) @ V, Y, mean)",
    .sizes = {{5, 4, 3, 6}, {4, 6, 5, 3}, {9, 7, 4, 5}},
    .declare = declare,
    .run = run,
    .backward = backward,
    .record = record,
    .mistakes = mistakes,
    .mistakes_count = sizeof mistakes / sizeof *mistakes};
