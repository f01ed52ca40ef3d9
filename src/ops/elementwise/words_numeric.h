/* The words of rules.h on numbers. The including file has defined R (double or float), EW(name), which prefixes a name
 * for that type, and EW_LIBM(name), the libm function for it. */
#include "kernels/special.h"

#include <math.h>

static inline R EW(add)(R a, R b) { return a + b; }
static inline R EW(sub)(R a, R b) { return a - b; }
static inline R EW(mul)(R a, R b) { return a * b; }
static inline R EW(div)(R a, R b) { return a / b; }
static inline R EW(neg)(R a) { return -a; }
static inline R EW(mul0)(R a, R b)
{
    R product = a * b; /* computed in any case: a select vectorizes where a branch does not */
    return ((a == 0) | (b == 0)) ? 0 : product;
}
static inline R EW(div0)(R a, R b)
{
    R ratio = a / b;
    return a == 0 ? 0 : ratio;
}
static inline R EW(over0)(R a, R b)
{
    R ratio = a / b;
    return b == 0 ? 0 : ratio;
}
static inline R EW(less)(R a, R b) { return a < b; }
static inline R EW(less_equal)(R a, R b) { return a <= b; }
static inline R EW(equal)(R a, R b) { return a == b; }
static inline R EW(not_equal)(R a, R b) { return a != b; }
static inline R EW(select)(R condition, R a, R b) { return condition != 0 ? a : b; }
static inline R EW(constant)(double c) { return (R)c; }

/* 1 / (1 + e^-x), by e^-|x|, which cannot overflow. */
static inline R EW(sigmoid)(R x)
{
    R e = EW_LIBM(exp)(-EW_LIBM(fabs)(x));
    return (x < 0 ? e : 1) / (1 + e);
}

/* max(x, 0) + log(1 + e^-|x|) */
static inline R EW(softplus)(R x)
{
    R top = x < 0 ? 0 : x;
    return top + EW_LIBM(log1p)(EW_LIBM(exp)(-EW_LIBM(fabs)(x)));
}

/* y (1 - y) where that keeps its relative accuracy; beyond, 1 - y has lost digits, and 1 - y = y e^-x has not. */
static inline R EW(sigmoid_slope)(R x, R y) { return y <= (R)0.625 ? y * (1 - y) : y * y * EW_LIBM(exp)(-x); }

/* 1 - y^2 likewise; beyond, 1 / cosh^2 x = 4 e / (1 + e)^2 with e = e^-2|x|. */
static inline R EW(tanh_slope)(R x, R y)
{
    if (EW_LIBM(fabs)(y) <= (R)0.5) return 1 - y * y;
    R e = EW_LIBM(exp)(-2 * EW_LIBM(fabs)(x));
    return 4 * e / ((1 + e) * (1 + e));
}

/* a / hypot(a, b), the length given: 0 where a = 0, and 1 or -1 where a alone is infinite. */
static inline R EW(direction)(R a, R b, R length)
{
    R ratio = a / length, sign = EW_LIBM(copysign)(1, a), infinity = (R)INFINITY;
    bool alone = (EW_LIBM(fabs)(a) == infinity) & (EW_LIBM(fabs)(b) < infinity);
    return a == 0 ? 0 : alone ? sign : ratio;
}

/* a - b floor(a / b), by C's fmod, whose result is exact and has the sign of a. */
static inline R EW(remainder)(R a, R b)
{
    R rest = EW_LIBM(fmod)(a, b);
    if (rest == 0) return EW_LIBM(copysign)(rest, b);
    return (rest < 0) == (b < 0) ? rest : rest + b;
}

/* floor(a / b), from the exact remainder: a / b may round up to an integer. */
static inline R EW(floor_divide)(R a, R b)
{
    R rest = EW_LIBM(fmod)(a, b), ratio = a / b, multiple = EW_LIBM(rint)((a - rest) / b);
    if (b == 0) return ratio;
    R quotient = rest != 0 && (rest < 0) != (b < 0) ? multiple - 1 : multiple;
    return quotient == 0 ? EW_LIBM(copysign)(0, ratio) : quotient;
}

