/* The roster of elementwise ops: name, and for each input what its derivative reads beside the cotangent g.
 *
 *     A, B, C   the first, second, third input     PASS   nothing: the adjoint is g itself
 *     Y         the result                         CUT    nothing: the adjoint gains nothing, the slope is never called
 *     P, Q      the op's parameters                G      nothing else
 *
 * An op's value and derivatives are in rules.h and the files that it includes; its public function comes of itself
 * in functions.c. To add one, put a line here in the list of its kind, its rules in the file of its subject, its
 * declaration in ops.h, and its row in the tests:
 *
 *     one input             EW_PUBLIC_1     VALUE1(name) { ... x ... }              SLOPE1(name) { ... g, x, y ... }
 *     two inputs            EW_PUBLIC_2     VALUE2(name) { ... a, b ... }           SLOPE2(name, a), SLOPE2(name, b)
 *     three inputs          EW_PUBLIC_3     VALUE3(name) { ... a, b, c ... }        SLOPE3(name, a), (name, b), (name, c)
 *     a parameter, or two   EW_PUBLIC_P     VALUEP(name) { ... x, p, q ... }        SLOPEP(name) { ... g, x, y, p, q ... }
 *     no derivative         EW_PUBLIC_CUT_1, EW_PUBLIC_CUT_2                        VALUE1 or VALUE2 alone
 *
 * Parameters are numbers (double) that a call gives beside its one input: wg_leaky_relu(x, slope). They are kept as
 * the node's attributes. Loops read them once, as R; recorded they are 0-d constants, made only where P, Q say that
 * the slope reads them. A function that checks its parameters first is written by hand in functions.c, and its op
 * stands in EW_CHECKED_P. A step of recorded derivatives, without a public function, stands in EW_STEPS_1,
 * EW_STEPS_2, EW_STEPS_P. */
#ifndef WG_OPS_ELEMENTWISE_ROSTER_H
#define WG_OPS_ELEMENTWISE_ROSTER_H

enum { EW_G = 0, EW_A = 1, EW_B = 2, EW_C = 4, EW_Y = 8, EW_P = 16, EW_Q = 32, EW_PASS = 64, EW_CUT = 128 };

/* One input: X(name, input). Those that scalar code meets most stand first: see scalar.inc. */
#define EW_PUBLIC_1(X)                                                                                                 \
    X(neg, EW_G)                                                                                                       \
    X(square, EW_A)                                                                                                    \
    X(sqrt, EW_Y)                                                                                                      \
    X(reciprocal, EW_Y)                                                                                                \
    X(exp, EW_Y)                                                                                                       \
    X(log, EW_A)                                                                                                       \
    X(sin, EW_A)                                                                                                       \
    X(cos, EW_A)                                                                                                       \
    X(tanh, EW_A | EW_Y)                                                                                               \
    X(rsqrt, EW_A | EW_Y)                                                                                              \
    X(cbrt, EW_Y)                                                                                                      \
    X(abs, EW_A)                                                                                                       \
    X(exp2, EW_Y)                                                                                                      \
    X(expm1, EW_A)                                                                                                     \
    X(log2, EW_A)                                                                                                      \
    X(log10, EW_A)                                                                                                     \
    X(log1p, EW_A)                                                                                                     \
    X(tan, EW_Y)                                                                                                       \
    X(asin, EW_A)                                                                                                      \
    X(acos, EW_A)                                                                                                      \
    X(atan, EW_A)                                                                                                      \
    X(sinh, EW_A)                                                                                                      \
    X(cosh, EW_A)                                                                                                      \
    X(asinh, EW_A)                                                                                                     \
    X(acosh, EW_A)                                                                                                     \
    X(atanh, EW_A)                                                                                                     \
    X(sigmoid, EW_A | EW_Y)                                                                                            \
    X(relu, EW_A)                                                                                                      \
    X(relu6, EW_A)                                                                                                     \
    X(softplus, EW_A)                                                                                                  \
    X(softsign, EW_A)                                                                                                  \
    X(selu, EW_A)                                                                                                      \
    X(hardsigmoid, EW_A)                                                                                               \
    X(hardswish, EW_A)                                                                                                 \
    X(tanhshrink, EW_A)                                                                                                \
    X(frac, EW_PASS)

