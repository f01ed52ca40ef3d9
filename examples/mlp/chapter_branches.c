/* Branches: a value that is used more than once gets the sum of what comes back from each use. Three nets in which that
 * happens; every path is followed by hand, and the tape's gradient is held against the sum. No op here knows of branches:
 * the sweep adds wherever contributions meet. */
#include "agree.h"
#include "chapters.h"
#include "table.h"

#include <stdio.h>

enum { N = 2, M = 3 }; /* every layer has two units, there are three samples */

static const double X[N * M] = {0.5, -1, 2, 0, 1, 0.25};
static const double S[N * M] = {0, 1, 0.5, 1, 0, 0.25};
static const double T[N * M] = {0.3, -0.2, 0.8, 0.6, 0.1, -0.4};
static const double W[N * N] = {0.1, -0.2, 0.4, 0.3};
static const double U[N * N] = {0.7, -0.3, 0.2, 0.5};
static const double V[N * N] = {-0.6, 0.4, 0.9, 0.8};

/* out = sigmoid(weight in) */
static void layer(double *out, const double *weight, const double *in)
{
    hand_mul_f64(out, weight, in, N, N, M);
    for (size_t i = 0; i < N * M; i++) out[i] = hand_sigmoid_f64(out[i]);
}

/* d = 2/m (a - target), where the loss begins to come back */
static void from_loss(double *d, const double *a, const double *target)
{
    for (size_t i = 0; i < N * M; i++) d[i] = 2.0 / M * (a[i] - target[i]);
}

/* d *= a (1 - a), back through a = sigmoid(...) */
static void through_sigmoid(double *d, const double *a)
{
    for (size_t i = 0; i < N * M; i++) d[i] *= a[i] * (1 - a[i]);
}

/* The table of one gradient: a path, another path, their sum by hand, and the tape's. */
static bool show(
    wg_var var, const char *name, const char *heads, const double *one, const double *other, size_t columns, tally *t)
{
    double sum[N * M], found[N * M];
    size_t count = N * columns;
    table shown;
    table_start(&shown, heads);
    for (size_t i = 0; i < count; i++) {
        sum[i] = one[i] + other[i];
        found[i] = wg_grad_at(var, i);
        table_row(&shown, "%s[%zu,%zu]|%.12f|%.12f|%.12f|%.12f", name, i / columns, i % columns, one[i], other[i],
            sum[i], found[i]);
    }
    table_print(&shown);
    double difference = agree_arrays(found, sum, count);
    printf("  norm(tape - hand) / norm(hand) = %.1e  %s\n", difference,
        agree(t, difference, agree_tolerance(wg_tape_dtype(var.tape))));
    return wg_tape_status(var.tape) == WG_OK;
}

static wg_var weight(wg_tape *tape, const char *name, const double *values)
{
    return wg_name(wg_variable(tape, WG_DIMS(N, N), values), name);
}

static wg_var samples(wg_tape *tape, const double *values) { return wg_constant(tape, WG_DIMS(N, M), values); }

static bool two_heads(wg_tape *tape, tally *t)
{
    printf("One hidden layer feeds two output layers:\n"
           "  H = sigmoid(W X), P = sigmoid(U H), Q = V H, L = mse(P, S) + mse(Q, T)\n\n");
    wg_var h = wg_sigmoid(wg_matmul(weight(tape, "W", W), samples(tape, X)));
    wg_var p = wg_sigmoid(wg_matmul(weight(tape, "U", U), h));
    wg_var q = wg_matmul(weight(tape, "V", V), h);
    wg_var loss_p = wg_mse(p, samples(tape, S), WG_BATCH_MEAN);
    wg_var loss_q = wg_mse(q, samples(tape, T), WG_BATCH_MEAN);
    if (wg_retain_grad(h) || wg_backward(wg_add(loss_p, loss_q))) return false;

    double H[N * M], P[N * M], Q[N * M], dP[N * M], dQ[N * M], by_P[N * M], by_Q[N * M];
    layer(H, W, X);
    layer(P, U, H);
    hand_mul_f64(Q, V, H, N, N, M);
    from_loss(dP, P, S);
    through_sigmoid(dP, P); /* before P's sigmoid: dP * P (1 - P) */
    from_loss(dQ, Q, T);
    hand_mul_at_f64(by_P, U, dP, N, N, M); /* (1) the way by P: U^T dP */
    hand_mul_at_f64(by_Q, V, dQ, N, N, M); /* (2) the way by Q: V^T dQ */
    return show(h, "dH", "|by P: U^T dP|by Q: V^T dQ|sum by hand|tape", by_P, by_Q, M, t);
}

static bool residual(wg_tape *tape, tally *t)
{
    printf("\nA residual connection goes around a layer:\n  H = sigmoid(W X), R = H + sigmoid(V H), L = mse(R, T)\n\n");
    wg_var h = wg_sigmoid(wg_matmul(weight(tape, "W", W), samples(tape, X)));
    wg_var r = wg_add(h, wg_sigmoid(wg_matmul(weight(tape, "V", V), h)));
    if (wg_retain_grad(h) || wg_backward(wg_mse(r, samples(tape, T), WG_BATCH_MEAN))) return false;

    double H[N * M], A[N * M], R[N * M], dR[N * M], dA[N * M], through[N * M];
    layer(H, W, X);
    layer(A, V, H);
    for (size_t i = 0; i < N * M; i++) R[i] = H[i] + A[i];
    from_loss(dR, R, T); /* (1) around the layer: dR, unchanged */
    from_loss(dA, R, T);
    through_sigmoid(dA, A);
    hand_mul_at_f64(through, V, dA, N, N, M); /* (2) through it: V^T (dR * A (1 - A)) */
    return show(h, "dH", "|around: dR|through: V^T dA|sum by hand|tape", dR, through, M, t);
}

static bool used_twice(wg_tape *tape, tally *t)
{
    printf("\nOne weight is used in two layers:\n  H = sigmoid(W X), R = sigmoid(W H), L = mse(R, S)\n\n");
    wg_var w = weight(tape, "W", W);
    wg_var h = wg_sigmoid(wg_matmul(w, samples(tape, X)));
    wg_var r = wg_sigmoid(wg_matmul(w, h));
    if (wg_backward(wg_mse(r, samples(tape, S), WG_BATCH_MEAN))) return false;

    double H[N * M], R[N * M], dR[N * M], dH[N * M], second[N * N], first[N * N];
    layer(H, W, X);
    layer(R, W, H);
    from_loss(dR, R, S);
    through_sigmoid(dR, R);
    hand_mul_bt_f64(second, dR, H, N, M, N); /* (1) the second use: dR H^T */
    hand_mul_at_f64(dH, W, dR, N, N, M);
    through_sigmoid(dH, H);
    hand_mul_bt_f64(first, dH, X, N, M, N); /* (2) the first use: dH X^T */
    return show(w, "dW", "|second use: dR H^T|first use: dH X^T|sum by hand|tape", second, first, N, t);
}

int chapter_branches(const options *o, tally *t)
{
    printf("What is used twice gets the sum of what comes back both ways.\n\n");
    wg_tape *tape = wg_tape_new(o->dtype);
    bool good = two_heads(tape, t) && residual(tape, t) && used_twice(tape, t);
    if (!good) fprintf(stderr, "wengert-mlp: %s\n", tape == NULL ? "out of memory" : wg_tape_message(tape));
    wg_tape_free(tape);
    return good ? CHAPTER_DONE : CHAPTER_FAILED;
}
