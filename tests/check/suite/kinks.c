/* Functions where they have no derivative: relu and the absolute value at 0, the larger of two equal numbers.
 *
 *     A = relu(X), T = A U, M = maximum(B, C), R = abs(E), P = T + M + R, L = mse(P, Y)
 *
 * Some entries of X and E are 0, some of B and C are equal. Other conventions there than the tape's are no mistakes; slopes
 * that are wrong elsewhere too are. */
#include "suite.h"

#include <math.h>

enum { X, A, U, T, B, C, M, E, R, P, Y };

enum {
    NONE,
    DX_ONE_AT_ZERO,
    DX_HALF_AT_ZERO,
    DB_ALL_AT_TIES,
    DC_ALL_AT_TIES,
    DE_ONE_AT_ZERO,
    DX_BARE,
    DX_LEAKY,
    DE_BARE,
    DB_EVERYWHERE,
    DU_OF_X_TRANSPOSED
};

static void declare(suite *s)
{
    size_t m = s->size[0], d = s->size[1], k = s->size[2];
    suite_declare(s, X, "X", SUITE_VARIABLE, WG_DIMS(m, d), 1);
    suite_declare(s, A, "A", SUITE_STEP, WG_DIMS(m, d), 0);
    suite_declare(s, U, "U", SUITE_VARIABLE, WG_DIMS(d, k), 0.6);
    suite_declare(s, T, "T", SUITE_STEP, WG_DIMS(m, k), 0);
    suite_declare(s, B, "B", SUITE_VARIABLE, WG_DIMS(m, k), 1);
    suite_declare(s, C, "C", SUITE_VARIABLE, WG_DIMS(m, k), 1);
    suite_declare(s, M, "M", SUITE_STEP, WG_DIMS(m, k), 0);
    suite_declare(s, E, "E", SUITE_VARIABLE, WG_DIMS(m, k), 1);
    suite_declare(s, R, "R", SUITE_STEP, WG_DIMS(m, k), 0);
    suite_declare(s, P, "P", SUITE_STEP, WG_DIMS(m, k), 0);
    suite_declare(s, Y, "Y", SUITE_DATA, WG_DIMS(m, k), 1);
    if (!V(X) || !V(B) || !V(C) || !V(E)) return;
    for (size_t i = 1; i < m * d; i += 4) V(X)[i] = 0;
    for (size_t i = 2; i < m * k; i += 3) V(C)[i] = V(B)[i];
    for (size_t i = 0; i < m * k; i += 5) V(E)[i] = 0;
}

static void run(suite *s)
{
    size_t m = s->size[0], d = s->size[1], k = s->size[2];
    EACH(i, m * d) V(A)[i] = V(X)[i] > 0 ? V(X)[i] : 0;
    suite_multiply(V(T), m, k, d, V(A), AS_IT_IS, V(U), AS_IT_IS);
    suite_value(s, T);
    EACH(i, m * k)
    {
        V(M)[i] = V(B)[i] > V(C)[i] ? V(B)[i] : V(C)[i];
        V(R)[i] = fabs(V(E)[i]);
        V(P)[i] = V(T)[i] + V(M)[i] + V(R)[i];
    }
    suite_value(s, P);
}

static wg_var record(suite *s)
{
    wg_var x = suite_leaf(s, X), u = suite_leaf(s, U), b = suite_leaf(s, B), c = suite_leaf(s, C), e = suite_leaf(s, E),
           y = suite_leaf(s, Y);
    wg_var a = suite_step(s, A, wg_relu(x));
    wg_var t = suite_step(s, T, wg_matmul(a, u));
    wg_var m = suite_step(s, M, wg_maximum(b, c));
    wg_var r = suite_step(s, R, wg_abs(e));
    wg_var sum = wg_add(t, m);
    wg_var p = suite_step(s, P, wg_add(sum, r));
    return wg_mse(p, y, WG_MEAN);
}