/* One input, special functions and what is made of them (rules/special.h): X(name, input) */
#define EW_SPECIAL_1(X)                                                                                                \
    X(erf, EW_A)                                                                                                       \
    X(erfc, EW_A)                                                                                                      \
    X(erfinv, EW_Y)                                                                                                    \
    X(lgamma, EW_A)                                                                                                    \
    X(digamma, EW_A)                                                                                                   \
    X(sinc, EW_A)                                                                                                      \
    X(logit, EW_A)                                                                                                     \
    X(logsigmoid, EW_A)                                                                                                \
    X(silu, EW_A)                                                                                                      \
    X(gelu, EW_A)                                                                                                      \
    X(gelu_tanh, EW_A)                                                                                                 \
    X(mish, EW_A)

/* Two inputs: X(name, first, second) */
#define EW_PUBLIC_2(X)                                                                                                 \
    X(add, EW_PASS, EW_PASS)                                                                                           \
    X(sub, EW_PASS, EW_G)                                                                                              \
    X(mul, EW_B, EW_A)                                                                                                 \
    X(div, EW_B, EW_B | EW_Y)                                                                                          \
    X(remainder, EW_PASS, EW_A | EW_B | EW_Y)                                                                          \
    X(fmod, EW_PASS, EW_A | EW_B | EW_Y)                                                                               \
    X(pow, EW_A | EW_B, EW_A | EW_B | EW_Y)                                                                            \
    X(logaddexp, EW_A | EW_B, EW_A | EW_B)                                                                             \
    X(xlogy, EW_A | EW_B, EW_A | EW_B)                                                                                 \
    X(hypot, EW_A | EW_B | EW_Y, EW_A | EW_B | EW_Y)                                                                   \
    X(atan2, EW_A | EW_B, EW_A | EW_B)                                                                                 \
    X(maximum, EW_A | EW_B, EW_A | EW_B)                                                                               \
    X(minimum, EW_A | EW_B, EW_A | EW_B)                                                                               \
    X(fmax, EW_A | EW_B, EW_A | EW_B)                                                                                  \
    X(fmin, EW_A | EW_B, EW_A | EW_B)                                                                                  \
    X(prelu, EW_A | EW_B, EW_A)                                                                                        \
    X(copysign, EW_A | EW_Y, EW_CUT)

/* Three inputs: X(name, first, second, third) */
#define EW_PUBLIC_3(X)                                                                                                 \
    X(where, EW_CUT, EW_A, EW_A)                                                                                       \
    X(fma, EW_B, EW_A, EW_PASS)                                                                                        \
    X(lerp, EW_C, EW_C, EW_A | EW_B)

/* One input and one parameter: X(name, input) */
#define EW_PUBLIC_P(X)                                                                                                 \
    X(leaky_relu, EW_A | EW_P)                                                                                         \
    X(elu, EW_A | EW_P)                                                                                                \
    X(heaviside, EW_CUT)

/* One input and one or two parameters that a function by hand checks: X(name, input) */
#define EW_CHECKED_P(X)                                                                                                \
    X(clamp, EW_A | EW_P | EW_Q)                                                                                       \
    X(hardtanh, EW_A | EW_P | EW_Q)                                                                                    \
    X(celu, EW_A | EW_P)                                                                                               \
    X(polygamma, EW_A | EW_P)                                                                                          \
    X(threshold, EW_A | EW_P)                                                                                          \
    X(hardshrink, EW_A | EW_P)                                                                                         \
    X(softshrink, EW_A | EW_P)

