/* A residual net with shared weights: each layer's result is added to what it was given, and both layers have the same
 * U and c. Samples in columns, the error a mean over all elements:
 *
 *     Z0 = W X + b, H = tanh(Z0), Z1 = U H + c, R = H + relu(Z1), Z2 = U R + c, S = R + tanh(Z2), P = V S, L = mse(P, Y) */
#include "suite.h"

#include <math.h>

enum { X, W, B, Z0, H, U, C, Z1, R, Z2, S, T, P, Y }; /* T: the weight V */

enum {
    NONE,
    DP_SUM,
    DP_BY_SAMPLES,
    DS_T_UPDATED,
    DZ2_BARE,
    DZ2_AT_Z,
    DZ2_AT_A,
    DZ2_SIGMOID,
    DU_LAST_LAYER,
    DU_FIRST_LAYER,
    DU_LAST_TWICE,
    DU_R_FOR_H,
    DU_Z2_FOR_Z1,
    DC_LAST_LAYER,
    DC_FIRST_LAYER,
    DR_AROUND_MISSING,
    DR_THROUGH_MISSING,
    DR_AROUND_TWICE,
    DR_THROUGH_TWICE,
    DR_U_AS_IT_LIES,
    DR_DS_FOR_DZ2,
    DZ1_BARE,
    DZ1_TANH,
    DZ1_LEAKY,
    DZ1_STEP_AT_QUARTER,
    DH_AROUND_MISSING,
    DH_THROUGH_MISSING,
    DH_U_AS_IT_LIES,
    DH_DR_FOR_DZ1,
    DZ0_BARE,
    DZ0_AT_Z,
    DZ0_AT_A,
    DZ0_RELU,
    DZ0_WITHOUT_SQUARE,
    DU_COPIED
};

static void declare(suite *s)
{
    size_t n0 = s->size[0], n = s->size[1], k = s->size[2], m = s->size[3];
    suite_declare(s, X, "X", SUITE_DATA, WG_DIMS(n0, m), 1);
    suite_declare(s, W, "W", SUITE_VARIABLE, WG_DIMS(n, n0), 0.5);
    suite_declare(s, B, "b", SUITE_VARIABLE, WG_DIMS(n, 1), 0.5);
    suite_declare(s, Z0, "Z0", SUITE_STEP, WG_DIMS(n, m), 0);
    suite_declare(s, H, "H", SUITE_STEP, WG_DIMS(n, m), 0);
    suite_declare(s, U, "U", SUITE_VARIABLE, WG_DIMS(n, n), 0.6);
    suite_declare(s, C, "c", SUITE_VARIABLE, WG_DIMS(n, 1), 0.4);
    suite_declare(s, Z1, "Z1", SUITE_STEP, WG_DIMS(n, m), 0);
    suite_declare(s, R, "R", SUITE_STEP, WG_DIMS(n, m), 0);
    suite_declare(s, Z2, "Z2", SUITE_STEP, WG_DIMS(n, m), 0);
    suite_declare(s, S, "S", SUITE_STEP, WG_DIMS(n, m), 0);
    suite_declare(s, T, "V", SUITE_VARIABLE, WG_DIMS(k, n), 0.8);
    suite_declare(s, P, "P", SUITE_STEP, WG_DIMS(k, m), 0);
    suite_declare(s, Y, "Y", SUITE_DATA, WG_DIMS(k, m), 1);
}

/* ---- forward ---------------------------------------------------------------------------------------------------------------- */

static double relu(double x) { return x > 0 ? x : 0; }

/* z = w in + b */
static void affine(suite *s, size_t z, size_t w, size_t in, size_t b)
{
    size_t n = s->array[w].shape.dim[0], k = s->array[w].shape.dim[1], m = s->size[3];
    suite_multiply(V(z), n, m, k, V(w), AS_IT_IS, V(in), AS_IT_IS);
    EACH(i, n) EACH(j, m) V(z)[i * m + j] += V(b)[i];
    suite_value(s, z);
}

static void run(suite *s)
{
    size_t n = s->size[1], k = s->size[2], m = s->size[3];
    affine(s, Z0, W, X, B);
    EACH(i, n * m) V(H)[i] = tanh(V(Z0)[i]);
    suite_value(s, H);
    affine(s, Z1, U, H, C);
    EACH(i, n * m) V(R)[i] = V(H)[i] + relu(V(Z1)[i]);
    suite_value(s, R);
    affine(s, Z2, U, R, C);
    EACH(i, n * m) V(S)[i] = V(R)[i] + tanh(V(Z2)[i]);
    suite_value(s, S);
    suite_multiply(V(P), k, m, n, V(T), AS_IT_IS, V(S), AS_IT_IS);
    suite_value(s, P);
}

