/* The noise floor, measured: the forward and the sweep are run again with every value and every contribution changed by a
 * small relative amount of random sign, and what that does to an entry of a gradient, per unit of change, is what one unit
 * of rounding does to it. Monte Carlo arithmetic: D. S. Parker, UCLA CSD-970002, 1997; J. Vignes, A stochastic arithmetic for
 * reliable scientific computation, 1993. The same measure serves every precision. */
#include "check/run.h"

#include <math.h>
#include <string.h>

#define NOISE_SAMPLES 8
static const double noise_step = 0x1p-26;

typedef struct noise_sweep {
    check_model *model;
    double step;
    uint64_t state;
} noise_sweep;

/* Uniform, with mean 0 and mean square 1: D. E. Knuth's MMIX generator. */
static double noise_draw(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return ((double)(*state >> 11) * 0x1p-52 - 1) * 1.7320508075688772;
}

static double noise_largest(const double *numbers, size_t n)
{
    double largest = 0;
    for (size_t i = 0; i < n; i++) largest = fmax(largest, fabs(numbers[i]));
    return largest;
}

/* A slope written in terms of the result, 1 - y^2 or p - 1 or exp(x - y), has the result's own rounding in it, which where
 * it saturates is most of the slope; a tape that knows its slopes to the last bit does not show that. Returns by how much
 * the contribution c of an op with result y and adjoint g moves, per unit; the largest of g stands for its sum over a class
 * axis, and the largest of c for the weight of a position. */
static double noise_of_result(const char *kind, double y, double g, double largest)
{
    if (!strcmp(kind, "tanh")) return g * 2 * y * y;
    if (!strcmp(kind, "sigmoid")) return g * y * fabs(1 - 2 * y);
    if (!strcmp(kind, "softmax")) return largest * y;
    if (!strcmp(kind, "log_softmax")) return largest * exp(y) * (1 + fabs(y));
    return 0;
}

/* exp(x - y) with a y that was rounded. */
static void noise_scale(noise_sweep *sweep, double *c, size_t n, double argument)
{
    for (size_t i = 0; i < n; i++) c[i] *= 1 + sweep->step * noise_draw(&sweep->state) * argument;
}

static void noise_add_of_result(noise_sweep *sweep, const wg_edge *edge, const char *kind, size_t n)
{
    double *c = edge->contribution;
    if (!strncmp(kind, "cross_entropy", 13) && edge->position == 0) { /* (p - t) w: where t is, 1 - p may cancel */
        double largest = noise_largest(c, n);
        const double *z = wg_value_f64(edge->to);
        noise_scale(sweep, c, n, z ? noise_largest(z, n) : 0);
        for (size_t i = 0; i < n; i++)
            if (c[i] < 0) c[i] += sweep->step * noise_draw(&sweep->state) * largest;
        return;
    }
    const double *g = edge->adjoint, *y = wg_value_f64(edge->from);
    if (!strncmp(kind, "logsumexp", 9)) {
        noise_scale(sweep, c, n, y ? noise_largest(y, wg_size(edge->from)) : 0);
        return;
    }
    double largest = noise_largest(g, n);
    for (size_t i = 0; y && i < n; i++)
        c[i] += sweep->step * noise_draw(&sweep->state) * noise_of_result(kind, y[i], g[i], largest);
}

static wg_status noise_edge(void *user, const wg_edge *edge)
{
    noise_sweep *sweep = user;
    double *c = edge->contribution;
    size_t n = wg_size(edge->to), from = wg_size(edge->from);
    double step = sweep->step * sqrt(1 + (n && from > n ? (double)from / (double)n : 1) / 3);
    for (size_t i = 0; i < n; i++) c[i] *= 1 + step * noise_draw(&sweep->state);
    wg_node_info info;
    if (wg_node_read(edge->from, &info) != WG_OK) return WG_OK;
    bool sums = !strncmp(info.kind, "cross_entropy", 13) || !strncmp(info.kind, "logsumexp", 9);
    if ((from == n && info.inputs == 1) || sums) noise_add_of_result(sweep, edge, info.kind, n);
    return WG_OK;
}

