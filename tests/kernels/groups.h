/* What tests of kernels along the middle axis of (outer, n, inner) share: arrays of both types, and shapes that cross every
 * boundary of the methods, the width of a piece of columns, the blocks of a sum, and the tree above them. */
#ifndef TESTS_KERNELS_GROUPS_H
#define TESTS_KERNELS_GROUPS_H

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

enum { MOST = 40000 };
static float x32[MOST], g32[MOST], y32[MOST], out32[MOST];
static double x64[MOST], g64[MOST], y64[MOST], out64[MOST], expected[MOST];

static uint64_t random_state = 1;
static double random_real(void) /* a float, in [-1, 1) */
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (double)(random_state >> 40) / 8388608.0 - 1;
}

static void draw(size_t n)
{
    for (size_t i = 0; i < n; i++) {
        x64[i] = 4 * random_real();
        g64[i] = random_real();
        x32[i] = (float)x64[i];
        g32[i] = (float)g64[i];
    }
}

static void near(const char *what, const size_t *shape, size_t n, double magnitude)
{
    for (size_t i = 0; i < n; i++) {
        double wide = fabs(out64[i] - expected[i]), narrow = fabs((double)out32[i] - expected[i]);
        if (!(wide <= 16 * DBL_EPSILON * magnitude && narrow <= 16 * (double)FLT_EPSILON * magnitude))
            fail_msg("%s (%zu,%zu,%zu), element %zu: %.17g and %.9g, expected %.17g", what, shape[0], shape[1],
                shape[2], i, out64[i], (double)out32[i], expected[i]);
    }
}

/* (outer, n, inner): calls f for each group, its elements being x[at], x[at + inner], ... */
#define GROUPS(s, at)                                                                                                  \
    for (size_t o_ = 0; o_ < (s)[0]; o_++)                                                                             \
        for (size_t i_ = 0, at = o_ * (s)[1] * (s)[2]; i_ < (s)[2]; i_++, at++)

static const size_t shapes[][3] = {{1, 1, 1}, {3, 1, 1}, {1, 2, 1}, {5, 10, 1}, {9, 16, 1}, {9, 17, 1}, {7, 63, 1},
    {7, 64, 1}, {7, 65, 1}, {3, 128, 1}, {3, 129, 1}, {20, 131, 1}, {2, 1024, 1}, {2, 1025, 1}, {1, 2049, 1},
    {1, 10007, 1}, {2, 3, 2}, {3, 5, 7}, {2, 33, 16}, {2, 40, 63}, {2, 17, 64}, {2, 17, 65}, {1, 5, 127}, {2, 9, 128},
    {1, 18, 129}, {1, 33, 300}, {2, 300, 33}, {1, 3000, 3}, {0, 3, 2}, {2, 3, 0}};
enum { SHAPES = sizeof shapes / sizeof *shapes };

#endif