/* dP = 2/(m k) (P - Y) = dT = dM = dR, dU = A^T dT, dA = dT U^T */
static void through_sum(suite *s)
{
    size_t m = s->size[0], d = s->size[1], k = s->size[2];
    EACH(i, m * k) D(P)[i] = 2 / (double)(m * k) * (V(P)[i] - V(Y)[i]);
    suite_done(s, P);
    EACH(i, m * k) D(T)[i] = D(M)[i] = D(R)[i] = D(P)[i];
    suite_done(s, T);
    suite_done(s, M);
    suite_done(s, R);
    suite_multiply(D(U), d, k, m, MADE(DU_OF_X_TRANSPOSED) ? V(X) : V(A), TRANSPOSE, D(T), AS_IT_IS);
    suite_done(s, U);
    suite_multiply(D(A), m, d, k, D(T), AS_IT_IS, V(U), TRANSPOSE);
    suite_done(s, A);
}

/* dX = dA where X > 0; dB = dM where B > C, half of it where they are equal, dC likewise; dE = dR sign(E) */
static void backward(suite *s)
{
    size_t m = s->size[0], d = s->size[1], k = s->size[2];
    through_sum(s);
    EACH(i, m * d)
    {
        double slope = V(X)[i] > 0;
        if (V(X)[i] == 0 && MADE(DX_ONE_AT_ZERO)) slope = 1;
        if (V(X)[i] == 0 && MADE(DX_HALF_AT_ZERO)) slope = 0.5;
        if (MADE(DX_BARE)) slope = 1;
        if (MADE(DX_LEAKY)) slope = V(X)[i] > 0 ? 1 : 0.01;
        D(X)[i] = D(A)[i] * slope;
    }
    EACH(i, m * k)
    {
        bool tie = V(B)[i] == V(C)[i];
        double b = tie ? 0.5 : V(B)[i] > V(C)[i], sign = V(E)[i] > 0 ? 1 : V(E)[i] < 0 ? -1 : 0;
        if (tie && MADE(DB_ALL_AT_TIES)) b = 1;
        if (tie && MADE(DC_ALL_AT_TIES)) b = 0;
        if (V(E)[i] == 0 && MADE(DE_ONE_AT_ZERO)) sign = 1;
        D(B)[i] = D(M)[i] * (MADE(DB_EVERYWHERE) ? 1 : b);
        D(C)[i] = D(M)[i] * (1 - b);
        D(E)[i] = D(R)[i] * (MADE(DE_BARE) ? 1 : sign);
    }
    suite_done(s, X);
    suite_done(s, B);
    suite_done(s, C);
    suite_done(s, E);
}

static const suite_mistake mistakes[] = {
    MISTAKE(DX_ONE_AT_ZERO, X, KINK, 0, "relu'(0) = 1"),
    MISTAKE(DX_HALF_AT_ZERO, X, KINK, 0, "relu'(0) = 1/2"),
    MISTAKE_OF_TWO(DB_ALL_AT_TIES, B, C, KINK, 0, "of two equal numbers the first gets all"),
    MISTAKE_OF_TWO(DC_ALL_AT_TIES, B, C, KINK, 0, "of two equal numbers the second gets all"),
    MISTAKE(DE_ONE_AT_ZERO, E, KINK, 0, "abs'(0) = 1"),
    MISTAKE(SUITE_FLOAT_NOISE, U, PRECISION, 0, "dU computed in float, given in double"),
    MISTAKE(SUITE_FLOAT_NOISE, X, PRECISION, 0, "dX computed in float, given in double"),
    MISTAKE(DX_BARE, X, ACTIVATION_MISSING, 0, "dX = dA, relu's mask forgotten"),
    MISTAKE(DX_LEAKY, X, ACTIVATION_OF_ANOTHER, 0, "dX with leaky relu's slope 0.01"),
    MISTAKE(DE_BARE, E, ACTIVATION_MISSING, 0, "dE = dR, the sign forgotten"),
    MISTAKE(DB_EVERYWHERE, B, ACTIVATION_MISSING, 0, "dB = dM, whichever is larger"),
    MISTAKE(DU_OF_X_TRANSPOSED, U, WRONG_OPERAND, 0, "dU = X^T dT, X for A"),
    MISTAKE(SUITE_ROWS_ROLLED, X, SHIFTED, 0, "dX's rows rolled by one"),
};

const suite_forward suite_kinks = {.name = "kinks",
    .text = "mse(relu(X) @ U + maximum(B, C) + abs(E), Y, mean)",
    .sizes = {{5, 4, 3}, {4, 6, 5}, {8, 7, 5}},
    .declare = declare,
    .run = run,
    .backward = backward,
    .record = record,
    .mistakes = mistakes,
    .mistakes_count = sizeof mistakes / sizeof *mistakes};