static wg_var record(suite *s)
{
    wg_var x = suite_leaf(s, X), w = suite_leaf(s, W), b = suite_leaf(s, B), u = suite_leaf(s, U), c = suite_leaf(s, C),
           v = suite_leaf(s, T), y = suite_leaf(s, Y);
    wg_var z0 = suite_step(s, Z0, wg_add(wg_matmul(w, x), b));
    wg_var h = suite_step(s, H, wg_tanh(z0));
    wg_var z1 = suite_step(s, Z1, wg_add(wg_matmul(u, h), c));
    wg_var r = suite_step(s, R, wg_add(h, wg_relu(z1)));
    wg_var z2 = suite_step(s, Z2, wg_add(wg_matmul(u, r), c));
    wg_var last = suite_step(s, S, wg_add(r, wg_tanh(z2)));
    wg_var p = suite_step(s, P, wg_matmul(v, last));
    return wg_mse(p, y, WG_MEAN);
}

/* ---- backward --------------------------------------------------------------------------------------------------------------- */

/* dP = 2/(k m) (P - Y), dV = dP S^T, dS = V^T dP */
static void from_loss(suite *s)
{
    size_t n = s->size[1], k = s->size[2], m = s->size[3];
    double scale = 2.0 / (double)(k * m);
    if (MADE(DP_SUM)) scale = 2;
    if (MADE(DP_BY_SAMPLES)) scale = 2.0 / (double)m;
    EACH(i, k * m) D(P)[i] = scale * (V(P)[i] - V(Y)[i]);
    suite_done(s, P);
    suite_multiply(D(T), k, n, m, D(P), AS_IT_IS, V(S), TRANSPOSE);
    suite_done(s, T);
    double step = MADE(DS_T_UPDATED) ? 0.1 : 0;
    EACH(i, k * n) V(T)[i] -= step * D(T)[i];
    suite_multiply(D(S), n, m, k, V(T), TRANSPOSE, D(P), AS_IT_IS);
    EACH(i, k * n) V(T)[i] += step * D(T)[i];
    suite_done(s, S);
}

/* dZ2 = dS (1 - tanh(Z2)^2), tanh(Z2) being S - R; dR = dS + U^T dZ2 */
static void through_last_layer(suite *s)
{
    size_t n = s->size[1], m = s->size[3];
    EACH(i, n * m)
    {
        double a = tanh(V(Z2)[i]), z = V(Z2)[i], again = tanh(a), slope = 1 - a * a;
        if (MADE(DZ2_BARE)) slope = 1;
        if (MADE(DZ2_AT_Z)) slope = 1 - z * z;
        if (MADE(DZ2_AT_A)) slope = 1 - again * again;
        if (MADE(DZ2_SIGMOID)) slope = a * (1 - a);
        D(Z2)[i] = D(S)[i] * slope;
    }
    suite_done(s, Z2);
    suite_multiply(D(R), n, m, n, V(U), TRANSPOSE, D(Z2), AS_IT_IS);
    if (MADE(DR_U_AS_IT_LIES)) suite_multiply(D(R), n, m, n, V(U), AS_IT_IS, D(Z2), AS_IT_IS);
    if (MADE(DR_DS_FOR_DZ2)) suite_multiply(D(R), n, m, n, V(U), TRANSPOSE, D(S), AS_IT_IS);
    double around = MADE(DR_AROUND_MISSING) ? 0 : MADE(DR_AROUND_TWICE) ? 2 : 1;
    double through = MADE(DR_THROUGH_MISSING) ? 0 : MADE(DR_THROUGH_TWICE) ? 2 : 1;
    EACH(i, n * m) D(R)[i] = around * D(S)[i] + through * D(R)[i];
    suite_done(s, R);
}

/* dZ1 = dR where Z1 > 0; dH = dR + U^T dZ1 */
static void through_first_layer(suite *s)
{
    size_t n = s->size[1], m = s->size[3];
    EACH(i, n * m)
    {
        double z = V(Z1)[i], slope = z > 0;
        if (MADE(DZ1_BARE)) slope = 1;
        if (MADE(DZ1_TANH)) slope = 1 - tanh(z) * tanh(z);
        if (MADE(DZ1_LEAKY)) slope = z > 0 ? 1 : 0.01;
        if (MADE(DZ1_STEP_AT_QUARTER)) slope = z > 0.25;
        D(Z1)[i] = D(R)[i] * slope;
    }
    suite_done(s, Z1);
    suite_multiply(D(H), n, m, n, V(U), TRANSPOSE, D(Z1), AS_IT_IS);
    if (MADE(DH_U_AS_IT_LIES)) suite_multiply(D(H), n, m, n, V(U), AS_IT_IS, D(Z1), AS_IT_IS);
    if (MADE(DH_DR_FOR_DZ1)) suite_multiply(D(H), n, m, n, V(U), TRANSPOSE, D(R), AS_IT_IS);
    double around = MADE(DH_AROUND_MISSING) ? 0 : 1, through = MADE(DH_THROUGH_MISSING) ? 0 : 1;
    EACH(i, n * m) D(H)[i] = around * D(R)[i] + through * D(H)[i];
    suite_done(s, H);
}

