/* Rows of a table by indices, some of them several times, and a layer of tanh. Samples in rows:
 *
 *     H = E[t], Z = H W + b, P = tanh(Z), L = mse(P, Y) */
#include "suite.h"

#include <math.h>

enum { E, T, H, W, B, Z, P, Y };

enum {
    NONE,
    DP_SUM,
    DZ_BARE,
    DZ_AT_Z,
    DW_OF_P,
    DH_W_AS_IT_LIES,
    DB_OVER_UNITS,
    DB_MEAN,
    DE_LAST,
    DE_FIRST,
    DE_AVERAGED,
    DE_NEXT_ROW,
    DE_BY_SLOT
};

static void declare(suite *s)
{
    size_t m = s->size[0], words = s->size[1], d = s->size[2], k = s->size[3];
    suite_declare(s, E, "E", SUITE_VARIABLE, WG_DIMS(words, d), 1);
    suite_declare(s, T, "t", SUITE_INDICES, WG_DIMS(m), 0);
    suite_draw_indices(s, T, words - 1); /* the last word does not occur */
    suite_declare(s, H, "H", SUITE_STEP, WG_DIMS(m, d), 0);
    suite_declare(s, W, "W", SUITE_VARIABLE, WG_DIMS(d, k), 0.6);
    suite_declare(s, B, "b", SUITE_VARIABLE, WG_DIMS(k), 0.4);
    suite_declare(s, Z, "Z", SUITE_STEP, WG_DIMS(m, k), 0);
    suite_declare(s, P, "P", SUITE_STEP, WG_DIMS(m, k), 0);
    suite_declare(s, Y, "Y", SUITE_DATA, WG_DIMS(m, k), 1);
}

static void run(suite *s)
{
    size_t m = s->size[0], d = s->size[2], k = s->size[3];
    EACH(i, m) EACH(j, d) V(H)[i * d + j] = V(E)[(size_t)V(T)[i] * d + j];
    suite_multiply(V(Z), m, k, d, V(H), AS_IT_IS, V(W), AS_IT_IS);
    EACH(i, m) EACH(j, k) V(Z)[i * k + j] += V(B)[j];
    suite_value(s, Z);
    EACH(i, m * k) V(P)[i] = tanh(V(Z)[i]);
    suite_value(s, P);
}

static wg_var record(suite *s)
{
    wg_var e = suite_leaf(s, E), t = suite_leaf(s, T), w = suite_leaf(s, W), b = suite_leaf(s, B), y = suite_leaf(s, Y);
    wg_var h = suite_step(s, H, wg_embedding(e, t));
    wg_var z = suite_step(s, Z, wg_add(wg_matmul(h, w), b));
    wg_var p = suite_step(s, P, wg_tanh(z));
    return wg_mse(p, y, WG_MEAN);
}

/* dP = 2/(m k) (P - Y), dZ = dP (1 - P^2), dW = H^T dZ, db = column sums of dZ, dH = dZ W^T */
static void through_layer(suite *s)
{
    size_t m = s->size[0], d = s->size[2], k = s->size[3];
    double scale = MADE(DP_SUM) ? 2 : 2 / (double)(m * k);
    EACH(i, m * k) D(P)[i] = scale * (V(P)[i] - V(Y)[i]);
    suite_done(s, P);
    EACH(i, m * k)
    {
        double slope = 1 - V(P)[i] * V(P)[i];
        if (MADE(DZ_BARE)) slope = 1;
        if (MADE(DZ_AT_Z)) slope = 1 - V(Z)[i] * V(Z)[i];
        D(Z)[i] = D(P)[i] * slope;
    }
    suite_done(s, Z);
    suite_multiply(D(W), d, k, m, V(H), TRANSPOSE, MADE(DW_OF_P) ? D(P) : D(Z), AS_IT_IS);
    suite_done(s, W);
    suite_sum_columns(D(B), D(Z), m, k);
    if (MADE(DB_MEAN)) EACH(j, k) D(B)[j] /= (double)m;
    if (MADE(DB_OVER_UNITS)) {
        suite_sum_rows(D(B), D(Z), m, k);
        SHAPE(B) = WG_DIMS(m);
    }
    suite_done(s, B);
    suite_multiply(D(H), m, d, k, D(Z), AS_IT_IS, V(W), MADE(DH_W_AS_IT_LIES) ? AS_IT_IS : TRANSPOSE);
    suite_done(s, H);
}

