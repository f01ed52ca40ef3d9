/* What rounding does to the values and the derivatives of a function, measured, not guessed.
 *
 * Along a line of tiny steps a smooth function is a polynomial of low degree as far as the digits reach, so its fourth
 * differences are its rounding alone, 70 times its variance: R. W. Hamming, Introduction to Applied Numerical Analysis,
 * 1971; J. J. More, S. M. Wild, Estimating computational noise, SIAM J. Sci. Comput. 33, 2011. The line begins beside the
 * point, so that a kink or a jump there does not count. For a derivative in floats the same in double, where there is
 * such, is subtracted first: then nothing but rounding is left, even where the line crosses kinks.
 *
 * Rounding that is the same at each point, of constants say, is not seen so. It is modelled instead: the function and its
 * sweep are run again with all values and contributions changed by a small relative amount of random sign (D. S. Parker,
 * Monte Carlo arithmetic, UCLA CSD-970002, 1997). */
#include "check/function/function.h"

#include <float.h>
#include <math.h>
#include <string.h>

#define ROUNDING_POINTS (FUNCTION_MEASURED + 4)
static const double rounding_spread = 70; /* (8 choose 4): the sum of the squares of 1 -4 6 -4 1 */

static double rounding_unit(wg_dtype dtype) { return dtype == WG_F64 ? 0x1p-53 : 0x1p-24; }

/* Point number k >= 1 of a line, each entry moved by its scale times a random factor of +-1/2, +-1. */
static void rounding_move(const check_subject *subject, double step, const signed char *way, double *x, size_t k)
{
    const check_function *run = subject->run;
    for (size_t i = 0; i < run->size; i++) x[i] = run->x[i] + (double)k * step * run->fine_scale[i] * way[i];
}

static signed char *rounding_way(check_subject *subject, check_memory *memory)
{
    signed char *way = check_take(memory, subject->run->size + 1, 1);
    for (size_t i = 0; way && i < subject->run->size; i++) {
        signed char size = check_function_draw(subject->run) < 0.5 ? 1 : 2;
        way[i] = check_function_draw(subject->run) < 0.5 ? size : (signed char)-size;
    }
    return way;
}

/* Fourth differences of rows of n numbers, over the root of their spread: row r of the first few becomes a draw of the
 * rounding. */
static void rounding_draws(double *rows, size_t n)
{
    for (size_t r = 0; r < FUNCTION_MEASURED; r++)
        for (size_t i = 0; i < n; i++) {
            const double *a = rows + r * n + i;
            rows[r * n + i] = (a[0] - 4 * a[n] + 6 * a[2 * n] - 4 * a[3 * n] + a[4 * n]) / sqrt(rounding_spread);
        }
}

/* ---- of values ------------------------------------------------------------------------------------------------------ */

static size_t rounding_results(const check_subject *subject) { return subject->order == 1 ? 1 : subject->run->varying; }

/* What is swept for cotangent k, recorded on the fine tape; results, unless NULL, are the subject's outputs. */
static wg_var rounding_record(check_subject *subject, size_t k, wg_var *results)
{
    check_function *run = subject->run;
    check_point *point = &run->points[run->fine];
    const double *c = subject->cotangents + k * subject->outputs;
    check_memory memory = {0};
    wg_var y = check_point_run(run, run->fine, run->x), total = {.tape = NULL};
    wg_var *grads = check_take(&memory, run->varying + 1, sizeof *grads);
    if (y.tape && subject->order == 1) {
        total = wg_sum(wg_mul(y, wg_constant_f64(point->tape, wg_shape_of(y), c)));
    } else if (y.tape && grads) {
        wg_var held = wg_constant_f64(point->tape, wg_shape_of(y), subject->held);
        wg_vjp(y, held, point->wrt, run->varying, grads);
        total = wg_scalar(point->tape, 0);
        for (size_t i = 0, g = 0; i < run->n; i++) {
            const check_argument *input = &run->inputs[i];
            if (input->fixed) continue;
            wg_var w = wg_constant_f64(point->tape, input->shape, c + input->begin);
            total = wg_add(total, wg_sum(wg_mul(grads[g++], w)));
        }
    }
    if (results && total.tape) memcpy(results, subject->order == 1 ? &y : grads, rounding_results(subject) * sizeof y);
    check_release(&memory);
    return total;
}

