/* Is an array what it should be? An entry may differ by what rounding explains: the unit of the precision in which the
 * numbers came, times what one unit does to that entry (noise.c). Comparisons are written so that a NaN is never right. */
#include "check/run.h"

#include <float.h>
#include <math.h>

/* Rounding errors add up at random: the measured response is their root mean square, and the largest of n normal errors
 * stays below so many of them: sqrt(2 ln n) is where it is expected, the rest makes an exception unlikely. */
static double judge_spread(size_t n) { return 3.5 + sqrt(2 * log((double)n + 1)); }

/* ---- precision ---------------------------------------------------------------------------------------------------------- */

/* The number of significant bits of a number: 1 for 2, 2 for 3 and 24. */
static unsigned judge_significant(double x)
{
    int exponent;
    double fraction = fabs(frexp(x, &exponent));
    unsigned bits = 0;
    for (; fraction != 0 && bits < 53; bits++) {
        fraction *= 2;
        fraction -= floor(fraction);
    }
    return bits;
}

/* Numbers that were rounded to fewer bits than their type has carry only those: at least a few use all of them, and none
 * more. Small integers, say, prove nothing. */
static unsigned judge_carries(const check_supplied *s, size_t all[54])
{
    size_t count[54] = {0};
    unsigned most = 0;
    for (size_t i = 0; i < s->size; i++) {
        if (!isfinite(s->numbers[i])) continue;
        unsigned bits = judge_significant(s->numbers[i]);
        count[bits]++;
        if (bits > most) most = bits;
    }
    for (unsigned bits = 0; bits < 54; bits++) all[bits] += count[bits];
    return most;
}

void check_precisions(wg_check *check)
{
    static const unsigned formats[] = {8, 11, 24};
    size_t all[3] = {0}; /* numbers that use the last two bits of a format, in arrays that use no more */
    for (size_t k = 0; k < check->count; k++) {
        size_t count[54] = {0};
        check_supplied *s = &check->supplied[k];
        s->carries = judge_carries(s, count);
        for (size_t f = 0; f < 3; f++)
            if (s->carries <= formats[f]) all[f] += count[formats[f]] + count[formats[f] - 1];
    }
    for (size_t k = 0; k < check->count; k++) {
        check_supplied *s = &check->supplied[k];
        unsigned uses = s->carries;
        s->carries = s->bits;
        for (size_t f = 3; f-- > 0;)
            if (uses <= formats[f] && all[f] >= 6 && formats[f] < s->carries) s->carries = formats[f];
    }
}

double check_unit(const wg_check *check, const check_supplied *s)
{
    return check->tolerance > 0 ? check->tolerance : ldexp(1, -(int)s->carries);
}

double check_least(const check_supplied *s)
{
    switch (s->bits) {
    case 11:
        return 0x1p-22;
    case 8:
    case 24:
        return (double)FLT_MIN;
    default:
        return DBL_MIN;
    }
}

double check_floor(const wg_check *check, const check_supplied *s, size_t i, double expected, double ratio)
{
    double noise = s->noise[i], unit = check_unit(check, s);
    if (expected != s->exact[i]) noise = ratio * (noise > s->noise_rms ? noise : s->noise_rms);
    double least = check_least(s) + s->jump[i];
    if (check->tolerance > 0) return unit * (noise + fabs(expected)) + least;
    return unit * (judge_spread(s->wanted) * noise + 2 * fabs(expected)) + least;
}

bool check_close(const wg_check *check, const check_supplied *s, size_t i, double expected, double ratio)
{
    double floor = check_floor(check, s, i, expected, ratio);
    return s->numbers[i] == expected || (isfinite(floor) && fabs(s->numbers[i] - expected) <= floor);
}

/* A floor is where the largest of many errors stays; nearly all of them are far below, so that their mean square, in units of
 * floors, is some hundredths. Of few it may be more. What a caller tolerates may be anything. */
bool check_like_rounding(const wg_check *check, double misfit, size_t n)
{
    return check->tolerance > 0 || misfit <= ((double)n + 4) / 16;
}

/* ---- judging ------------------------------------------------------------------------------------------------------------ */

typedef double (*judge_expected)(const check_supplied *s, size_t i);

static double judge_plain(const check_supplied *s, size_t i) { return s->expected[i]; }
static double judge_moved(const check_supplied *s, size_t i) { return s->expected[i] + s->moved[i]; }
static double judge_exact(const check_supplied *s, size_t i) { return s->exact[i]; }

/* How much larger what is expected is than what is right: so much larger is its noise. */
static double judge_ratio(const check_supplied *s, judge_expected expected)
{
    double squares = 0;
    for (size_t i = 0; i < s->wanted; i++) squares += expected(s, i) * expected(s, i);
    double rms = s->wanted ? sqrt(squares / (double)s->wanted) : 0;
    return s->exact_rms > 0 ? rms / s->exact_rms : 1;
}

/* What is expected after a change is a sum, whose terms may be much larger than it and have a rounding each. */
static double judge_own_error(const check_supplied *s, size_t i)
{
    return judge_spread(s->wanted) * DBL_EPSILON * (fabs(s->expected[i]) + fabs(s->moved[i]) + s->noise[i]);
}

static check_judgement judge(const wg_check *check, const check_supplied *s, judge_expected expected)
{
    check_judgement result = {.fits = s->fits};
    if (!s->fits) {
        result.wrong = s->size;
        result.misfit = result.squares = INFINITY;
        return result;
    }
    double ratio = judge_ratio(s, expected), largest = -1;
    result.ratio = ratio;
    for (size_t i = 0; i < s->wanted; i++) {
        double e = expected(s, i), difference = s->numbers[i] - e, floor = check_floor(check, s, i, e, ratio);
        if (expected == judge_moved) floor += judge_own_error(s, i);
        double share = fabs(difference) / floor;
        bool within = s->numbers[i] == e || (isfinite(floor) && fabs(difference) <= floor);
        if (s->numbers[i] == e) share = difference = 0; /* infinities, too */
        result.fits = result.fits && within;
        result.wrong += !within;
        if (!(share <= largest)) {
            largest = isnan(share) ? INFINITY : share;
            result.worst = i;
        }
        result.misfit += share * share;
        result.squares += difference * difference;
    }
    return result;
}

check_judgement check_judge(const wg_check *check, const check_supplied *s, const double *expected)
{
    return judge(check, s, expected == s->exact ? judge_exact : judge_plain);
}

check_judgement check_judge_moved(const wg_check *check, const check_supplied *s)
{
    return judge(check, s, judge_moved);
}
