/* The vector functions of every instruction set that the machine has, against libm in a wider type: a float of every
 * sort all along the line, doubles drawn both evenly and by their bits, and numbers at corners. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "kernels/elementary.h"
#include "kernels/isa.h"
#include "support/array.h"

/* X(name, units in the last place that are allowed) */
#define FUNCTIONS(X)                                                                                                   \
    X(exp, 2) X(expm1, 2) X(log, 2) X(log1p, 2) X(sin, 2) X(cos, 2) X(tanh, 2) X(sigmoid, 2) X(silu, 3) X(softplus, 2)

#define SOURCE "../../tests/kernels/elementary_cases.inc"
#include "kernels/each.inc"

static long double sigmoidl(long double x) { return 1 / (1 + expl(-x)); }
static double sigmoid(double x) { return 1 / (1 + exp(-x)); }
static long double silul(long double x) { return x < -1e5L ? -0.0L : x / (1 + expl(-x)); }
static long double softplusl(long double x) { return x > 60 ? x : log1pl(expl(x)); }
static double softplus(double x) { return x > 40 ? x : log1p(exp(x)); }
static double silu(double x) { return x < -700 ? -0.0 : x / (1 + exp(-x)); }

enum { PIECE = 1024, STRIDE = 4999, DRAWS = 200 };

typedef struct function {
    const char *name;
    int allowed;
    long double (*exact)(long double x);
    double (*nearly)(double x); /* good enough for a float */
    void (*f32[3])(size_t n, const float *in, float *out);
    void (*f64[3])(size_t n, const double *in, double *out);
} function;

#if WG_KERNEL_X86
#define OF_TYPE(name, type)                                                                                            \
    {                                                                                                                  \
        wg_kernel_test_##name##_##type##_baseline, wg_kernel_test_##name##_##type##_avx2,                              \
            wg_kernel_test_##name##_##type##_avx512                                                                    \
    }
#else
#define OF_TYPE(name, type)                                                                                            \
    {                                                                                                                  \
        wg_kernel_test_##name##_##type##_baseline                                                                      \
    }
#endif
#define ROW(name, allowed) {#name, allowed, name##l, name, OF_TYPE(name, f32), OF_TYPE(name, f64)},
static const function functions[] = {FUNCTIONS(ROW)};
enum { COUNT = sizeof functions / sizeof *functions };

static const double corners[] = {0.55, 0.5500001, -0.55, 8191, 8193, 1048575, 1048577, 0x1p40, 1e22, 0.7071067811865475,
    0.7071067811865476, 1.4142135623730951, 1.5707963267948966, 3.141592653589793, 0x1.921fb6p0, 0x1.921fb6p1,
    -0.9999999, -20, 40, 0, -0.0, 1, -1, 0.5, -0.5, 2, 3, (double)INFINITY, -(double)INFINITY, (double)NAN, 0x1p-149,
    -0x1p-149, 0x1p-126, -0x1p-126, 88.72283, 88.72284, 89, -87.33654, -87.33655, -103.97207, -103.97208, -104, -1000,
    0x1.fffffep127, -0x1.fffffep127, 1000, 0x1p-1074, -0x1p-1074, 0x1p-1022, -0x1p-1022, 709.782712893384,
    709.7827128933841, 710, -708.3964185322641, -708.3964185322642, -745.1332191019411, -745.1332191019412, -746,
    DBL_MAX, -DBL_MAX};
enum { CORNERS = sizeof corners / sizeof *corners };

/* The distance in units in the last place of a type of that many digits and that smallest exponent. */
static double distance(double got, long double exact, int digits, int smallest, long double most)
{
    int exponent;
    if (isnan(exact)) return isnan(got) ? 0 : HUGE_VAL;
    if (exact == 0) return got == 0 && !signbit(got) == !signbit(exact) ? 0 : HUGE_VAL;
    frexpl(exact, &exponent);
    if (exponent < smallest) exponent = smallest;
    long double unit = ldexpl(1, exponent - digits);
    if (fabsl(exact) >= most + unit / 2) return isinf(got) && (got > 0) == (exact > 0) ? 0 : HUGE_VAL;
    if (isinf(got)) return (double)((most + unit - fabsl(exact)) / unit);
    return (double)(fabsl(got - exact) / unit);
}

