/* A hand-written backward pass, checked. A layer normalisation's kernels as one writes them for a GPU: a block for each
 * row, or each column, whose threads stride over it and add up what they have in shared memory. Here the blocks and
 * threads are loops, in float.
 *
 * The first version forgets that the variance depends on x. The second adds dgamma up over the features instead of the
 * samples. The third is right. The checker is given the forward, recorded on a tape, and each version's numbers, and says:
 *
 *     1 of 4 gradients is wrong.
 *     ...
 *       dx: the variance of x is taken as a constant (y -> x)
 *
 *     1 of 4 gradients is wrong.
 *     ...
 *       dgamma: summed over axis 1 of y where the sum over axis 0 is right (y -> gamma)
 *
 *     All 4 gradients are right. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <wengert.h>

enum { ROWS = 12, COLUMNS = 20, THREADS = 8 };

#define EPSILON 1e-5f

typedef enum version { WITHOUT_VARIANCE, WRONG_AXIS, RIGHT } version;

typedef struct layer {
    float x[ROWS * COLUMNS], gamma[COLUMNS], beta[COLUMNS], target[ROWS * COLUMNS]; /* given */
    float mean[ROWS], rstd[ROWS], y[ROWS * COLUMNS];                                /* forward */
    float dy[ROWS * COLUMNS], dx[ROWS * COLUMNS], dgamma[COLUMNS], dbeta[COLUMNS];  /* backward */
} layer;

/* ---- kernels ----------------------------------------------------------------------------------------------------- */

static int at(int row, int column) { return row * COLUMNS + column; }
static float z(const layer *l, int r, int c) { return (l->x[at(r, c)] - l->mean[r]) * l->rstd[r]; }
static float h(const layer *l, int r, int c) { return l->dy[at(r, c)] * l->gamma[c]; }

/* What a block adds up: one term, of a row r and a column c. */
static float term_x(const layer *l, int r, int c) { return l->x[at(r, c)]; }
static float term_square(const layer *l, int r, int c) { return powf(l->x[at(r, c)] - l->mean[r], 2); }
static float term_hz(const layer *l, int r, int c) { return h(l, r, c) * z(l, r, c); }
static float term_dy(const layer *l, int r, int c) { return l->dy[at(r, c)]; }
static float term_dyz(const layer *l, int r, int c) { return l->dy[at(r, c)] * z(l, r, c); }

/* A block's sum over its row (or column): each thread adds up every eighth term, then half of the threads add what the
 * other half has, half of those likewise, ... */
static float block_sum(const layer *l, float (*term)(const layer *, int, int), int block, bool along_row)
{
    float shared[THREADS] = {0};
    for (int thread = 0; thread < THREADS; thread++)
        for (int k = thread; k < (along_row ? COLUMNS : ROWS); k += THREADS)
            shared[thread] += along_row ? term(l, block, k) : term(l, k, block);
    for (int stride = THREADS / 2; stride > 0; stride /= 2)
        for (int thread = 0; thread < stride; thread++) shared[thread] += shared[thread + stride];
    return shared[0];
}

/* Forward, a block per row. */
static void forward_block(layer *l, int r)
{
    l->mean[r] = block_sum(l, term_x, r, true) / COLUMNS;
    l->rstd[r] = 1 / sqrtf(block_sum(l, term_square, r, true) / COLUMNS + EPSILON);
    for (int c = 0; c < COLUMNS; c++) l->y[at(r, c)] = z(l, r, c) * l->gamma[c] + l->beta[c];
}

/* A block per row: dx = (h - mean(h) - z mean(h z)) rstd, with h = dy gamma. */
static void dx_block(layer *l, int r, version v)
{
    float mean_h = block_sum(l, h, r, true) / COLUMNS, mean_hz = block_sum(l, term_hz, r, true) / COLUMNS;
    if (v == WITHOUT_VARIANCE) mean_hz = 0;
    for (int c = 0; c < COLUMNS; c++) l->dx[at(r, c)] = (h(l, r, c) - mean_h - z(l, r, c) * mean_hz) * l->rstd[r];
}

