/* A softmax taken apart, samples in rows, targets as probabilities:
 *
 *     Z = X W + b, P = softmax(Z), G = log(P), L = -1/m sum(Y G)
 *
 * and the logarithm taken with it, behind a layer of relu, targets as classes:
 *
 *     A = X W + b, H = relu(A), Z = H U + c, G = log_softmax(Z), L = -mean G[t] */
#include "suite.h"

#include <math.h>

/* z = in w + b */
static void affine(suite *s, size_t z, size_t in, size_t w, size_t b)
{
    size_t m = s->size[0], k = s->array[w].shape.dim[0], n = s->array[w].shape.dim[1];
    suite_multiply(V(z), m, n, k, V(in), AS_IT_IS, V(w), AS_IT_IS);
    EACH(i, m) EACH(j, n) V(z)[i * n + j] += V(b)[j];
    suite_value(s, z);
}

/* ---- softmax, then log ------------------------------------------------------------------------------------------------------ */

enum { X, W, B, Z, P, G, Y };

enum {
    NONE,
    DG_SUM,
    DG_MEAN_OF_ELEMENTS,
    DG_SIGN,
    DP_BARE,
    DP_AT_G,
    DZ_DIAGONAL,
    DZ_WITHOUT_SUM,
    DZ_SUM_OVER_SAMPLES,
    DZ_BARE,
    DW_OF_DP,
    DW_OF_P,
    DW_X_AS_IT_LIES,
    DB_OF_SAMPLES,
    DB_OVER_CLASSES,
    DB_MEAN,
    DX_W_AS_IT_LIES,
    DX_W_UPDATED
};

static void declare_apart(suite *s)
{
    size_t m = s->size[0], d = s->size[1], classes = s->size[2];
    suite_declare(s, X, "X", SUITE_VARIABLE, WG_DIMS(m, d), 1);
    suite_declare(s, W, "W", SUITE_VARIABLE, WG_DIMS(d, classes), 0.6);
    suite_declare(s, B, "b", SUITE_VARIABLE, WG_DIMS(classes), 0.4);
    suite_declare(s, Z, "Z", SUITE_STEP, WG_DIMS(m, classes), 0);
    suite_declare(s, P, "P", SUITE_STEP, WG_DIMS(m, classes), 0);
    suite_declare(s, G, "G", SUITE_STEP, WG_DIMS(m, classes), 0);
    suite_declare(s, Y, "Y", SUITE_DATA, WG_DIMS(m, classes), 1);
    EACH(i, m)
    {
        double sum = 0, *y = V(Y) + i * classes;
        if (!V(Y)) return;
        EACH(j, classes) sum += fabs(y[j]);
        EACH(j, classes) y[j] = fabs(y[j]) / sum;
    }
}

static void run_apart(suite *s)
{
    size_t m = s->size[0], classes = s->size[2];
    affine(s, Z, X, W, B);
    suite_softmax_rows(V(P), V(Z), m, classes);
    suite_value(s, P);
    EACH(i, m * classes) V(G)[i] = log(V(P)[i]);
    suite_value(s, G);
}

static wg_var record_apart(suite *s)
{
    wg_var x = suite_leaf(s, X), w = suite_leaf(s, W), b = suite_leaf(s, B), y = suite_leaf(s, Y);
    wg_var z = suite_step(s, Z, wg_add(wg_matmul(x, w), b));
    wg_var p = suite_step(s, P, wg_softmax(z, 1));
    wg_var g = suite_step(s, G, wg_log(p));
    wg_var sum = wg_sum(wg_mul(y, g));
    wg_var scale = wg_scalar(s->tape, -1 / (double)s->size[0]);
    return wg_mul(scale, sum);
}

/* dG = -Y / m, dP = dG / P */
static void through_log(suite *s)
{
    size_t m = s->size[0], classes = s->size[2];
    double scale = -1 / (double)m;
    if (MADE(DG_SUM)) scale = -1;
    if (MADE(DG_MEAN_OF_ELEMENTS)) scale /= (double)classes;
    if (MADE(DG_SIGN)) scale = -scale;
    EACH(i, m * classes) D(G)[i] = scale * V(Y)[i];
    suite_done(s, G);
    EACH(i, m * classes)
    {
        double slope = 1 / V(P)[i];
        if (MADE(DP_BARE)) slope = 1;
        if (MADE(DP_AT_G)) slope = 1 / V(G)[i];
        D(P)[i] = D(G)[i] * slope;
    }
    suite_done(s, P);
}