/* dU = dZ2 R^T + dZ1 H^T, dc = the row sums of dZ2 and dZ1 */
static void shared(suite *s)
{
    size_t n = s->size[1], m = s->size[3];
    double last = MADE(DU_FIRST_LAYER) ? 0 : MADE(DU_LAST_TWICE) ? 2 : 1, first = MADE(DU_LAST_LAYER) ? 0 : 1;
    const double *r = V(R), *h = MADE(DU_R_FOR_H) ? V(R) : V(H), *z1 = MADE(DU_Z2_FOR_Z1) ? D(Z2) : D(Z1);
    EACH(i, n)
    EACH(j, n)
    {
        double sum = 0;
        EACH(k, m) sum += last * D(Z2)[i * m + k] * r[j * m + k] + first * z1[i * m + k] * h[j * m + k];
        if (MADE(DU_COPIED)) {
            sum = 0;
            EACH(k, m) sum += 2 * z1[i * m + k] * h[j * m + k];
        }
        D(U)[i * n + j] = sum;
    }
    suite_done(s, U);
    EACH(i, n)
    {
        D(C)[i] = 0;
        EACH(k, m)
        D(C)[i] += (MADE(DC_FIRST_LAYER) ? 0 : D(Z2)[i * m + k]) + (MADE(DC_LAST_LAYER) ? 0 : D(Z1)[i * m + k]);
    }
    suite_done(s, C);
}

/* dZ0 = dH (1 - H^2), dW = dZ0 X^T, db = row sums of dZ0 */
static void through_input_layer(suite *s)
{
    size_t n0 = s->size[0], n = s->size[1], m = s->size[3];
    EACH(i, n * m)
    {
        double a = V(H)[i], z = V(Z0)[i], again = tanh(a), slope = 1 - a * a;
        if (MADE(DZ0_BARE)) slope = 1;
        if (MADE(DZ0_AT_Z)) slope = 1 - z * z;
        if (MADE(DZ0_AT_A)) slope = 1 - again * again;
        if (MADE(DZ0_RELU)) slope = z > 0;
        if (MADE(DZ0_WITHOUT_SQUARE)) slope = 1 - a;
        D(Z0)[i] = D(H)[i] * slope;
    }
    suite_done(s, Z0);
    suite_multiply(D(W), n, n0, m, D(Z0), AS_IT_IS, V(X), TRANSPOSE);
    suite_done(s, W);
    suite_sum_rows(D(B), D(Z0), n, m);
    suite_done(s, B);
}

static void backward(suite *s)
{
    from_loss(s);
    through_last_layer(s);
    through_first_layer(s);
    shared(s);
    through_input_layer(s);
}

/* ---- mistakes --------------------------------------------------------------------------------------------------------------- */

/* Of two uses, one that overwrites the other is one that is alone. */
#define OF_TWO (OR(BRANCH_MISSING) | OR(OVERWRITTEN))

