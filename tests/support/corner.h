/* Words for tables of corners: EXPECT(BINARY(wg_pow), 3, AT(0, 1), 0, 3, 0) is the op, the cotangent, the point, the value
 * and the slopes. */
#ifndef WG_TESTS_SUPPORT_CORNER_H
#define WG_TESTS_SUPPORT_CORNER_H

#include "support/point.h"

#include <math.h>

#define INF  ((double)INFINITY)
#define NONE ((double)NAN)
#define EXPECT(op, g, inputs, ...)                                                                                     \
    point_expect(                                                                                                      \
        &(const row)op, sizeof((double[])inputs) / sizeof(double), (double[])inputs, g, (double[]){__VA_ARGS__})
#define SLOPES(op, g, ieee_zero, inputs, ...)                                                                          \
    point_expect_slopes(&(const row)op, sizeof((double[])inputs) / sizeof(double), (double[])inputs, g, ieee_zero,     \
        (double[]){__VA_ARGS__})
/* SLOPES leaves the value out and says whether zeros are IEEE's. */
#define UNARY(function)                                                                                                \
    {                                                                                                                  \
        .name = #function, .unary = function                                                                           \
    }
#define BINARY(function)                                                                                               \
    {                                                                                                                  \
        .name = #function, .binary = function                                                                          \
    }
#define TERNARY(function)                                                                                              \
    {                                                                                                                  \
        .name = #function, .ternary = function                                                                         \
    }
#define WITH(function, p)                                                                                              \
    {                                                                                                                  \
        .name = #function, .with_parameter = function, .parameters = { p }                                             \
    }
#define WITH_TWO(function, p, q)                                                                                       \
    {                                                                                                                  \
        .name = #function, .with_parameters = function, .parameters = { p, q }                                         \
    }
#define AT(...)                                                                                                        \
    {                                                                                                                  \
        __VA_ARGS__                                                                                                    \
    }

#endif