/* dZ = P (dP - the row sums of dP P) */
static void through_softmax(suite *s)
{
    size_t m = s->size[0], classes = s->size[2];
    EACH(i, m)
    EACH(j, classes)
    {
        double sum = 0, p = V(P)[i * classes + j], dp = D(P)[i * classes + j];
        EACH(k, classes) sum += D(P)[i * classes + k] * V(P)[i * classes + k];
        if (MADE(DZ_DIAGONAL)) sum = dp * p;
        if (MADE(DZ_WITHOUT_SUM)) sum = 0;
        if (MADE(DZ_SUM_OVER_SAMPLES)) {
            sum = 0;
            EACH(k, m) sum += D(P)[k * classes + j] * V(P)[k * classes + j];
        }
        D(Z)[i * classes + j] = MADE(DZ_BARE) ? dp : p * (dp - sum);
    }
    suite_done(s, Z);
}

/* dW = X^T dZ, db = the column sums of dZ, dX = dZ W^T */
static void through_layer(suite *s)
{
    size_t m = s->size[0], d = s->size[1], classes = s->size[2];
    const double *dz = MADE(DW_OF_DP) ? D(P) : MADE(DW_OF_P) ? V(P) : D(Z);
    suite_multiply(D(W), d, classes, m, V(X), MADE(DW_X_AS_IT_LIES) ? AS_IT_IS : TRANSPOSE, dz, AS_IT_IS);
    suite_done(s, W);
    suite_sum_columns(D(B), D(Z), m, classes);
    if (MADE(DB_MEAN)) EACH(j, classes) D(B)[j] /= (double)m;
    if (MADE(DB_OF_SAMPLES)) {
        EACH(i, m * classes) D(B)[i] = D(Z)[i];
        SHAPE(B) = WG_DIMS(m, classes);
    }
    if (MADE(DB_OVER_CLASSES)) {
        suite_sum_rows(D(B), D(Z), m, classes);
        SHAPE(B) = WG_DIMS(m);
    }
    suite_done(s, B);
    double step = MADE(DX_W_UPDATED) ? 0.2 : 0;
    EACH(i, d * classes) V(W)[i] -= step * D(W)[i];
    suite_multiply(D(X), m, d, classes, D(Z), AS_IT_IS, V(W), MADE(DX_W_AS_IT_LIES) ? AS_IT_IS : TRANSPOSE);
    EACH(i, d * classes) V(W)[i] += step * D(W)[i];
    suite_done(s, X);
}

static void backward_apart(suite *s)
{
    through_log(s);
    through_softmax(s);
    through_layer(s);
}

static const suite_mistake mistakes_apart[] = {
    MISTAKE(DG_SUM, G, FACTOR, OR(REDUCTION), "1/m forgotten: dG = -Y"),
    MISTAKE(DG_MEAN_OF_ELEMENTS, G, FACTOR, OR(REDUCTION), "dG = -Y / (m classes)"),
    MISTAKE(DG_SIGN, G, SIGN, OR(FACTOR), "dG = Y / m"),
    MISTAKE(DP_BARE, P, ACTIVATION_MISSING, 0, "dP = dG, the logarithm's 1/P forgotten"),
    MISTAKE(DP_AT_G, P, ACTIVATION_AT_WRONG_VALUE, 0, "dP = dG / G"),
    MISTAKE(DZ_DIAGONAL, Z, SOFTMAX_DIAGONAL, 0, "dZ = dP P (1 - P), the diagonal alone"),
    MISTAKE(DZ_WITHOUT_SUM, Z, SOFTMAX_DIAGONAL, 0, "dZ = dP P, diag(P) without P P^T"),
    MISTAKE(DZ_SUM_OVER_SAMPLES, Z, UNKNOWN, 0, "softmax's sum taken over the samples"),
    MISTAKE(DZ_BARE, Z, ACTIVATION_MISSING, OR(BRANCH_MISSING), "dZ = dP"),
    MISTAKE(DW_OF_DP, W, WRONG_OPERAND, OR(ACTIVATION_MISSING), "dW = X^T dP, dP for dZ"),
    MISTAKE(DW_OF_P, W, WRONG_OPERAND, 0, "dW = X^T P, P for dZ"),
    MISTAKE(DW_X_AS_IT_LIES, W, TRANSPOSED, OR(WEIGHT_NOT_TRANSPOSED), "dW = X dZ without the transpose"),
    MISTAKE(DB_OF_SAMPLES, B, BIAS_NOT_REDUCED, 0, "db = dZ, not summed"),
    MISTAKE(DB_OVER_CLASSES, B, BIAS_WRONG_AXIS, 0, "db = row sums of dZ, (m)"),
    MISTAKE(DB_MEAN, B, BIAS_AVERAGED, OR(FACTOR), "db = the mean over samples"),
    MISTAKE(DX_W_AS_IT_LIES, X, WEIGHT_NOT_TRANSPOSED, OR(TRANSPOSED), "dX = dZ W, W read as it lies"),
    MISTAKE(DX_W_UPDATED, X, STALE_VALUE, 0, "dX with W already updated, step 0.2"),
    MISTAKE(SUITE_FIRST_ROW_ONLY, Z, BATCH_PARTIAL, OR(UNWRITTEN), "dZ of the first sample alone"),
    MISTAKE(SUITE_ROWS_MOVED, X, SHIFTED, 0, "dX a sample too far"),
    MISTAKE(SUITE_COLUMNS_REVERSED, W, REVERSED, 0, "dW's classes in reverse"),
    MISTAKE(SUITE_MIXED, Z, UNKNOWN, 0, "dZ with a tenth of noise"),
};

