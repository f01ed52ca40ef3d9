/* Slopes along a line through the point, from differences at steps that halve: from the middle, from the left and from
 * the right, each extrapolated over three steps and with an estimate of its error.
 *
 * After C. J. F. Ridders, Accurate computation of F'(x) and F'(x) F''(x), Advances in Engineering Software 4, 1982: the
 * table's last corrections tell how far it can be trusted; large steps are spoilt by curvature, small ones by rounding, and
 * between them is a best window. Two things are added. Where quotients do not converge as a smooth function's would, no
 * extrapolation is believed; the error is then what a geometric tail leaves. And a finer window overrules a coarser one
 * for as long as rounding is not most of its error, and beyond where the two contradict each other: a kink, or a wave
 * shorter than the step, can make the coarser agree with itself on a slope that is not there. */
#include "check/function.h"

#include <math.h>
#include <string.h>

enum { LINE_START = 32, LINE_CHUNK = 4, LINE_WITNESSES = 10 };

/* ---- the function along a line ----------------------------------------------------------------------------------------- */

/* Contracted differences to the value at the point. The rounding in them is that of the outputs that the line moves. */
static void line_contract(check_line *line, bool good, double *difference)
{
    const check_subject *subject = line->subject;
    check_function *run = subject->run;
    for (size_t k = 0; k < FUNCTION_COTANGENTS; k++) difference[k] = good ? 0 : NAN;
    for (size_t i = 0; good && i < subject->outputs; i++) {
        double change = run->result[i] - subject->value[i];
        if (change == 0) continue;
        for (size_t k = 0; k < FUNCTION_COTANGENTS; k++) {
            double c = subject->cotangents[k * subject->outputs + i], r = c * subject->rounding[i];
            if (c == 0) continue;
            difference[k] += c * change;
            if (!run->touched[i]) line->noise[k] = sqrt(line->noise[k] * line->noise[k] + 2 * r * r);
        }
        run->touched[i] = true;
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

static check_quotient line_best(const check_line *line, size_t k, line_side side)
{
    check_quotient best = {NAN, INFINITY, 0};
    for (size_t i = line->first; i + 2 < line->last; i++) {
        double q[3], noise = line->noise[k] / line->step[i + 2];
        for (size_t j = 0; j < 3; j++) q[j] = line_quotient(line, i + j, k, side);
        check_quotient w = line_window(q, side == LINE_MIDDLE ? 4 : 2, noise);
        w.level = i + 2;
        double apart = fabs(w.value - best.value);
        bool overrules = apart > w.error + best.error && w.error < apart / 4, rounding = w.error <= 16 * noise;
        if (w.error < best.error || overrules || (!rounding && isfinite(w.error))) best = w;
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

/* The quotients move on, in one direction, by steps that do not shrink, as far as rounding lets one see. */
static bool line_grows(const check_line *line, size_t k, line_side side)
{
    size_t seen = 0;
    double before = 0;
    for (size_t i = line->first + 1; i < line->last; i++) {
        double d = line_quotient(line, i, k, side) - line_quotient(line, i - 1, k, side);
        if (fabs(d) * line->step[i] <= 16 * line->noise[k]) break;
        seen = d * before > 0 && fabs(d) >= 0.97 * fabs(before) ? seen + 1 : 0;
        before = d;
    }
    return seen >= LINE_WITNESSES;
}

static void line_slopes(check_line *line)
{
    for (size_t k = 0; k < FUNCTION_COTANGENTS; k++) {
        check_slope *s = &line->slope[k];
        s->middle = line_best(line, k, LINE_MIDDLE);
        s->left = line_best(line, k, LINE_LEFT);
        s->right = line_best(line, k, LINE_RIGHT);
        s->left_jumps = line_jumps(line, (const double(*)[FUNCTION_COTANGENTS])line->minus, k);
        s->right_jumps = line_jumps(line, (const double(*)[FUNCTION_COTANGENTS])line->plus, k);
        s->left_grows = !s->left_jumps && line_grows(line, k, LINE_LEFT);
        s->right_grows = !s->right_jumps && line_grows(line, k, LINE_RIGHT);
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
    for (size_t k = 0; k < FUNCTION_COTANGENTS; k++) line->noise[k] = 0;
    check_line_finer(line);
}

bool check_line_finer(check_line *line)
{
    size_t end = LINE_START + (line->subject->run->fine == WG_F64 ? 36 : 16);
    if (line->last >= end) return false;
    for (size_t i = 0; i < LINE_CHUNK; i++) line_level(line, line->last++);
    line_slopes(line);
    return true;
}

bool check_line_coarser(check_line *line)
{
    if (line->first <= LINE_START / 8) return false;
    for (size_t i = 0; i < LINE_CHUNK; i++) line_level(line, --line->first);
    line_slopes(line);
    return true;
}

void check_line_between(check_line *line, double *low, double *high)
{
    check_subject *subject = line->subject;
    check_function *run = subject->run;
    check_memory memory = {0};
    double *side[2][2]; /* left and right, at a step and at half of it */
    size_t level =
        line->slope[0].left.level > line->slope[0].right.level ? line->slope[0].left.level : line->slope[0].right.level;
    for (size_t i = 0; i < 4; i++) {
        double step = ldexp(i & 1 ? line->step[level] / 2 : line->step[level], 0), t = i & 2 ? step : -step;
        double *to = side[i >> 1][i & 1] = check_take(&memory, subject->outputs + 1, sizeof *to);
        bool good = to && line_evaluate(line, t);
        for (size_t o = 0; to && o < subject->outputs; o++)
            to[o] = good ? (run->result[o] - subject->value[o]) / t : NAN;
    }
    for (size_t k = 0; k < FUNCTION_COTANGENTS; k++) {
        const double *c = subject->cotangents + k * subject->outputs;
        low[k] = high[k] = memory.failed ? NAN : 0;
        for (size_t o = 0; !memory.failed && o < subject->outputs; o++) {
            if (c[o] == 0) continue;
            double left = c[o] * (2 * side[0][1][o] - side[0][0][o]),
                   right = c[o] * (2 * side[1][1][o] - side[1][0][o]);
            double error = fabs(c[o]) * (fabs(side[0][1][o] - side[0][0][o]) + fabs(side[1][1][o] - side[1][0][o]));
            low[k] += fmin(left, right) - error;
            high[k] += fmax(left, right) + error;
        }
    }
    check_release(&memory);
}