/* The values of a recording with noise in it, less those without: what a unit of rounding at each step does to them. */
static void rounding_model_values(check_subject *subject)
{
    check_memory memory = {0};
    size_t count = rounding_results(subject);
    const double step = 0x1p-26;
    wg_var *results = check_take(&memory, count, sizeof *results);
    wg_var total = results ? rounding_record(subject, 0, results) : (wg_var){.tape = NULL};
    for (uint64_t r = 1; r <= 2 && wg_ok(total); r++) {
        check_model model = {.tape = NULL};
        double *to = subject->rounding;
        const double *exact = subject->value;
        if (check_model_open(&model, total, results, count, step, r) == WG_OK)
            for (size_t i = 0; i < count; i++) {
                wg_var blurred = model.nodes[check_model_find(&model, results[i])].var;
                const double *value = wg_value_f64(blurred);
                for (size_t j = 0; value && j < wg_size(blurred); j++, to++, exact++) {
                    double moved = fabs(value[j] - *exact) / step * rounding_unit(WG_F64);
                    if (isfinite(moved) && moved > *to) *to = moved;
                }
            }
        check_model_close(&model);
    }
    check_release(&memory);
}

/* The function on a line, ROUNDING_POINTS rows. */
static void rounding_line(check_subject *subject, double step, const signed char *way, double *x, double *rows)
{
    for (size_t k = 0; k < ROUNDING_POINTS; k++) {
        double *row = rows + k * subject->outputs;
        rounding_move(subject, step, way, x, k + 1);
        if (!check_subject_value(subject, x, row))
            for (size_t i = 0; i < subject->outputs; i++) row[i] = NAN;
    }
}

/* How often an output changes from one point to the next. */
static size_t rounding_changes(const double *rows, size_t n, size_t i)
{
    size_t changes = 0;
    for (size_t k = 0; k + 1 < ROUNDING_POINTS; k++) changes += rows[(k + 1) * n + i] != rows[k * n + i];
    return changes;
}

static double rounding_of_draws(const double *draws, size_t n, size_t i)
{
    double sum = 0; /* hypot: the squares may underflow */
    for (size_t r = 0; r < FUNCTION_MEASURED; r++) sum = hypot(sum, draws[r * n + i]);
    return sum / sqrt(FUNCTION_MEASURED);
}

/* A value that stays as it is under tiny steps may be rounded to something coarser than its type: then larger ones tell. */
wg_status check_rounding_values(check_subject *subject)
{
    static const double doubles[] = {0x1p-46, 0x1p-36, 0x1p-26, 0x1p-16},
                        floats[] = {0x1p-18, 0x1p-15, 0x1p-12, 0x1p-10};
    check_function *run = subject->run;
    check_memory memory = {0};
    size_t n = subject->outputs, waiting = n;
    double *rows = check_take(&memory, ROUNDING_POINTS * n + 1, sizeof *rows);
    double *x = check_take(&memory, run->size + 1, sizeof *x), unit = rounding_unit(run->fine);
    bool *done = check_take(&memory, n + 1, sizeof *done);
    signed char *way = rounding_way(subject, &memory);
    if (memory.failed) return check_release(&memory), WG_ERROR_MEMORY;
    for (size_t s = 0; s < 4 && waiting; s++) {
        rounding_line(subject, run->fine == WG_F64 ? doubles[s] : floats[s], way, x, rows);
        for (size_t i = 0; i < n; i++)
            if (!done[i] && (rounding_changes(rows, n, i) > ROUNDING_POINTS / 2 || s == 3)) {
                done[i] = true;
                waiting--;
            }
        rounding_draws(rows, n);
        for (size_t i = 0; i < n; i++) {
            double size = isfinite(subject->value[i]) ? fabs(subject->value[i]) : 0, r = rounding_of_draws(rows, n, i);
            if (!done[i] || subject->rounding[i] > 0) continue;
            subject->rounding[i] = fmax(isfinite(r) ? r : 8 * unit * size, fmax(unit * size / 2, DBL_MIN));
        }
    }
    check_release(&memory);
    if (run->fine == WG_F64) rounding_model_values(subject);
    return WG_OK;
}

/* ---- of gradients ----------------------------------------------------------------------------------------------------- */

