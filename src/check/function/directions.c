/* Random directions: one slope sees every entry at once. Where it fails, the direction is restricted to one input, to one
 * half of it, to the half of that, down to an entry; and to slabs along each axis, which gives the box of what is wrong. */
#include "check/function/function.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- Taylor --------------------------------------------------------------------------------------------------------- */

static int directions_compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void check_directions_rate(const check_line *line)
{
    const check_subject *subject = line->subject;
    double *report = &subject->run->report->rate[subject->order - 1], slope = 0, rates[LINE_LEVELS];
    size_t count = 0, n = subject->run->size;
    bool rest = false;
    for (size_t i = 0; i < n; i++)
        if (line->direction[i] != 0) slope += line->direction[i] * subject->gradient[0][i];
    double slack = check_rounding_slack(subject, 0, line->direction, 0);
    for (size_t i = line->first; i + 1 < line->last; i++) {
        double a = fabs(line->plus[i][0] - line->step[i] * slope);
        double b = fabs(line->plus[i + 1][0] - line->step[i + 1] * slope);
        double floor = 16 * (line->noise[0] + line->step[i + 1] * slack);
        rest = rest || !(a <= floor);
        if (a > floor && b > floor && isfinite(a)) rates[count++] = log2(a / b);
        if (count == 6) break;
    }
    double rate = rest ? NAN : INFINITY;
    if (count) {
        qsort(rates, count, sizeof *rates, directions_compare);
        rate = rates[count / 2];
    }
    if (isnan(*report) || rate < *report) *report = rate;
}

/* ---- directions ------------------------------------------------------------------------------------------------------- */

/* Each entry by its own size times 1/2, 5/8, 3/4, 7/8 or 1 of random sign, so that steps are exact; where even, entries whose
 * part in the slope is above the median are held down to about that, but not by more than 1024, so that quiet ones are heard. */
static wg_status directions_draw(const check_subject *subject, bool even, double *direction)
{
    check_function *run = subject->run;
    check_memory memory = {0};
    double *parts = check_take(&memory, run->size, sizeof *parts), median = 0;
    if (!parts) return WG_ERROR_MEMORY;
    if (even) {
        for (size_t i = 0; i < run->size; i++) parts[i] = fabs(subject->gradient[0][i]) * run->fine_scale[i];
        for (size_t i = 0; i < run->size; i++)
            if (!isfinite(parts[i])) parts[i] = 0;
        qsort(parts, run->size, sizeof *parts, directions_compare);
        median = parts[run->size / 2];
    }
    for (size_t i = 0; i < run->size; i++) {
        double size = run->fine_scale[i], part = fabs(subject->gradient[0][i]) * size;
        if (even && median > 0 && part > median) size = ldexp(size, part < median * 1024 ? -ilogb(part / median) : -10);
        double v = size * (4 + floor(5 * check_function_draw(run))) / 8;
        direction[i] = check_function_draw(run) < 0.5 ? v : -v;
    }
    check_release(&memory);
    return WG_OK;
}

static size_t directions_count(const check_function *run)
{
    if (run->options.directions) return run->options.directions;
    return run->size * 8 <= run->options.evaluations ? 4 : 12;
}

/* ---- from a direction to entries ---------------------------------------------------------------------------------------- */

typedef struct directions_search {
    check_subject *subject;
    const double *direction;
    double *part;
    wg_status status;
} directions_search;

/* Entries [begin, end) with low <= index along axis <= high; axis SIZE_MAX: any. */
static bool directions_fails(
    directions_search *search, size_t begin, size_t end, size_t axis, size_t low, size_t high, check_finding *finding)
{
    check_function *run = search->subject->run;
    size_t index[WG_MAX_RANK];
    for (size_t i = 0; i < run->size; i++) {
        bool in = i >= begin && i < end;
        if (in && axis != SIZE_MAX) {
            check_function_place(run, i, index);
            in = index[axis] >= low && index[axis] <= high;
        }
        search->part[i] = in ? search->direction[i] : 0;
    }
    run->deep = 0; /* the whole direction was followed to its end */
    if (search->status == WG_OK) search->status = check_entries_judge(search->subject, search->part, 0, finding);
    return search->status == WG_OK && finding->outcome == OUTCOME_WRONG;
}

