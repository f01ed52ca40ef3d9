/* The words of rules.h on vars: each records an op. MUL and DIV stand where a cotangent is a factor, and are exact zeros
 * where it is zero (options.ieee_zero: plain products); TIMES and OVER are the plain ones. */
#include "ops/elementwise/elementwise.h"
#include "wengert/ops.h"

static inline wg_var EW(mul)(wg_var a, wg_var b)
{
    return a.tape->ieee_zero ? wg_mul(a, b) : wg_ew_apply(&wg_ew_op_mul0, (wg_var[]){a, b}, 2);
}

static inline wg_var EW(div)(wg_var a, wg_var b)
{
    return a.tape->ieee_zero ? wg_div(a, b) : wg_ew_apply(&wg_ew_op_div0, (wg_var[]){a, b}, 2);
}

static inline wg_var EW(mul0)(wg_var a, wg_var b) { return wg_ew_apply(&wg_ew_op_mul0, (wg_var[]){a, b}, 2); }
static inline wg_var EW(div0)(wg_var a, wg_var b) { return wg_ew_apply(&wg_ew_op_div0, (wg_var[]){a, b}, 2); }

#define ADD                 wg_add
#define SUB                 wg_sub
#define MUL                 EW(mul)
#define DIV                 EW(div)
#define TIMES               wg_mul
#define OVER                wg_div
#define MUL0                EW(mul0)
#define DIV0                EW(div0)
#define NEG                 wg_neg
#define LESS                wg_less
#define LESS_EQUAL          wg_less_equal
#define EQUAL               wg_equal
#define NOT_EQUAL           wg_not_equal
#define WHERE               wg_where
#define K(v, c)             wg_list_number((v).tape, c)
#define ABS                 wg_abs
#define SQRT                wg_sqrt
#define EXP                 wg_exp
#define EXPM1               wg_expm1
#define LOG                 wg_log
#define LOG1P               wg_log1p
#define POW                 wg_pow
#define SIN                 wg_sin
#define COS                 wg_cos
#define TANH                wg_tanh
#define SIGMOID             wg_sigmoid
#define SIGMOID_SLOPE(x, y) wg_ew_apply(&wg_ew_op_sigmoid_prime, &(x), 1)
#define TANH_SLOPE(x, y)    wg_ew_apply(&wg_ew_op_tanh_prime, &(x), 1)