const suite_forward suite_softmax = {.name = "softmax, log",
    .text = "P = softmax(X @ W + b, 1); -1/m * sum(Y * log(P))",
    .sizes = {{5, 4, 3}, {4, 7, 5}, {9, 5, 8}},
    .declare = declare_apart,
    .run = run_apart,
    .backward = backward_apart,
    .record = record_apart,
    .mistakes = mistakes_apart,
    .mistakes_count = sizeof mistakes_apart / sizeof *mistakes_apart};

/* ---- log_softmax and nll ----------------------------------------------------------------------------------------------------- */

enum { IX, IW, IB, IA, IH, IU, IC, IZ, IG, IT };

enum {
    NLL_NONE,
    NLL_DG_SUM,
    NLL_DG_FACTOR,
    NLL_DZ_DIAGONAL,
    NLL_DZ_WITHOUT_SUM,
    NLL_DZ_AT_G,
    NLL_DH_U_AS_IT_LIES,
    NLL_DA_BARE,
    NLL_DA_OF_SAMPLES,
    NLL_DU_OF_A,
    NLL_DC_FIRST
};

static void declare_nll(suite *s)
{
    size_t m = s->size[0], d = s->size[1], h = s->size[2], classes = s->size[3];
    suite_declare(s, IX, "X", SUITE_DATA, WG_DIMS(m, d), 1);
    suite_declare(s, IW, "W", SUITE_VARIABLE, WG_DIMS(d, h), 0.7);
    suite_declare(s, IB, "b", SUITE_VARIABLE, WG_DIMS(h), 0.4);
    suite_declare(s, IA, "A", SUITE_STEP, WG_DIMS(m, h), 0);
    suite_declare(s, IH, "H", SUITE_STEP, WG_DIMS(m, h), 0);
    suite_declare(s, IU, "U", SUITE_VARIABLE, WG_DIMS(h, classes), 0.7);
    suite_declare(s, IC, "c", SUITE_VARIABLE, WG_DIMS(classes), 0.4);
    suite_declare(s, IZ, "Z", SUITE_STEP, WG_DIMS(m, classes), 0);
    suite_declare(s, IG, "G", SUITE_STEP, WG_DIMS(m, classes), 0);
    suite_declare(s, IT, "t", SUITE_INDICES, WG_DIMS(m), 0);
    suite_draw_indices(s, IT, classes);
}

static void run_nll(suite *s)
{
    size_t m = s->size[0], h = s->size[2], classes = s->size[3];
    affine(s, IA, IX, IW, IB);
    EACH(i, m * h) V(IH)[i] = V(IA)[i] > 0 ? V(IA)[i] : 0;
    affine(s, IZ, IH, IU, IC);
    suite_softmax_rows(V(IG), V(IZ), m, classes);
    EACH(i, m * classes) V(IG)[i] = log(V(IG)[i]);
    suite_value(s, IG);
}

static wg_var record_nll(suite *s)
{
    wg_var x = suite_leaf(s, IX), w = suite_leaf(s, IW), b = suite_leaf(s, IB), u = suite_leaf(s, IU),
           c = suite_leaf(s, IC), t = suite_leaf(s, IT);
    wg_var a = suite_step(s, IA, wg_add(wg_matmul(x, w), b));
    wg_var h = suite_step(s, IH, wg_relu(a));
    wg_var z = suite_step(s, IZ, wg_add(wg_matmul(h, u), c));
    wg_var g = suite_step(s, IG, wg_log_softmax(z, 1));
    return wg_nll(g, t, 1, WG_MEAN);
}

/* dG = -onehot(t) / m; dZ = dG - exp(G) times the row sums of dG */
static void nll_from_loss(suite *s)
{
    size_t m = s->size[0], classes = s->size[3];
    double scale = -1 / (double)m;
    if (MADE(NLL_DG_SUM)) scale = -1;
    if (MADE(NLL_DG_FACTOR)) scale /= 2;
    EACH(i, m) EACH(j, classes) D(IG)[i * classes + j] = j == (size_t)V(IT)[i] ? scale : 0;
    suite_done(s, IG);
    EACH(i, m)
    EACH(j, classes)
    {
        double sum = 0, p = exp(V(IG)[i * classes + j]), dg = D(IG)[i * classes + j];
        EACH(k, classes) sum += D(IG)[i * classes + k];
        if (MADE(NLL_DZ_DIAGONAL)) sum = dg;
        if (MADE(NLL_DZ_WITHOUT_SUM)) sum = 0;
        if (MADE(NLL_DZ_AT_G)) p = V(IG)[i * classes + j];
        D(IZ)[i * classes + j] = dg - p * sum;
    }
    suite_done(s, IZ);
}