/* dE[t] += dH, row by row */
static void table(suite *s)
{
    size_t m = s->size[0], words = s->size[1], d = s->size[2];
    EACH(i, words * d) D(E)[i] = 0;
    EACH(i, m)
    {
        size_t word = (size_t)V(T)[i], seen = 0, times = 0;
        EACH(k, i) seen += (size_t)V(T)[k] == word;
        EACH(k, m) times += (size_t)V(T)[k] == word;
        if (MADE(DE_NEXT_ROW)) word = word + 1;
        if (MADE(DE_BY_SLOT)) word = i % words;
        EACH(j, d)
        {
            double *to = &D(E)[word * d + j], g = D(H)[i * d + j];
            if (MADE(DE_LAST))
                *to = g;
            else if (MADE(DE_FIRST))
                *to += seen == 0 ? g : 0;
            else
                *to += MADE(DE_AVERAGED) ? g / (double)times : g;
        }
    }
    suite_done(s, E);
}

static void backward(suite *s)
{
    through_layer(s);
    table(s);
}

static const suite_mistake mistakes[] = {
    MISTAKE(DP_SUM, P, REDUCTION, OR(FACTOR), "2 (P - Y), the sum instead of the mean"),
    MISTAKE(DZ_BARE, Z, ACTIVATION_MISSING, 0, "dZ = dP"),
    MISTAKE(DZ_AT_Z, Z, ACTIVATION_AT_WRONG_VALUE, 0, "dZ = dP (1 - Z^2)"),
    MISTAKE(DW_OF_P, W, WRONG_OPERAND, OR(ACTIVATION_MISSING), "dW = H^T dP, dP for dZ"),
    MISTAKE(DH_W_AS_IT_LIES, H, WEIGHT_NOT_TRANSPOSED, OR(TRANSPOSED), "dH = dZ W, W read as it lies"),
    MISTAKE(DB_OVER_UNITS, B, BIAS_WRONG_AXIS, 0, "db = row sums of dZ, (m)"),
    MISTAKE(DB_MEAN, B, BIAS_AVERAGED, OR(FACTOR), "db = the mean over samples"),
    MISTAKE(DE_LAST, E, REPEATED_INDEX, 0, "dE[t] = dH, of a word's places the last alone"),
    MISTAKE(DE_FIRST, E, REPEATED_INDEX, 0, "dE of a word's first place alone"),
    MISTAKE(DE_AVERAGED, E, UNKNOWN, 0, "dE the mean over a word's places"),
    MISTAKE(DE_NEXT_ROW, E, SHIFTED, 0, "dE[t + 1] += dH, words counted from 1"),
    MISTAKE(DE_BY_SLOT, E, UNKNOWN, 0, "dE by place instead of by word"),
    MISTAKE(SUITE_ROWS_REVERSED, H, REVERSED, 0, "dH's samples in reverse"),
    MISTAKE(SUITE_FIRST_ROW_ONLY, Z, BATCH_PARTIAL, OR(UNWRITTEN), "dZ of the first sample alone"),
    SCALED(-1, 0, E, SIGN, OR(FACTOR), "dE of the other sign"),
};

const suite_forward suite_embedding = {.name = "embedding",
    .text = "mse(tanh(embedding(E, t) @ W + b), Y, mean)",
    .sizes = {{9, 6, 5, 4}, {10, 7, 4, 3}, {14, 8, 6, 5}},
    .declare = declare,
    .run = run,
    .backward = backward,
    .record = record,
    .mistakes = mistakes,
    .mistakes_count = sizeof mistakes / sizeof *mistakes};
