/* Slopes along a line through the point, from differences at steps that halve: from the middle, from the left and from
 * the right, each extrapolated over three steps and with an estimate of its error.
 *
 * After C. J. F. Ridders, Accurate computation of F'(x) and F'(x) F''(x), Advances in Engineering Software 4, 1982: the
 * table's last corrections tell how far it can be trusted; large steps are spoilt by curvature, small ones by rounding, and
 * between them is a best window. Two things are added. Where quotients do not converge as a smooth function's would, no
 * extrapolation is believed; the error is then what a geometric tail leaves. And a finer window overrules a coarser one
 * that it contradicts: a kink, or a wave shorter than the step, can make the coarser agree with itself on a slope that is
 * not there. */
#include "check/function/function.h"

#include <math.h>
#include <string.h>

enum { LINE_START = 32, LINE_CHUNK = 4, LINE_WITNESSES = 10, LINE_SAMPLES = 12 };

/* ---- the function along a line ----------------------------------------------------------------------------------------- */

/* Contracted differences to the value at the point. */
static void line_contract(const check_line *line, bool good, double *difference)
{
    const check_subject *subject = line->subject;
    check_function *run = subject->run;
    for (size_t k = 0; k < FUNCTION_COTANGENTS; k++) {
        const double *c = subject->cotangents + k * subject->outputs;
        double sum = 0;
        for (size_t i = 0; good && i < subject->outputs; i++)
            if (c[i] != 0) sum += c[i] * (run->result[i] - subject->value[i]);
        difference[k] = good ? sum : NAN;
    }
    for (size_t i = 0; good && i < subject->outputs; i++)
        if (run->result[i] != subject->value[i]) run->touched[i] = true;
}

static void line_rounding(check_line *line)
{
    const check_subject *subject = line->subject;
    for (size_t k = 0; k < FUNCTION_COTANGENTS; k++) {
        const double *c = subject->cotangents + k * subject->outputs;
        double sum[2] = {0, 0}; /* by hypot: the squares may underflow */
        for (size_t i = 0; i < subject->outputs; i++) {
            double r = c[i] * subject->rounding[i];
            if (r != 0) sum[subject->run->touched[i]] = hypot(sum[subject->run->touched[i]], r);
        }
        line->hidden[k] = 1.5 * sum[0];
        line->noise[k] = 1.5 * sum[1];
    }
}

/* The function at t on the line, into run->result. */
static bool line_evaluate(const check_line *line, double t)
{
    check_function *run = line->subject->run;
    if (!line->direction) {
        run->moved[line->entry] = run->x[line->entry] + t;
        bool good = check_subject_value(line->subject, run->moved, run->result);
        run->moved[line->entry] = run->x[line->entry];
        return good;
    }
    for (size_t i = 0; i < run->size; i++) run->moved[i] = run->x[i] + t * line->direction[i];
    bool good = check_subject_value(line->subject, run->moved, run->result);
    for (size_t i = 0; i < run->size; i++) run->moved[i] = run->x[i];
    return good;
}

static void line_level(check_line *line, size_t level)
{
    check_function *run = line->subject->run;
    double unit = line->direction ? 1 : run->scale[line->entry];
    int largest = run->fine == WG_F64 ? -6 : -3; /* where an eighth of the digits is moved */
    double step = line->step[level] = ldexp(unit, largest + LINE_START - (int)level);
    bool good = line_evaluate(line, step);
    line_contract(line, good, line->plus[level]);
    good = line_evaluate(line, -step);
    line_contract(line, good, line->minus[level]);
}

/* ---- extrapolation ------------------------------------------------------------------------------------------------------ */

/* The limit of three quotients at halving steps whose error falls by base with each; noise is that of the last. */
static check_quotient line_window(const double *q, double base, double noise)
{
    double before = q[1] - q[0], after = q[2] - q[1], large = fmax(fabs(before), fabs(after));
    if (!isfinite(before) || !isfinite(after)) return (check_quotient){NAN, INFINITY, 0};
    if (fabs(after) <= (base > 2 ? 0.5 : 0.75) * fabs(before)) {
        double once = q[2] + after / (base - 1), once_before = q[1] + before / (base - 1);
        double twice = once + (once - once_before) / (base * base - 1);
        return (check_quotient){twice, fabs(once - once_before) + fabs(after) / 16 + 4 * noise, 0};
    }
    double ratio = fabs(after) / large, error = 4 * large + 4 * noise;
    if (fabs(after) < 0.97 * fabs(before)) error = fmax(error, 2 * fabs(after) / (1 - ratio));
    if (fabs(after) >= 0.97 * fabs(before) && large > 4 * noise) error = fmax(error, fabs(q[2]));
    return (check_quotient){q[2], error, 0};
}

