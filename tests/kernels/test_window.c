/* Windows as columns and planes convolved in place, for every instruction set that the machine has, against their
 * definition. Elements are small integers, so every order of summation gives the same numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "kernels/depthwise.h"
#include "kernels/im2col.h"

enum { CHANNELS = 2 };

static uint64_t random_state = 1;

static size_t random_below(size_t n)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (size_t)(random_state >> 33) % n;
}

/* A window whose kernel fits into the padded input; now and then one that leaves the extents as they are. */
static wg_kernel_window random_window(void)
{
    wg_kernel_window w;
    bool same = random_below(3) == 0;
    for (size_t d = 0; d < 3; d++) {
        w.kernel[d] = 1 + random_below(3);
        w.dilation[d] = 1 + random_below(2);
        w.stride[d] = same || random_below(2) ? 1 : 1 + random_below(3);
        size_t reach = (w.kernel[d] - 1) * w.dilation[d] + 1;
        w.padding[d] = same ? (reach - 1) / 2 : random_below(4);
        w.in[d] = 1 + random_below(d == 2 ? 40 : 5);
        if (w.in[d] + 2 * w.padding[d] < reach) w.in[d] = reach;
        w.out[d] = (w.in[d] + 2 * w.padding[d] - reach) / w.stride[d] + 1;
    }
    return w;
}

/* The input that output p sees through a tap, both row-major; false where that is padding. */
static bool sees(const wg_kernel_window *w, size_t p, size_t tap, size_t *q)
{
    size_t places[3];
    for (size_t d = 3; d-- > 0; p /= w->out[d], tap /= w->kernel[d]) {
        size_t at = p % w->out[d] * w->stride[d] + tap % w->kernel[d] * w->dilation[d];
        if (at < w->padding[d] || at - w->padding[d] >= w->in[d]) return false;
        places[d] = at - w->padding[d];
    }
    *q = (places[0] * w->in[1] + places[1]) * w->in[2] + places[2];
    return true;
}

#define TYPE f32
#define REAL float
#include "window_cases.inc"
#undef TYPE
#undef REAL
#define TYPE f64
#define REAL double
#include "window_cases.inc"
#undef TYPE
#undef REAL

static void test_columns(void **state)
{
    (void)state;
    for (int isa = WG_ISA_BASELINE; isa <= (int)wg_kernel_isa(); isa++)
        for (int i = 0; i < 150; i++) {
            columns_f32((wg_isa)isa);
            columns_f64((wg_isa)isa);
        }
}

static void test_planes(void **state)
{
    (void)state;
    for (int isa = WG_ISA_BASELINE; isa <= (int)wg_kernel_isa(); isa++)
        for (int i = 0; i < 150; i++) {
            planes_f32((wg_isa)isa);
            planes_f64((wg_isa)isa);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_columns), cmocka_unit_test(test_planes)};
    return cmocka_run_group_tests_name("kernels/window", tests, NULL, NULL);
}