wg_status check_noise_run(wg_check *check, double step, uint64_t seed, double *to)
{
    check_model model = {.tape = NULL};
    check_memory memory = {0};
    wg_var *also = check_take(&memory, check->count, sizeof *also);
    for (size_t k = 0; also && k < check->count; k++) also[k] = check->supplied[k].var;
    wg_status status = WG_ERROR_MEMORY;
    if (also) status = check_model_open(&model, check->loss, also, check->count, step, seed);
    if (status == WG_OK) {
        for (size_t k = 0; k < check->count; k++) also[k] = model.nodes[check_model_find(&model, also[k])].var;
        noise_sweep sweep = {&model, step, seed};
        wg_observer observer = {NULL, noise_edge, &sweep};
        status = wg_observe(model.nodes[model.loss].var, NULL, also, check->count, to, &observer);
    }
    check_model_close(&model);
    check_release(&memory);
    return status;
}

/* What a response may be at most, for its gradient's size, before it looks like a jump. */
static const double noise_jump = 0x1p20;

/* A change that does not shrink with the step is a jump, at a kink or a tie: that is no rounding, and -1. Numbers that are
 * equal stay so in about every second sample. */
static double noise_response(double large, double small)
{
    double a = fabs(large) / noise_step, b = fabs(small) / (noise_step / 8);
    return isfinite(a) && isfinite(b) && b <= 4 * a ? a : -1;
}

/* Whether a sample has responses so large that it must be seen if they are jumps. */
static bool noise_suspects(const wg_check *check, const double *gradients)
{
    for (size_t k = 0; k < check->count; k++) {
        const check_supplied *s = &check->supplied[k];
        for (size_t i = 0; i < s->wanted; i++, gradients++)
            if (!(fabs(*gradients - s->exact[i]) <= noise_step * noise_jump * (fabs(s->exact[i]) + s->exact_rms)))
                return true;
    }
    return false;
}

/* Adds one sample's responses, as squares, and counts them. */
static wg_status noise_sample(wg_check *check, uint64_t seed, double *large, double *small, double *count)
{
    wg_status status = check_noise_run(check, noise_step, seed, large);
    bool suspects = status == WG_OK && noise_suspects(check, large);
    if (suspects) status = check_noise_run(check, noise_step / 8, seed, small);
    for (size_t k = 0; k < check->count && status == WG_OK; k++) {
        check_supplied *s = &check->supplied[k];
        for (size_t i = 0; i < s->wanted; i++, large++, small++, count++) {
            double a = *large - s->exact[i], r = suspects ? noise_response(a, *small - s->exact[i]) : a / noise_step;
            if (suspects && r < 0) continue;
            s->noise[i] += r * r;
            *count += 1;
        }
    }
    return status;
}

static double noise_rms(const double *numbers, size_t n)
{
    double squares = 0;
    for (size_t i = 0; i < n; i++) squares += numbers[i] * numbers[i];
    return n ? sqrt(squares / (double)n) : 0;
}

wg_status check_noise(wg_check *check)
{
    size_t total = 0;
    for (size_t k = 0; k < check->count; k++) {
        check_supplied *s = &check->supplied[k];
        s->exact_rms = noise_rms(s->exact, s->wanted);
        total += s->wanted;
    }
    check_memory memory = {0};
    double *large = check_take(&memory, total, sizeof *large), *small = check_take(&memory, total, sizeof *small);
    double *count = check_take(&memory, total, sizeof *count);
    wg_status status = large && small && count ? WG_OK : WG_ERROR_MEMORY;
    for (uint64_t sample = 1; sample <= NOISE_SAMPLES && status == WG_OK; sample++)
        status = noise_sample(check, sample, large, small, count);
    const double *samples = count;
    for (size_t k = 0; k < check->count && status == WG_OK; k++) {
        check_supplied *s = &check->supplied[k];
        for (size_t i = 0; i < s->wanted; i++, samples++)
            s->noise[i] = *samples > 0 ? sqrt(s->noise[i] / *samples) : fabs(s->exact[i]) + s->exact_rms;
        s->noise_rms = noise_rms(s->noise, s->wanted);
    }
    check_release(&memory);
    return status;
}
