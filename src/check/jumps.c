/* Where rounding changes which way a computation goes. A value that is next to a kink, such as an input of relu near 0, may be
 * on the other side of it in the caller's precision, and then the slope there is the other one: of thousands of values in half
 * precision some are. What depends on them differs by much more than rounding, and is right all the same.
 *
 * The forward and the sweep are run with noise of the size of the caller's rounding, some times over, and with the same noise
 * made so small that it passes no kink. What does not shrink with it is a jump, and by as much an entry may differ. */
#include "check/mistakes/numbers.h"
#include "check/run.h"

#include <math.h>
#include <string.h>

#define JUMPS_SAMPLES 16

/* Of the caller's rounding: kinks that are further away than some of its units are seldom passed by it. */
static const double jumps_units = 4;
static const double jumps_small = 0x1p-40;
/* The largest jump of so many samples may not be the largest that there is. */
static const double jumps_margin = 1.5;

static bool jumps_has_kinks(const wg_check *check)
{
    static const char *const kinds[] = {"relu", "relu6", "leaky_relu", "prelu", "abs", "clamp", "hardtanh",
        "hardsigmoid", "hardswish", "hardshrink", "softshrink", "threshold", "selu", "elu", "maximum", "minimum",
        "fmax", "fmin", "max", "min", "max_pool1d", "max_pool2d", "max_pool3d", "huber", "ranked", "argsort", "argmax",
        "argmin", "cummax", "cummin", "sign", "floor", "ceil", "round", "trunc", "heaviside", "less", "less_equal",
        "greater", "greater_equal", "remainder", "fmod", "floor_divide", "frac"};
    for (size_t i = 0; i < check->model.count; i++) {
        wg_node_info info;
        if (wg_node_read(check->model.nodes[i].var, &info) != WG_OK) return false;
        if (check_is_among(&info, kinds, sizeof kinds / sizeof *kinds)) return true;
    }
    return false;
}

/* The unit of the coarsest numbers that were supplied; 0: they are doubles, which hardly ever go another way. */
static double jumps_unit(const wg_check *check)
{
    double unit = 0;
    for (size_t k = 0; k < check->count; k++) {
        double here = ldexp(1, -(int)check->supplied[k].carries);
        if (check->supplied[k].carries < 53 && here > unit) unit = here;
    }
    return unit;
}

/* Small noise, times the ratio of steps, is what large noise does without jumps, but for its square. */
static void jumps_of_sample(wg_check *check, double unit, const double *large, const double *small)
{
    double ratio = jumps_units * unit / jumps_small;
    for (size_t k = 0; k < check->count; k++) {
        check_supplied *s = &check->supplied[k];
        for (size_t i = 0; i < s->wanted; i++, large++, small++) {
            double moved = fabs(*large - s->exact[i] - ratio * (*small - s->exact[i]));
            if (!isfinite(moved) || moved <= unit * (s->noise[i] + fabs(s->exact[i]))) continue;
            s->jump[i] = fmax(s->jump[i], jumps_margin * moved);
        }
    }
}

/* Gradients that are right but for jumps are right. Those that are wrong all the same are explained without: with room for
 * jumps in many entries, names would fit that are not the mistake. */
static void jumps_judge(wg_check *check)
{
    for (size_t k = 0; k < check->count; k++) {
        check_supplied *s = &check->supplied[k];
        bool fits = check_judge(check, s, s->exact).fits;
        if (!fits)
            for (size_t i = 0; i < s->wanted; i++) s->jump[i] = 0;
        if (s->right || !fits) continue;
        s->right = s->rounded = true;
        s->fault = s->own = false;
    }
}

wg_status check_jumps(wg_check *check)
{
    double unit = jumps_unit(check);
    size_t total = 0;
    for (size_t k = 0; k < check->count; k++) total += check->supplied[k].wanted;
    if (unit == 0 || !jumps_has_kinks(check)) return WG_OK;
    check_memory memory = {0};
    double *large = check_take(&memory, total, sizeof *large), *small = check_take(&memory, total, sizeof *small);
    wg_status status = large && small ? WG_OK : WG_ERROR_MEMORY;
    for (uint64_t sample = 1; sample <= JUMPS_SAMPLES && status == WG_OK; sample++) {
        status = check_noise_run(check, jumps_units * unit, sample, large);
        if (status == WG_OK) status = check_noise_run(check, jumps_small, sample, small);
        if (status == WG_OK) jumps_of_sample(check, unit, large, small);
    }
    check_release(&memory);
    if (status == WG_OK) jumps_judge(check);
    return status;
}
