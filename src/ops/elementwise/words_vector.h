/* The words of rules.h on vectors, for hot.inc: R is NAME(vec), and EW(name) prefixes a name for the real type and the
 * instruction set. A condition is a vector of ones and zeros, as it is a number in words_numeric.h.
 *
 * A word that no hot op says is COLD: it can be compiled, but whoever uses it finds no such function. */
#define COLD(v) EW(has_no_vector_form)(v)
R EW(has_no_vector_form)(R v);

WG_KERNEL_INLINE R EW(truth)(NAME(mask) m) { return NAME(select)(m, NAME(splat)(1), NAME(splat)(0)); }
WG_KERNEL_INLINE R EW(where)(R condition, R a, R b)
{
    return NAME(select)(NAME(equal)(condition, NAME(splat)(0)), b, a);
}

WG_KERNEL_INLINE R EW(product0)(R a, R b)
{
    R zero = NAME(splat)(0);
    return NAME(select)(NAME(either)(NAME(equal)(a, zero), NAME(equal)(b, zero)), zero, a * b);
}
/* a / b, and 0 where `nought` is 0 */
WG_KERNEL_INLINE R EW(ratio0)(R a, R b, R nought)
{
    R zero = NAME(splat)(0);
    return NAME(select)(NAME(equal)(nought, zero), zero, a / b);
}

/* a b + c, rounded once */
WG_KERNEL_INLINE R EW(fma)(R a, R b, R c)
{
#if BASELINE
    for (int i = 0; i < NAME(lanes); i++) a[i] = LIBM(fma)(a[i], b[i], c[i]);
    return a;
#else
    return NAME(fma)(a, b, c);
#endif
}

/* y (1 - y), 1 - y written as y e^-x where it would lose digits: there x > 0. */
WG_KERNEL_INLINE R EW(sigmoid_slope)(R x, R y)
{
    R rest = NAME(select)(NAME(less_equal)(y, NAME(splat)((REAL)0.625)), (REAL)1 - y, y * NAME(exp_down)(x));
    return y * rest;
}

/* 1 - y^2 likewise: with e = e^-2|x|, 1 - |y| = (1 + |y|) e. */
WG_KERNEL_INLINE R EW(tanh_slope)(R x, R y)
{
    R above = NAME(absolute)(y) + (REAL)1, far = above * above * NAME(exp_down)(x + x);
    return NAME(select)(NAME(less_equal)(NAME(absolute)(y), NAME(splat)((REAL)0.5)), (REAL)1 - y * y, far);
}

#define RULE                 WG_KERNEL_INLINE
#define ADD(a, b)            ((a) + (b))
#define SUB(a, b)            ((a) - (b))
#define MUL(a, b)            ((a) * (b))
#define DIV(a, b)            ((a) / (b))
#define TIMES                MUL
#define OVER                 DIV
#define MUL0                 EW(product0)
#define DIV0(a, b)           EW(ratio0)(a, b, a)
#define OVER0(a, b)          EW(ratio0)(a, b, b)
#define NEG(a)               (-(a))
#define LESS(a, b)           EW(truth)(NAME(less)(a, b))
#define LESS_EQUAL(a, b)     EW(truth)(NAME(less_equal)(a, b))
#define EQUAL(a, b)          EW(truth)(NAME(equal)(a, b))
#define NOT_EQUAL(a, b)      EW(truth)(NAME(not )(NAME(equal)(a, b)))
#define WHERE                EW(where)
#define K(v, c)              NAME(splat)((REAL)(c))
#define ABS                  NAME(absolute)
#define SQRT                 NAME(sqrt)
#define EXP                  NAME(exp)
#define EXPM1                NAME(expm1)
#define LOG                  NAME(log)
#define LOG1P                NAME(log1p)
#define POW_LESS(a, b)       COLD(a + b)
#define CBRT                 COLD
#define POW(a, b)            COLD(a + b)
#define SIN                  NAME(sin)
#define COS                  NAME(cos)
#define TANH                 NAME(tanh)
#define ROUND                COLD
#define REMAINDER(a, b)      COLD(a + b)
#define FLOOR_DIVIDE(a, b)   COLD(a + b)
#define LIBM1(name, x)       COLD(x)
#define LIBM2(name, a, b)    COLD(a + b)
#define LIBM3(name, a, b, c) EW(name)(a, b, c)
#define SIGMOID              NAME(sigmoid)
#define SIGMOID_SLOPE        EW(sigmoid_slope)
#define TANH_SLOPE           EW(tanh_slope)
#define DIRECTION(a, b, c)   COLD(a + b + c)
#define SOFTPLUS             NAME(softplus)
#define STEP1(name, x)       EW(name##_value)(x)
#define STEP2(name, a, b)    EW(name##_value)(a, b)
#define BELL                 COLD
#define NORMAL_PDF           COLD
#define NORMAL_CDF           COLD
#define ERF                  COLD
#define ERFC                 COLD
#define ERFINV               COLD
#define LGAMMA               COLD
#define DIGAMMA              COLD
#define TRIGAMMA             COLD
#define POLYGAMMA(x, n)      COLD(x + n)
#define POLYGAMMA_NEXT(x, n) COLD(x + n)
#define LOGIT                COLD
#define SILU                 NAME(silu)
#define GELU                 COLD
#define GELU_TANH            COLD
#define GELU_TANH_PRIME      COLD
#define MISH                 COLD
#define TANHSHRINK           COLD
#define SINC                 COLD
#define SINC_ORDER(x, n)     COLD(x + n)
#define SINC_NEXT(x, n)      COLD(x + n)
