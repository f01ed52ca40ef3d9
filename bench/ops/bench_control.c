/* Ops that change a gradient on its way beside plain loops. Going forward they are views: the plain loops copy. */
#include "support/bench.h"
#include "support/compare.h"

#include <math.h>

enum { MANY = 1 << 18 };

BENCH_OP(detach, wg_detach(in[0]))
BENCH_OP(scale, wg_scale_gradient(in[0], -.5))
BENCH_OP(clip, wg_clip_gradient(in[0], -.25, .25))
BENCH_OP(clip_norm, wg_clip_gradient_norm(in[0], 1))
BENCH_OP(straight_through, wg_straight_through(in[0], in[1]))

BENCH_LOOP(copy)
{
    for (size_t i = 0; i < MANY; i++) y[i] = x[i];
}

BENCH_SWEEP(scale)
{
    for (size_t i = 0; i < MANY; i++) dx[i] += -.5f * g[i];
}

BENCH_SWEEP(clip)
{
    for (size_t i = 0; i < MANY; i++) dx[i] += g[i] < -.25f ? -.25f : g[i] > .25f ? .25f : g[i];
}

BENCH_SWEEP(clip_norm)
{
    double squares = 0;
    for (size_t i = 0; i < MANY; i++) squares += (double)g[i] * (double)g[i];
    float factor = squares > 1 ? (float)(1 / sqrt(squares)) : 1;
    for (size_t i = 0; i < MANY; i++) dx[i] += factor * g[i];
}

/* The gradient goes to the second input alone. */
BENCH_SWEEP(straight_through)
{
    for (size_t i = 0; i < MANY; i++) dx[MANY + i] += g[i];
}

/* The sweep is not the derivative of the value: it is held to the plain one alone. */
#define CASE(word)                                                                                                     \
    .shape = {1, {MANY}}, .apply = op_##word, .plain = loop_copy, .plain_sweep = sweep_##word, .jumps = true
static const bench_comparison cases[] = {
    {.name = "detach (262144)", .shape = {1, {MANY}}, .apply = op_detach, .plain = loop_copy, .constant = true},
    {.name = "scale_gradient (262144)", CASE(scale)},
    {.name = "clip_gradient (262144)", CASE(clip)},
    {.name = "clip_gradient_norm (262144)", CASE(clip_norm)},
    {.name = "straight_through (262144)", CASE(straight_through), .more = {{1, {MANY}}}},
};

int main(int argc, char **argv)
{
    bench_open("control", argc, argv);
    BENCH_COMPARE("control", cases);
    return bench_close();
}
