/* Two gradients agree when the norm of their difference is small beside the norm of the one derived by hand. Element by
 * element would ask too much where an element nearly cancels; an absolute bound would ask nothing of a small gradient. */
#include "agree.h"

#include <math.h>

double agree_tolerance(wg_dtype dtype) { return dtype == WG_F64 ? 1e-12 : 1e-5; }

static double ratio(double difference_squared, double hand_squared)
{
    return hand_squared == 0 ? sqrt(difference_squared) : sqrt(difference_squared / hand_squared);
}

double agree_difference(const model *net, const pass *p, const hand_net *hand, hand_array which)
{
    double difference_squared = 0, hand_squared = 0;
    size_t count = hand_count(hand, which);
    if (wg_size(model_var(net, p, which)) != count) return NAN;
    for (size_t i = 0; i < count; i++) {
        double h = hand_at(hand, which, i), d = model_at(net, p, which, i) - h;
        difference_squared += d * d;
        hand_squared += h * h;
    }
    return ratio(difference_squared, hand_squared);
}

double agree_arrays(const double *tape, const double *hand, size_t count)
{
    double difference_squared = 0, hand_squared = 0;
    for (size_t i = 0; i < count; i++) {
        difference_squared += (tape[i] - hand[i]) * (tape[i] - hand[i]);
        hand_squared += hand[i] * hand[i];
    }
    return ratio(difference_squared, hand_squared);
}

const char *agree(tally *t, double difference, double tolerance)
{
    bool good = difference <= tolerance; /* false for NaN */
    t->compared++;
    if (!good) t->differed++;
    return good ? "ok" : "DIFFERS";
}