/* dU = H^T dZ, dc = column sums of dZ, dH = dZ U^T, dA = dH where A > 0, dW = X^T dA, db = column sums of dA */
static void backward_nll(suite *s)
{
    size_t m = s->size[0], d = s->size[1], h = s->size[2], classes = s->size[3];
    nll_from_loss(s);
    suite_multiply(D(IU), h, classes, m, MADE(NLL_DU_OF_A) ? V(IA) : V(IH), TRANSPOSE, D(IZ), AS_IT_IS);
    suite_done(s, IU);
    suite_sum_columns(D(IC), D(IZ), m, classes);
    if (MADE(NLL_DC_FIRST)) EACH(j, classes) D(IC)[j] = D(IZ)[j];
    suite_done(s, IC);
    suite_multiply(D(IH), m, h, classes, D(IZ), AS_IT_IS, V(IU), MADE(NLL_DH_U_AS_IT_LIES) ? AS_IT_IS : TRANSPOSE);
    suite_done(s, IH);
    EACH(i, m * h) D(IA)[i] = MADE(NLL_DA_BARE) || V(IA)[i] > 0 ? D(IH)[i] : 0;
    suite_done(s, IA);
    suite_multiply(D(IW), d, h, m, V(IX), TRANSPOSE, D(IA), AS_IT_IS);
    suite_done(s, IW);
    suite_sum_columns(D(IB), D(IA), m, h);
    if (MADE(NLL_DA_OF_SAMPLES)) {
        EACH(i, m * h) D(IB)[i] = D(IA)[i];
        SHAPE(IB) = WG_DIMS(m, h);
    }
    suite_done(s, IB);
}

static const suite_mistake mistakes_nll[] = {
    MISTAKE(NLL_DG_SUM, IG, REDUCTION, OR(FACTOR), "1/m forgotten: dG = -onehot"),
    MISTAKE(NLL_DG_FACTOR, IG, FACTOR, 0, "dG = -onehot / (2 m)"),
    MISTAKE(NLL_DZ_DIAGONAL, IZ, SOFTMAX_DIAGONAL, 0, "dZ = dG (1 - P), the diagonal alone"),
    MISTAKE(NLL_DZ_WITHOUT_SUM, IZ, ACTIVATION_MISSING,
        OR(SOFTMAX_DIAGONAL) | OR(STATISTICS_CONSTANT) | OR(BRANCH_MISSING),
        "dZ = dG, the logsumexp taken as constant"),
    MISTAKE(NLL_DZ_AT_G, IZ, UNKNOWN, OR(ACTIVATION_AT_WRONG_VALUE), "dZ = dG - G sum(dG), exp forgotten"),
    MISTAKE(NLL_DH_U_AS_IT_LIES, IH, WEIGHT_NOT_TRANSPOSED, OR(TRANSPOSED), "dH = dZ U, U read as it lies"),
    MISTAKE(NLL_DA_BARE, IA, ACTIVATION_MISSING, 0, "dA = dH, relu's mask forgotten"),
    MISTAKE(NLL_DA_OF_SAMPLES, IB, BIAS_NOT_REDUCED, 0, "db = dA, not summed"),
    MISTAKE(NLL_DU_OF_A, IU, WRONG_OPERAND, 0, "dU = A^T dZ, A for H"),
    MISTAKE(NLL_DC_FIRST, IC, BIAS_ONE_SAMPLE, OR(BATCH_PARTIAL), "dc = the first sample's"),
    MISTAKE(SUITE_TRANSPOSED, IU, TRANSPOSED, OR(OPERANDS_SWAPPED) | OR(PERMUTED), "dU transposed, (classes,h)"),
    MISTAKE(SUITE_LAST_ROW_JUNK, IW, UNWRITTEN, 0, "dW's last row never written: what was in memory"),
    SCALED(0, 1, IC, FACTOR, OR(BIAS_AVERAGED), "dc times the number of samples"),
};

const suite_forward suite_nll = {.name = "log_softmax, nll",
    .text = "nll(log_softmax(relu(X @ W + b) @ U + c, 1), t, 1, mean)",
    .sizes = {{6, 5, 7, 4}, {7, 3, 5, 6}, {8, 10, 9, 5}},
    .declare = declare_nll,
    .run = run_nll,
    .backward = backward_nll,
    .record = record_nll,
    .mistakes = mistakes_nll,
    .mistakes_count = sizeof mistakes_nll / sizeof *mistakes_nll};