/* One row: the gradient at point number p, less that in double where floats are looked at. */
static void rounding_row(check_subject *subject, const double *x, const double *cotangent, double *finer, double *row)
{
    check_function *run = subject->run;
    size_t n = run->size;
    bool good = check_subject_gradient(subject, run->dtype, x, cotangent, row);
    if (good && run->fine != run->dtype) {
        good = check_subject_gradient(subject, run->fine, x, cotangent, finer);
        for (size_t i = 0; i < n; i++) row[i] -= finer[i];
    }
    for (size_t i = 0; i < n; i++)
        if (!good || !isfinite(row[i])) row[i] = 0;
}

/* Draws for one cotangent. It moves too, for a function may stay as it is. */
static wg_status rounding_measure(check_subject *subject, size_t k, const signed char *way, double **to)
{
    check_function *run = subject->run;
    check_memory memory = {0};
    size_t n = run->size, outputs = subject->outputs;
    double *rows = check_take(&memory, ROUNDING_POINTS * n + 1, sizeof *rows);
    double *x = check_take(&memory, n + 1, sizeof *x), *finer = check_take(&memory, n + 1, sizeof *finer);
    double *c = check_take(&memory, outputs + 1, sizeof *c), *speed = check_take(&memory, outputs + 1, sizeof *speed);
    if (memory.failed) return check_release(&memory), WG_ERROR_MEMORY;
    double step = run->dtype == WG_F64 ? 0x1p-30 : 0x1p-12;
    for (size_t i = 0; i < outputs; i++) speed[i] = step * (1 + check_function_draw(run));
    for (size_t p = 0; p < ROUNDING_POINTS; p++) {
        rounding_move(subject, step, way, x, p + 1);
        for (size_t i = 0; i < outputs; i++)
            c[i] = subject->cotangents[k * outputs + i] * (1 + (double)(p + 1) * speed[i]);
        for (size_t i = 0; run->dtype == WG_F32 && i < n; i++) x[i] = (float)x[i];
        for (size_t i = 0; run->dtype == WG_F32 && i < outputs; i++) c[i] = (float)c[i];
        rounding_row(subject, x, c, finer, rows + p * n);
    }
    rounding_draws(rows, n);
    for (size_t r = 0; r < FUNCTION_MEASURED; r++) memcpy(to[r] + k * n, rows + r * n, n * sizeof *rows);
    check_release(&memory);
    return WG_OK;
}

/* One more line for all cotangents. */
wg_status check_rounding_more(check_subject *subject)
{
    check_function *run = subject->run;
    size_t n = FUNCTION_COTANGENTS * run->size + 1;
    double **to = subject->measured + subject->draws;
    if (subject->draws == FUNCTION_ROUNDS * FUNCTION_MEASURED) return WG_OK;
    for (size_t r = 0; r < FUNCTION_MEASURED; r++) to[r] = check_take(&run->memory, n, sizeof(double));
    check_memory memory = {0};
    signed char *way = rounding_way(subject, &memory);
    wg_status status = run->memory.failed || memory.failed ? WG_ERROR_MEMORY : WG_OK;
    for (size_t k = 0; k < FUNCTION_COTANGENTS && status == WG_OK; k++) status = rounding_measure(subject, k, way, to);
    check_release(&memory);
    subject->draws += FUNCTION_MEASURED;
    return status;
}

typedef struct rounding_sweep {
    double step;
    uint64_t state;
} rounding_sweep;

static wg_status rounding_edge(void *user, const wg_edge *edge)
{
    rounding_sweep *sweep = user;
    double *c = edge->contribution;
    size_t n = wg_size(edge->to);
    for (size_t i = 0; i < n; i++) {
        sweep->state = sweep->state * 6364136223846793005u + 1442695040888963407u; /* D. E. Knuth's MMIX generator */
        c[i] *= sweep->state >> 63 ? 1 + sweep->step : 1 - sweep->step;
    }
    return WG_OK;
}

/* The gradient of a recording with noise in it. */
static bool rounding_blurred(check_subject *subject, wg_var total, double step, uint64_t seed, double *gradient)
{
    check_function *run = subject->run;
    check_point *point = &run->points[run->fine];
    check_memory memory = {0};
    check_model model = {.tape = NULL};
    wg_var *wrt = check_take(&memory, run->varying, sizeof *wrt);
    bool good = wrt && check_model_open(&model, total, point->wrt, run->varying, step, seed) == WG_OK;
    for (size_t i = 0; good && i < run->varying; i++) wrt[i] = model.nodes[check_model_find(&model, point->wrt[i])].var;
    rounding_sweep sweep = {step, seed};
    wg_observer observer = {NULL, rounding_edge, &sweep};
    good = good && wg_observe(model.nodes[model.loss].var, NULL, wrt, run->varying, gradient, &observer) == WG_OK;
    check_model_close(&model);
    check_release(&memory);
    return good;
}

