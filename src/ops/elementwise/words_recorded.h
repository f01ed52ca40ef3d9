/* The words of rules.h on vars: each records an op. MUL and DIV stand where a cotangent is a factor, and are exact
 * zeros where it is zero (options.ieee_zero: plain products); TIMES and OVER are the plain ones. */
#include "ops/elementwise/elementwise.h"
#include "wengert/ops.h"

#include <math.h>

static inline wg_var EW(mul)(wg_var a, wg_var b) { return a.tape->ieee_zero ? wg_mul(a, b) : wg_ew_step_mul0(a, b); }

static inline wg_var EW(div)(wg_var a, wg_var b) { return a.tape->ieee_zero ? wg_div(a, b) : wg_ew_step_div0(a, b); }

#define RULE                    EW_RULE
#define ADD                     wg_add
#define SUB                     wg_sub
#define MUL                     EW(mul)
#define DIV                     EW(div)
#define TIMES                   wg_mul
#define OVER                    wg_div
#define MUL0                    wg_ew_step_mul0
#define DIV0                    wg_ew_step_div0
#define OVER0                   wg_ew_step_over0
#define NEG                     wg_neg
#define LESS                    wg_less
#define LESS_EQUAL              wg_less_equal
#define EQUAL                   wg_equal
#define NOT_EQUAL               wg_not_equal
#define WHERE                   wg_where
#define K(v, c)                 wg_list_number((v).tape, c)
#define ABS                     wg_abs
#define SQRT                    wg_sqrt
#define EXP                     wg_exp
#define EXPM1                   wg_expm1
#define LOG                     wg_log
#define LOG1P                   wg_log1p
#define POW_LESS(a, b)          wg_pow(a, wg_sub(b, K(a, 1)))
#define CBRT                    wg_cbrt
#define POW                     wg_pow
#define SIN                     wg_sin
#define COS                     wg_cos
#define TANH                    wg_tanh
#define ROUND                   wg_round
#define REMAINDER               wg_remainder
#define FLOOR_DIVIDE            wg_floor_divide
#define LIBM1(name, x)          wg_##name(x)
#define LIBM2(name, a, b)       wg_##name(a, b)
#define LIBM3(name, a, b, c)    wg_##name(a, b, c)
#define SIGMOID                 wg_sigmoid
#define SIGMOID_SLOPE(x, y)     wg_ew_step_sigmoid_prime(x)
#define TANH_SLOPE(x, y)        wg_ew_step_tanh_prime(x)
#define DIRECTION(a, b, length) wg_ew_step_direction(a, b)
#define SOFTPLUS                wg_softplus
#define STEP1(name, x)          wg_ew_step_##name(x)
#define STEP2(name, a, b)       wg_ew_step_##name(a, b)

#define BELL(x)              STEP1(bell, x)
#define NORMAL_PDF(x)        STEP1(normal_pdf, x)
#define NORMAL_CDF(x)        STEP1(normal_cdf, x)
#define ERF                  wg_erf
#define ERFC                 wg_erfc
#define ERFINV               wg_erfinv
#define LGAMMA               wg_lgamma
#define DIGAMMA              wg_digamma
#define TRIGAMMA(x)          wg_polygamma(1, x)
#define POLYGAMMA(x, n)      wg_polygamma((int)wg_item(n), x)
#define POLYGAMMA_NEXT(x, n) wg_polygamma((int)wg_item(n) + 1, x)
#define LOGIT                wg_logit
#define SILU                 wg_silu
#define GELU                 wg_gelu
#define GELU_TANH            wg_gelu_tanh
#define GELU_TANH_PRIME(x)   STEP1(gelu_tanh_prime, x)
#define MISH                 wg_mish
#define TANHSHRINK           wg_tanhshrink
#define SINC                 wg_sinc
#define SINC_ORDER(x, n)     wg_ew_apply_with(&wg_ew_op_sinc_order, x, wg_item(n), 0)
#define SINC_NEXT(x, n)      wg_ew_apply_with(&wg_ew_op_sinc_order, x, wg_item(n) + 1, 0)