static void check_f32(const function *f, size_t n, const float *in)
{
    float out[PIECE];
    double exact[PIECE];
    for (size_t i = 0; i < n; i++) exact[i] = f->nearly(in[i]);
    for (int isa = 0; isa <= (int)wg_kernel_isa(); isa++) {
        f->f32[isa](n, in, out);
        for (size_t i = 0; i < n; i++) {
            double off = distance(out[i], exact[i], FLT_MANT_DIG, FLT_MIN_EXP, FLT_MAX);
            if (!(off <= f->allowed))
                fail_msg("%s(%a), set %d: %a, which is %g units off", f->name, in[i], isa, out[i], off);
        }
    }
}

static void check_f64(const function *f, size_t n, const double *in)
{
    double out[PIECE];
    long double exact[PIECE];
    for (size_t i = 0; i < n; i++) exact[i] = f->exact(in[i]);
    for (int isa = 0; isa <= (int)wg_kernel_isa(); isa++) {
        f->f64[isa](n, in, out);
        for (size_t i = 0; i < n; i++) {
            double off = distance(out[i], exact[i], DBL_MANT_DIG, DBL_MIN_EXP, DBL_MAX);
            if (!(off <= f->allowed))
                fail_msg("%s(%a), set %d: %a, which is %g units off", f->name, in[i], isa, out[i], off);
        }
    }
}

static void test_floats(void **state)
{
    float in[PIECE];
    (void)state;
    for (size_t k = 0; k < COUNT; k++)
        for (uint64_t bits = 0; bits < (uint64_t)1 << 32;) {
            size_t n = 0;
            for (; n < PIECE && bits < (uint64_t)1 << 32; n++, bits += STRIDE) {
                uint32_t word = (uint32_t)bits;
                memcpy(&in[n], &word, sizeof word);
            }
            check_f32(&functions[k], n, in);
        }
}

static void test_doubles(void **state)
{
    static const double spans[] = {1000, 20, 1, 0x1p-20};
    double in[PIECE];
    random_state random = {1};
    (void)state;
    for (size_t k = 0; k < COUNT; k++)
        for (int draw = 0; draw < DRAWS; draw++) {
            for (size_t i = 0; i < PIECE; i++) {
                uint64_t bits = 0;
                for (int part = 0; part < 4; part++) bits = bits << 16 | random_below(&random, 1 << 16);
                memcpy(&in[i], &bits, sizeof bits);
                if (i % 2) in[i] = spans[i / 2 % 4] * (2 * random_unit(&random) - 1);
            }
            check_f64(&functions[k], PIECE, in);
        }
}

static void test_corners(void **state)
{
    float narrow[CORNERS];
    (void)state;
    for (size_t i = 0; i < CORNERS; i++)
        narrow[i] = fabs(corners[i]) <= (double)FLT_MAX || !isfinite(corners[i]) ? (float)corners[i] : 0;
    for (size_t k = 0; k < COUNT; k++) {
        check_f64(&functions[k], CORNERS, corners);
        check_f32(&functions[k], CORNERS, narrow);
    }
}

/* A number has the same bits in each lane, beside whatever neighbours, and in the tail. */
static void test_position(void **state)
{
    double in[CORNERS], out[CORNERS], alone;
    float in32[CORNERS], out32[CORNERS], alone32;
    (void)state;
    for (size_t k = 0; k < COUNT; k++)
        for (int isa = 0; isa <= (int)wg_kernel_isa(); isa++)
            for (size_t shift = 0; shift < CORNERS; shift++) {
                for (size_t i = 0; i < CORNERS; i++) {
                    in[i] = corners[(i + shift) % CORNERS];
                    in32[i] = fabs(in[i]) <= (double)FLT_MAX || !isfinite(in[i]) ? (float)in[i] : 0;
                }
                functions[k].f64[isa](CORNERS - shift, in, out);
                functions[k].f32[isa](CORNERS - shift, in32, out32);
                for (size_t i = 0; i < CORNERS - shift; i++) {
                    functions[k].f64[isa](1, &in[i], &alone);
                    functions[k].f32[isa](1, &in32[i], &alone32);
                    assert_memory_equal(&alone, &out[i], sizeof alone);
                    assert_memory_equal(&alone32, &out32[i], sizeof alone32);
                }
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_floats), cmocka_unit_test(test_doubles),
        cmocka_unit_test(test_corners), cmocka_unit_test(test_position)};
    return cmocka_run_group_tests_name("kernels/elementary", tests, NULL, NULL);
}