/* The first and last index along an axis of what fails. */
static void directions_box(
    directions_search *search, const check_argument *input, size_t axis, size_t *first, size_t *last)
{
    check_finding f;
    size_t begin = input->begin, end = begin + input->size, low = 0, high = input->shape.dim[axis] - 1, far = high;
    while (low < high) { /* the least high for which 0 ... high fails */
        size_t middle = low + (high - low) / 2;
        if (directions_fails(search, begin, end, axis, 0, middle, &f))
            high = middle;
        else
            low = middle + 1;
    }
    *first = high;
    for (high = far; low < high;) { /* the most low for which low ... far fails */
        size_t middle = high - (high - low) / 2;
        if (directions_fails(search, begin, end, axis, middle, far, &f))
            low = middle;
        else
            high = middle - 1;
    }
    *last = low;
}

/* An entry that is wrong, by halves that fail. */
static size_t directions_entry(directions_search *search, size_t begin, size_t end)
{
    check_finding f;
    while (end - begin > 1) {
        size_t middle = begin + (end - begin) / 2;
        if (directions_fails(search, begin, middle, SIZE_MAX, 0, 0, &f))
            end = middle;
        else
            begin = middle;
    }
    return begin;
}

static bool directions_within(size_t (*box)[WG_MAX_RANK], const size_t *index, size_t rank)
{
    for (size_t k = 0; k < rank; k++)
        if (index[k] < box[0][k] || index[k] > box[1][k]) return false;
    return true;
}

/* The box of one input, and its entries where they are not too many. */
static wg_status directions_input(directions_search *search, size_t number)
{
    check_subject *subject = search->subject;
    check_function *run = subject->run;
    const check_argument *input = &run->inputs[number];
    size_t box[2][WG_MAX_RANK] = {{0}}, index[WG_MAX_RANK], inside = 1, wrong = run->report->wrong;
    size_t entry = directions_entry(search, input->begin, input->begin + input->size);
    for (size_t k = 0; k < input->shape.rank; k++) {
        directions_box(search, input, k, &box[0][k], &box[1][k]);
        inside *= box[1][k] - box[0][k] + 1;
    }
    if (search->status != WG_OK) return search->status;
    check_memory memory = {0};
    bool *among = check_take(&memory, run->size, sizeof *among);
    if (!among) return WG_ERROR_MEMORY;
    for (size_t i = 0; i < input->size; i++) {
        check_function_place(run, input->begin + i, index);
        among[input->begin + i] =
            inside * 8 <= run->options.evaluations && directions_within(box, index, input->shape.rank);
    }
    among[entry] = true;
    run->deep = 64;
    wg_status status = check_entries_all(subject, among);
    check_release(&memory);
    if (run->report->wrong > wrong && inside * 8 > run->options.evaluations)
        memcpy(run->boxes[number], box, sizeof box);
    return status;
}

static wg_status directions_locate(check_subject *subject, const double *direction)
{
    check_function *run = subject->run;
    check_memory memory = {0};
    directions_search search = {subject, direction, check_take(&memory, run->size, sizeof(double)), WG_OK};
    if (!search.part) return WG_ERROR_MEMORY;
    wg_status status = WG_OK;
    for (size_t i = 0; i < run->n && status == WG_OK; i++) {
        const check_argument *input = &run->inputs[i];
        check_finding f;
        if (input->fixed || !input->size) continue;
        if (directions_fails(&search, input->begin, input->begin + input->size, SIZE_MAX, 0, 0, &f))
            status = directions_input(&search, i);
        if (search.status != WG_OK) status = search.status;
    }
    check_release(&memory);
    return status;
}

/* ---- outside ------------------------------------------------------------------------------------------------------------------ */

static wg_status directions_run(check_subject *subject, bool locate, check_finding *worst)
{
    check_function *run = subject->run;
    check_memory memory = {0};
    double *direction = check_take(&memory, run->size, sizeof *direction);
    wg_status status = direction ? WG_OK : WG_ERROR_MEMORY;
    *worst = (check_finding){.outcome = OUTCOME_RIGHT};
    for (size_t i = 0; i < directions_count(run) && status == WG_OK; i++) {
        check_finding f;
        status = directions_draw(subject, i & 1, direction);
        if (status == WG_OK) status = check_entries_judge(subject, direction, 0, &f);
        if (status != WG_OK) break;
        bool kink = worst->kink || f.kink, blind = worst->blind || f.blind;
        if (f.outcome > worst->outcome || (f.outcome == worst->outcome && f.excess > worst->excess)) *worst = f;
        worst->kink = kink;
        worst->blind = blind;
        if (f.outcome != OUTCOME_WRONG || !locate) continue;
        status = directions_locate(subject, direction);
        break;
    }
    check_release(&memory);
    return status;
}

wg_status check_directions(check_subject *subject, check_finding *worst)
{
    return directions_run(subject, false, worst);
}

wg_status check_directions_locate(check_subject *subject, check_finding *worst)
{
    return directions_run(subject, true, worst);
}