typedef enum line_side { LINE_MIDDLE, LINE_LEFT, LINE_RIGHT } line_side;

static double line_quotient(const check_line *line, size_t level, size_t k, line_side side)
{
    double plus = line->plus[level][k], minus = line->minus[level][k], h = line->step[level];
    return side == LINE_MIDDLE ? (plus - minus) / h / 2 : side == LINE_RIGHT ? plus / h : -minus / h;
}

/* Steps larger than those at the start count only where the function is seen to move: otherwise nothing says that it is
 * smooth on their scale. */
static bool line_counts(const check_line *line, size_t level, size_t k)
{
    if (level >= LINE_START + 2) return true;
    return fmax(fabs(line->plus[level][k]), fabs(line->minus[level][k])) > 16 * line->noise[k];
}

static check_quotient line_best(const check_line *line, size_t k, line_side side)
{
    check_quotient best = {NAN, INFINITY, 0};
    double hidden = line->hidden[k] / line->step[line->first];
    for (size_t i = line->first; i + 2 < line->last; i++) {
        double q[3], noise = line->noise[k] / line->step[i + 2];
        if (!line_counts(line, i + 2, k)) continue;
        for (size_t j = 0; j < 3; j++) q[j] = line_quotient(line, i + j, k, side);
        check_quotient w = line_window(q, side == LINE_MIDDLE ? 4 : 2, noise);
        w.level = i + 2;
        w.error += hidden;
        double apart = fabs(w.value - best.value);
        bool overrules = apart > w.error + best.error && w.error < apart / 4;
        if (w.error < best.error || overrules) best = w;
    }
    return best;
}

/* ---- where there is no slope ---------------------------------------------------------------------------------------------- */

/* The difference stays as large as it was while the step shrinks a thousandfold. */
static bool line_jumps(const check_line *line, const double (*difference)[FUNCTION_COTANGENTS], size_t k)
{
    if (line->last - line->first <= LINE_WITNESSES) return false;
    size_t fine = line->last - 1, coarse = fine - LINE_WITNESSES;
    double a = fabs(difference[coarse][k]), b = fabs(difference[fine][k]);
    return b > a / 2 && b > 16 * line->noise[k];
}

/* How the quotients move on, in one direction and by steps that shrink by less than ratio, as far as rounding lets one see;
 * the level at which that ends, or 0 when it is not seen often enough. */
static size_t line_creeps(const check_line *line, size_t k, line_side side, double ratio)
{
    size_t seen = 0, level = 0;
    double before = 0;
    for (size_t i = line->first + 1; i < line->last; i++) {
        double d = line_quotient(line, i, k, side) - line_quotient(line, i - 1, k, side);
        if (fabs(d) * line->step[i] <= 16 * line->noise[k]) break;
        seen = d * before > 0 && fabs(d) >= ratio * fabs(before) ? seen + 1 : 0;
        before = d;
        level = i;
    }
    return seen >= LINE_WITNESSES ? level : 0;
}

/* Steps that shrink slowly, of x^1.1 at 0 say, are not believed to be about to end. */
static check_quotient line_side_slope(const check_line *line, size_t k, line_side side, bool *grows)
{
    *grows = line_creeps(line, k, side, 0.97);
    size_t level = *grows ? 0 : line_creeps(line, k, side, 0.76);
    if (!level) return line_best(line, k, side);
    double q[3];
    for (size_t j = 0; j < 3; j++) q[j] = line_quotient(line, level - 2 + j, k, side);
    check_quotient w = line_window(q, 2, line->noise[k] / line->step[level]);
    w.level = level;
    return w;
}

static void line_slopes(check_line *line)
{
    line_rounding(line);
    for (size_t k = 0; k < FUNCTION_COTANGENTS; k++) {
        check_slope *s = &line->slope[k];
        bool grows;
        s->middle = line_side_slope(line, k, LINE_MIDDLE, &grows);
        s->left = line_side_slope(line, k, LINE_LEFT, &s->left_grows);
        s->right = line_side_slope(line, k, LINE_RIGHT, &s->right_grows);
        s->left_jumps = line_jumps(line, (const double(*)[FUNCTION_COTANGENTS])line->minus, k);
        s->right_jumps = line_jumps(line, (const double(*)[FUNCTION_COTANGENTS])line->plus, k);
    }
}

/* ---- outside ---------------------------------------------------------------------------------------------------------------- */

void check_line_open(check_line *line, check_subject *subject, const double *direction, size_t entry)
{
    line->subject = subject;
    line->direction = direction;
    line->entry = entry;
    line->first = line->last = LINE_START;
    memcpy(subject->run->moved, subject->run->x, subject->run->size * sizeof(double));
    memset(subject->run->touched, 0, subject->outputs);
    check_line_finer(line);
}

