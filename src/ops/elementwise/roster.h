/* The roster of elementwise ops: name, and for each input what its derivative reads beside the cotangent g.
 *
 *     A, B   the first, second input     PASS   nothing: the adjoint is g itself
 *     Y      the result                  G      nothing else
 *
 * An op's value and derivatives are in rules.h, its public function comes of itself in functions.c. To add one: a line here, its rules
 * there, its declaration in ops.h, its row in tests/ops/test_elementwise.c. */
#ifndef WG_OPS_ELEMENTWISE_ROSTER_H
#define WG_OPS_ELEMENTWISE_ROSTER_H

enum { EW_G = 0, EW_A = 1, EW_B = 2, EW_Y = 4, EW_PASS = 8 };

/* One input: X(name, input) */
#define EW_PUBLIC_1(X)                                                                                                 \
    X(neg, EW_G)                                                                                                       \
    X(square, EW_A)                                                                                                    \
    X(sqrt, EW_Y)                                                                                                      \
    X(reciprocal, EW_Y)                                                                                                \
    X(abs, EW_A)                                                                                                       \
    X(exp, EW_Y)                                                                                                       \
    X(expm1, EW_A)                                                                                                     \
    X(log, EW_A)                                                                                                       \
    X(log1p, EW_A)                                                                                                     \
    X(sin, EW_A)                                                                                                       \
    X(cos, EW_A)                                                                                                       \
    X(tanh, EW_A | EW_Y)                                                                                               \
    X(sigmoid, EW_A | EW_Y)                                                                                            \
    X(relu, EW_A)                                                                                                      \
    X(softplus, EW_A)

/* Two inputs: X(name, first, second) */
#define EW_PUBLIC_2(X)                                                                                                 \
    X(add, EW_PASS, EW_PASS)                                                                                           \
    X(sub, EW_PASS, EW_G)                                                                                              \
    X(mul, EW_B, EW_A)                                                                                                 \
    X(div, EW_B, EW_B | EW_Y)                                                                                          \
    X(pow, EW_A | EW_B, EW_A | EW_B | EW_Y)                                                                            \
    X(maximum, EW_A | EW_B, EW_A | EW_B)                                                                               \
    X(minimum, EW_A | EW_B, EW_A | EW_B)

/* Steps of recorded derivatives, without a public function. tanh_prime and sigmoid_prime are the derivatives of tanh and
 * sigmoid, which no formula in the other ops gives at full accuracy both near 0 and in the tails, to every order. mul0 and
 * div0 are an exact zero where a factor, or the numerator, is zero. */
#define EW_STEPS_1(X) X(tanh_prime, EW_A | EW_Y) X(sigmoid_prime, EW_A | EW_Y)
#define EW_STEPS_2(X) X(mul0, EW_B, EW_A) X(div0, EW_B, EW_B | EW_Y)

#define EW_ROSTER_1(X) EW_PUBLIC_1(X) EW_STEPS_1(X)
#define EW_ROSTER_2(X) EW_PUBLIC_2(X) EW_STEPS_2(X)

/* Two inputs, 0 or 1, no derivative: X(name) */
#define EW_ROSTER_COMPARE(X) X(equal) X(not_equal) X(less) X(less_equal) X(greater) X(greater_equal)

/* A condition, without derivative, and two inputs: X(name, second, third) */
#define EW_ROSTER_SELECT(X) X(where, EW_A, EW_A)

#endif