static const suite_mistake mistakes[] = {
    MISTAKE(DP_SUM, P, REDUCTION, OR(FACTOR), "2 (P - Y), the sum instead of the mean"),
    MISTAKE(DP_BY_SAMPLES, P, REDUCTION, OR(FACTOR), "2/m (P - Y) where the loss is a mean over elements"),
    MISTAKE(DS_T_UPDATED, S, STALE_VALUE, 0, "dS with V already updated, step 0.1"),
    MISTAKE(DZ2_BARE, Z2, ACTIVATION_MISSING, 0, "dZ2 = dS"),
    MISTAKE(DZ2_AT_Z, Z2, ACTIVATION_AT_WRONG_VALUE, 0, "dZ2 = dS (1 - Z2^2)"),
    MISTAKE(DZ2_AT_A, Z2, ACTIVATION_AT_WRONG_VALUE, 0, "dZ2 = dS tanh'(tanh(Z2))"),
    MISTAKE(DZ2_SIGMOID, Z2, ACTIVATION_OF_ANOTHER, 0, "dZ2 = dS a (1 - a), sigmoid's"),
    MISTAKE(DU_LAST_LAYER, U, OVERWRITTEN, OF_TWO, "dU of the last layer alone"),
    MISTAKE(DU_FIRST_LAYER, U, OVERWRITTEN, OF_TWO, "dU of the first layer alone"),
    MISTAKE(DU_LAST_TWICE, U, COUNTED_TWICE, 0, "dU with the last layer's part twice"),
    MISTAKE(DU_R_FOR_H, U, WRONG_OPERAND, 0, "dU with R for H in the first layer"),
    MISTAKE(DU_Z2_FOR_Z1, U, WRONG_OPERAND, 0, "dU with dZ2 for dZ1 in the first layer"),
    MISTAKE(DC_LAST_LAYER, C, BRANCH_MISSING, OF_TWO, "dc of the last layer alone"),
    MISTAKE(DC_FIRST_LAYER, C, BRANCH_MISSING, OF_TWO, "dc of the first layer alone"),
    MISTAKE(DR_AROUND_MISSING, R, BRANCH_MISSING, OF_TWO, "dR without the way around the layer"),
    MISTAKE(DR_THROUGH_MISSING, R, BRANCH_MISSING, OF_TWO, "dR without the way through the layer"),
    MISTAKE(DR_AROUND_TWICE, R, COUNTED_TWICE, 0, "dR with the way around twice"),
    MISTAKE(DR_THROUGH_TWICE, R, COUNTED_TWICE, OR(FACTOR), "dR with the way through twice"),
    MISTAKE(DR_U_AS_IT_LIES, R, WEIGHT_NOT_TRANSPOSED, OR(TRANSPOSED), "dR = dS + U dZ2"),
    MISTAKE(DR_DS_FOR_DZ2, R, WRONG_OPERAND, OR(ACTIVATION_MISSING), "dR = dS + U^T dS"),
    MISTAKE(DZ1_BARE, Z1, ACTIVATION_MISSING, 0, "dZ1 = dR, relu's mask forgotten"),
    MISTAKE(DZ1_TANH, Z1, ACTIVATION_OF_ANOTHER, 0, "dZ1 = dR tanh'(Z1)"),
    MISTAKE(DZ1_LEAKY, Z1, ACTIVATION_OF_ANOTHER, 0, "dZ1 with leaky relu's slope 0.01"),
    MISTAKE(DZ1_STEP_AT_QUARTER, Z1, UNKNOWN, 0, "dZ1 = dR where Z1 > 1/4"),
    MISTAKE(DH_AROUND_MISSING, H, BRANCH_MISSING, OF_TWO, "dH without the way around the layer"),
    MISTAKE(DH_THROUGH_MISSING, H, BRANCH_MISSING, OF_TWO, "dH without the way through the layer"),
    MISTAKE(DH_U_AS_IT_LIES, H, WEIGHT_NOT_TRANSPOSED, OR(TRANSPOSED), "dH = dR + U dZ1"),
    MISTAKE(DH_DR_FOR_DZ1, H, WRONG_OPERAND, OR(ACTIVATION_MISSING), "dH = dR + U^T dR"),
    MISTAKE(DZ0_BARE, Z0, ACTIVATION_MISSING, 0, "dZ0 = dH"),
    MISTAKE(DZ0_AT_Z, Z0, ACTIVATION_AT_WRONG_VALUE, 0, "dZ0 = dH (1 - Z0^2)"),
    MISTAKE(DZ0_AT_A, Z0, ACTIVATION_AT_WRONG_VALUE, 0, "dZ0 = dH tanh'(H)"),
    MISTAKE(DZ0_RELU, Z0, ACTIVATION_OF_ANOTHER, 0, "dZ0 = dH where Z0 > 0, relu's"),
    MISTAKE(DZ0_WITHOUT_SQUARE, Z0, UNKNOWN, OR(ACTIVATION_OF_ANOTHER), "dZ0 = dH (1 - H), the square forgotten"),
    MISTAKE(DU_COPIED, U, UNKNOWN, 0, "dU with the first layer's part in the place of both"),
    MISTAKE(SUITE_TRANSPOSED_INTO, U, TRANSPOSED, OR(PERMUTED), "dU transposed, square"),
    SCALED(-1, 0, H, SIGN, OR(FACTOR), "dH of the other sign"),
    SCALED(1.2, 0, S, FACTOR, 0, "dS a fifth too large"),
    MISTAKE(SUITE_LAST_COLUMN_ZERO, R, UNWRITTEN, 0, "dR of the last sample never written"),
    MISTAKE(SUITE_COLUMNS_ROLLED, Z2, SHIFTED, 0, "dZ2's samples rolled by one"),
    MISTAKE(SUITE_FIRST_COLUMN_ONLY, P, BATCH_PARTIAL, OR(UNWRITTEN), "dP of the first sample alone"),
};

const suite_forward suite_residual = {.name = "residual, shared weights",
    .text = "H = tanh(W @ X + b); R = H + relu(U @ H + c); S = R + tanh(U @ R + c); mse(V @ S, Y, mean)",
    .sizes = {{4, 5, 3, 7}, {3, 6, 4, 5}, {5, 8, 3, 12}},
    .declare = declare,
    .run = run,
    .backward = backward,
    .record = record,
    .mistakes = mistakes,
    .mistakes_count = sizeof mistakes / sizeof *mistakes};