/* a^(b-1). What the rounding of b - 1 takes away, for b near 0, is a factor a^lost = 1 + lost log a. */
static inline R EW(pow_less)(R a, R b)
{
    R lower = b - 1, power = EW_LIBM(pow)(a, lower);
    R lost = EW_LIBM(fabs)(b) < 1 ? b - (lower + 1) : 0;
    return lost != 0 && a > 0 && isfinite(a) && isfinite(power) ? power + power * (lost * EW_LIBM(log)(a)) : power;
}

#define RULE                 EW_RULE
#define ADD                  EW(add)
#define SUB                  EW(sub)
#define MUL                  EW(mul)
#define DIV                  EW(div)
#define TIMES                EW(mul)
#define OVER                 EW(div)
#define MUL0                 EW(mul0)
#define DIV0                 EW(div0)
#define OVER0                EW(over0)
#define NEG                  EW(neg)
#define LESS                 EW(less)
#define LESS_EQUAL           EW(less_equal)
#define EQUAL                EW(equal)
#define NOT_EQUAL            EW(not_equal)
#define WHERE                EW(select)
#define K(v, c)              EW(constant)(c)
#define ABS                  EW_LIBM(fabs)
#define SQRT                 EW_LIBM(sqrt)
#define EXP                  EW_LIBM(exp)
#define EXPM1                EW_LIBM(expm1)
#define LOG                  EW_LIBM(log)
#define LOG1P                EW_LIBM(log1p)
#define POW_LESS             EW(pow_less)
#define CBRT                 EW_SPECIAL(cbrt)
#define POW                  EW_LIBM(pow)
#define SIN                  EW_LIBM(sin)
#define COS                  EW_LIBM(cos)
#define TANH                 EW_LIBM(tanh)
#define ROUND                EW_LIBM(rint)
#define REMAINDER            EW(remainder)
#define FLOOR_DIVIDE         EW(floor_divide)
#define LIBM1(name, x)       EW_LIBM(name)(x)
#define LIBM2(name, a, b)    EW_LIBM(name)(a, b)
#define LIBM3(name, a, b, c) EW_LIBM(name)(a, b, c)
#define SIGMOID              EW(sigmoid)
#define SIGMOID_SLOPE        EW(sigmoid_slope)
#define TANH_SLOPE           EW(tanh_slope)
#define DIRECTION            EW(direction)
#define SOFTPLUS             EW(softplus)
#define STEP1(name, x)       EW(name##_value)(x)
#define STEP2(name, a, b)    EW(name##_value)(a, b)

/* Computed in double and rounded; by EW_SPECIAL, with a shorter way for float. */
#define BELL                 EW_SPECIAL(bell)
#define NORMAL_PDF           EW_SPECIAL(normal_pdf)
#define NORMAL_CDF           EW_SPECIAL(normal_cdf)
#define ERF                  EW_LIBM(erf)
#define ERFC                 EW_SPECIAL(erfc)
#define ERFINV               EW_SPECIAL(erfinv)
#define LGAMMA(x)            (R) wg_special_lgamma(x)
#define DIGAMMA(x)           (R) wg_special_digamma(x)
#define TRIGAMMA(x)          (R) wg_special_polygamma(1, x)
#define POLYGAMMA(x, n)      (R) wg_special_polygamma((int)(n), x)
#define POLYGAMMA_NEXT(x, n) (R) wg_special_polygamma((int)(n) + 1, x)
#define LOGIT(x)             (R) wg_special_logit(x)
#define SILU                 EW_SPECIAL(silu)
#define GELU                 EW_SPECIAL(gelu)
#define GELU_TANH            EW_SPECIAL(gelu_tanh)
#define GELU_TANH_PRIME      EW_SPECIAL(gelu_tanh_prime)
#define MISH                 EW_SPECIAL(mish)
#define TANHSHRINK(x)        (R) wg_special_tanhshrink(x)
#define SINC(x)              (R) wg_special_sinc(0, x)
#define SINC_ORDER(x, n)     (R) wg_special_sinc((int)(n), x)
#define SINC_NEXT(x, n)      (R) wg_special_sinc((int)(n) + 1, x)