/* Four draws for one cotangent, scaled to the dtype's unit. A change that does not shrink with the step is no rounding but
 * a kink. */
static bool rounding_model(check_subject *subject, size_t k)
{
    check_function *run = subject->run;
    check_memory memory = {0};
    size_t n = run->size;
    double *exact = check_take(&memory, n + 1, sizeof *exact), *large = check_take(&memory, n + 1, sizeof *large);
    double *small = check_take(&memory, n + 1, sizeof *small), unit = rounding_unit(run->dtype);
    const double *c = subject->cotangents + k * subject->outputs;
    bool good = !memory.failed && check_subject_gradient(subject, run->fine, run->x, c, exact);
    wg_var total = good ? rounding_record(subject, k, NULL) : (wg_var){.tape = NULL};
    good = good && wg_ok(total);
    for (uint64_t r = 0; good && r < FUNCTION_MODELLED; r++) {
        good = rounding_blurred(subject, total, 0x1p-26, r + 1, large);
        good = good && rounding_blurred(subject, total, 0x1p-29, r + 1, small);
        double *to = subject->modelled[r] + k * n;
        for (size_t i = 0; good && i < n; i++) {
            double a = (large[i] - exact[i]) / 0x1p-26, b = (small[i] - exact[i]) / 0x1p-29;
            bool jumps = !(fabs(b) <= 4 * fabs(a) + 0x1p-10 * fabs(exact[i]));
            to[i] = jumps || !isfinite(a) ? 0 : a * unit;
        }
    }
    check_release(&memory);
    return good;
}

wg_status check_rounding_gradients(check_subject *subject)
{
    check_function *run = subject->run;
    size_t n = FUNCTION_COTANGENTS * run->size + 1;
    for (size_t r = 0; r < FUNCTION_MODELLED; r++) subject->modelled[r] = check_take(&run->memory, n, sizeof(double));
    wg_status status = run->memory.failed ? WG_ERROR_MEMORY : check_rounding_more(subject);
    bool copied = status == WG_OK && run->fine == WG_F64;
    for (size_t k = 0; k < FUNCTION_COTANGENTS && copied; k++) copied = rounding_model(subject, k);
    for (size_t r = 0; r < FUNCTION_MODELLED && !copied; r++) subject->modelled[r] = NULL;
    return status;
}

double check_along(const double *a, const double *direction, size_t entry, size_t n)
{
    if (!direction) return a[entry];
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        if (direction[i] != 0) sum += a[i] * direction[i];
    return sum;
}

/* Eight times what is typical, or three times the largest draw. */
double check_rounding_slack(const check_subject *subject, size_t k, const double *direction, size_t entry)
{
    const check_function *run = subject->run;
    size_t n = run->size;
    double measured = 0, modelled = 0, largest = 0, squares = 0, unit = rounding_unit(run->dtype);
    const double *g = subject->gradient[0] + k * n;
    for (size_t r = 0; r < subject->draws; r++) {
        double d = check_along(subject->measured[r] + k * n, direction, entry, n);
        measured = hypot(measured, d);
        largest = fmax(largest, fabs(d));
    }
    for (size_t r = 0; r < FUNCTION_MODELLED && subject->modelled[0]; r++) {
        double d = check_along(subject->modelled[r] + k * n, direction, entry, n);
        modelled = hypot(modelled, d);
    }
    for (size_t i = direction ? 0 : entry; i < (direction ? n : entry + 1); i++) {
        double v = direction ? direction[i] : 1;
        if (v != 0 && isfinite(g[i])) squares = hypot(squares, g[i] * v);
    }
    double sum = check_along(g, direction, entry, n);
    measured /= sqrt((double)subject->draws);
    modelled /= sqrt(FUNCTION_MODELLED);
    return fmax(8 * measured, 3 * largest) + 8 * modelled + 4 * unit * (squares + (isfinite(sum) ? fabs(sum) : 0));
}