static void run(layer *l, version v)
{
    for (int r = 0; r < ROWS; r++) forward_block(l, r);
    for (int i = 0; i < ROWS * COLUMNS; i++)
        l->dy[i] = 2 * (l->y[i] - l->target[i]) / (ROWS * COLUMNS); /* from the loss */
    for (int r = 0; r < ROWS; r++) dx_block(l, r, v);
    for (int c = 0; c < COLUMNS; c++) l->dbeta[c] = block_sum(l, term_dy, c, false);
    for (int b = 0; b < (v == WRONG_AXIS ? ROWS : COLUMNS); b++)
        l->dgamma[b] = block_sum(l, term_dyz, b, v == WRONG_AXIS);
}

/* ---- the check --------------------------------------------------------------------------------------------------- */

/* What the checker says; whether its first cause is that one, or the verdict right where there should be none. */
static bool verify(const layer *l, version v, const char *cause)
{
    const wg_check_report *report = NULL;
    wg_tape *tape = wg_tape_new(WG_F32);
    wg_var x = wg_name(wg_variable(tape, WG_DIMS(ROWS, COLUMNS), l->x), "x");
    wg_var gamma = wg_name(wg_variable(tape, WG_DIMS(COLUMNS), l->gamma), "gamma");
    wg_var beta = wg_name(wg_variable(tape, WG_DIMS(COLUMNS), l->beta), "beta");
    wg_var y = wg_name(wg_layer_norm(x, gamma, beta, 1, (double)EPSILON), "y");
    wg_var target = wg_constant(tape, WG_DIMS(ROWS, COLUMNS), l->target);
    wg_check *check = wg_check_new(wg_mse(y, target, WG_MEAN));
    wg_check_supply_f32(check, y, wg_shape_of(y), l->dy);
    wg_check_supply_f32(check, x, wg_shape_of(x), l->dx);
    wg_check_supply_f32(check, gamma, v == WRONG_AXIS ? WG_DIMS(ROWS) : WG_DIMS(COLUMNS), l->dgamma);
    wg_check_supply_f32(check, beta, wg_shape_of(beta), l->dbeta);
    bool good = wg_check_run(check, &report) == WG_OK;
    if (good) {
        wg_check_write(report, wg_write_to_file, stdout);
        good = cause ? !report->right && report->causes_count && wg_cause_name(report->causes[0].cause) == cause
                     : report->right;
    }
    wg_check_free(check);
    wg_tape_free(tape);
    return good;
}

static float draw(unsigned *state)
{
    *state = *state * 1664525u + 1013904223u;
    return (float)(*state >> 8) / 16777216.0f - 0.5f;
}

int main(void)
{
    static layer l;
    unsigned state = 1;
    for (int i = 0; i < ROWS * COLUMNS; i++) l.x[i] = 2 * draw(&state), l.target[i] = draw(&state);
    for (int c = 0; c < COLUMNS; c++) l.gamma[c] = 1 + draw(&state), l.beta[c] = draw(&state);
    static const struct {
        const char *words;
        wg_cause cause;
    } versions[] = {{"The variance taken as a constant", WG_CAUSE_STATISTICS_CONSTANT},
        {"dgamma summed over the features", WG_CAUSE_BIAS_WRONG_AXIS}, {"As it should be", WG_CAUSE_UNKNOWN}};
    bool good = true;
    for (int v = WITHOUT_VARIANCE; v <= RIGHT; v++) {
        printf("%s==== %s\n\n", v ? "\n" : "", versions[v].words);
        run(&l, (version)v);
        good = verify(&l, (version)v, v == RIGHT ? NULL : wg_cause_name(versions[v].cause)) && good;
    }
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