/* Steps end where they would no longer be exact, or the entry's own digits do. */
static size_t line_end(const check_line *line)
{
    const check_function *run = line->subject->run;
    int levels = run->fine == WG_F64 ? 40 : 16;
    if (line->direction) return LINE_START + (size_t)(levels - 10);
    double x = fabs(run->x[line->entry]), scale = run->scale[line->entry];
    int below = x < scale ? x > 0 ? ilogb(scale) - ilogb(x) : LINE_LEVELS : 0;
    size_t end = LINE_START + (size_t)(levels + below);
    return end < LINE_LEVELS ? end : LINE_LEVELS;
}

bool check_line_finer(check_line *line)
{
    size_t end = line_end(line);
    if (line->last >= end) return false;
    for (size_t i = 0; i < LINE_CHUNK && line->last < LINE_LEVELS; i++) line_level(line, line->last++);
    line_slopes(line);
    return true;
}

bool check_line_coarser(check_line *line)
{
    double unit = line->direction ? 1 : line->subject->run->scale[line->entry];
    if (line->first < LINE_CHUNK || line->step[line->first] * 16 > fmax(unit / 2, 0.125)) return false;
    for (size_t i = 0; i < LINE_CHUNK; i++) line_level(line, --line->first);
    line_slopes(line);
    return true;
}

/* Slopes of each output on both sides of the point at number sample beside it; sample 0 is the point itself. */
static void line_beside(check_line *line, size_t sample, double *left, double *right, double *error)
{
    check_subject *subject = line->subject;
    check_function *run = subject->run;
    size_t n = subject->outputs;
    bool doubles = run->fine == WG_F64;
    double aside = sample ? doubles ? 0x1p-20 : 0x1p-7 : 0, step = line->direction ? 1 : run->scale[line->entry];
    step *= doubles ? 0x1p-34 : 0x1p-15;
    check_memory memory = {0};
    double *x = check_take(&memory, run->size + 1, sizeof *x), *at = check_take(&memory, n + 1, sizeof *at);
    for (size_t i = 0; x && i < run->size; i++)
        x[i] = run->x[i] + aside * run->scale[i] * (2 * check_function_draw(run) - 1);
    bool good = x && at && check_subject_value(subject, x, at);
    for (int side = -1; side <= 1; side += 2)
        for (int half = 0; half < 2; half++) {
            double t = side * ldexp(step, -half), *to = side < 0 ? left : right;
            for (size_t i = 0; good && i < run->size; i++)
                run->moved[i] = x[i] + (line->direction ? t * line->direction[i] : i == line->entry ? t : 0);
            good = good && check_subject_value(subject, run->moved, run->result);
            for (size_t i = 0; i < n; i++) {
                double before = to[i];
                to[i] = good ? (run->result[i] - at[i]) / t : NAN;
                if (half) error[i] = fmax(error[i], fabs(to[i] - before) + 8 * subject->rounding[i] / fabs(t));
            }
        }
    memcpy(run->moved, run->x, run->size * sizeof *run->moved);
    check_release(&memory);
}

void check_line_between(check_line *line, double *low, double *high, double *error)
{
    check_subject *subject = line->subject;
    check_memory memory = {0};
    size_t n = subject->outputs;
    double *left = check_take(&memory, n + 1, sizeof *left), *right = check_take(&memory, n + 1, sizeof *right);
    double *least = check_take(&memory, n + 1, sizeof *least), *most = check_take(&memory, n + 1, sizeof *most);
    double *apart = check_take(&memory, n + 1, sizeof *apart);
    for (size_t i = 0; !memory.failed && i < n; i++) least[i] = INFINITY, most[i] = -INFINITY;
    for (size_t sample = 0; !memory.failed && sample < LINE_SAMPLES; sample++) {
        line_beside(line, sample, left, right, apart);
        for (size_t i = 0; i < n; i++) {
            least[i] = fmin(least[i], fmin(left[i], right[i]));
            most[i] = fmax(most[i], fmax(left[i], right[i]));
        }
    }
    for (size_t k = 0; k < FUNCTION_COTANGENTS; k++) {
        const double *c = subject->cotangents + k * n;
        low[k] = high[k] = error[k] = memory.failed ? NAN : 0;
        for (size_t i = 0; !memory.failed && i < n; i++) {
            if (c[i] == 0) continue;
            low[k] += c[i] > 0 ? c[i] * least[i] : c[i] * most[i];
            high[k] += c[i] > 0 ? c[i] * most[i] : c[i] * least[i];
            error[k] += fabs(c[i]) * apart[i];
        }
    }
    check_release(&memory);
}