/* One input, no derivative: X(name) */
#define EW_PUBLIC_CUT_1(X)                                                                                             \
    X(floor)                                                                                                           \
    X(ceil)                                                                                                            \
    X(trunc)                                                                                                           \
    X(round)                                                                                                           \
    X(sign)                                                                                                            \
    X(isnan)                                                                                                           \
    X(isinf)                                                                                                           \
    X(isfinite)                                                                                                        \
    X(signbit)                                                                                                         \
    X(logical_not)

/* Two inputs, no derivative: X(name) */
#define EW_PUBLIC_CUT_2(X)                                                                                             \
    X(equal)                                                                                                           \
    X(not_equal)                                                                                                       \
    X(less)                                                                                                            \
    X(less_equal)                                                                                                      \
    X(greater)                                                                                                         \
    X(greater_equal)                                                                                                   \
    X(logical_and)                                                                                                     \
    X(logical_or)                                                                                                      \
    X(logical_xor)                                                                                                     \
    X(floor_divide)

/* Steps of recorded derivatives, without a public function: what no formula in the other ops gives at full accuracy
 * to every order. The primes are the derivatives of tanh, sigmoid, atan, asinh, and of pow with respect to its base;
 * mul0 and div0 are an exact zero where a factor, or the numerator, is zero, over0 where the denominator is; bell is
 * e^(-x^2); normal_pdf and normal_cdf are the normal density and distribution; sinc_order is a derivative of sinc.
 * bce, kl_div, huber and their kin are losses before their reduction, which have no function of their own either. */
#define EW_STEPS_1(X)                                                                                                  \
    X(tanh_prime, EW_A | EW_Y)                                                                                         \
    X(sigmoid_prime, EW_A | EW_Y)                                                                                      \
    X(atan_prime, EW_A | EW_Y)                                                                                         \
    X(asinh_prime, EW_A | EW_Y)                                                                                        \
    X(one_minus_square, EW_A)                                                                                          \
    X(bell, EW_A | EW_Y)                                                                                               \
    X(normal_pdf, EW_A | EW_Y)                                                                                         \
    X(normal_cdf, EW_A)                                                                                                \
    X(gelu_tanh_prime, EW_A)
#define EW_STEPS_2(X)                                                                                                  \
    X(mul0, EW_B, EW_A)                                                                                                \
    X(over0, EW_B, EW_B | EW_Y)                                                                                        \
    X(div0, EW_B, EW_B | EW_Y)                                                                                         \
    X(pow_prime, EW_A | EW_B, EW_A | EW_B)                                                                             \
    X(logaddexp_weight, EW_A | EW_B | EW_Y, EW_A | EW_B | EW_Y)                                                        \
    X(direction, EW_A | EW_B, EW_A | EW_B | EW_Y)                                                                      \
    X(bce, EW_A | EW_B, EW_A)                                                                                          \
    X(bce_slope, EW_A | EW_B, EW_A)                                                                                    \
    X(bce_with_logits, EW_A | EW_B, EW_A)                                                                              \
    X(bce_with_logits_slope, EW_A, EW_G)                                                                               \
    X(kl_div, EW_B, EW_A | EW_B)
#define EW_STEPS_P(X)                                                                                                  \
    X(huber, EW_A | EW_P)                                                                                              \
    X(sinc_order, EW_A | EW_P)

#define EW_ROSTER_1(X)     EW_PUBLIC_1(X) EW_SPECIAL_1(X) EW_STEPS_1(X)
#define EW_ROSTER_2(X)     EW_PUBLIC_2(X) EW_STEPS_2(X)
#define EW_ROSTER_3(X)     EW_PUBLIC_3(X)
#define EW_ROSTER_P(X)     EW_PUBLIC_P(X) EW_CHECKED_P(X) EW_STEPS_P(X)
#define EW_ROSTER_CUT_1(X) EW_PUBLIC_CUT_1(X)
#define EW_ROSTER_CUT_2(X) EW_PUBLIC_CUT_2(X)

#endif
