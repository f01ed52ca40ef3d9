/* The rules: each elementwise op's value and derivatives, as formulas in words.
 *
 * This file is compiled for R = double, R = float, and R = wg_var, the tape as a third real type; the including file
 * has defined R, EW(name) and the words (words_numeric.h, words_recorded.h). On numbers a rule becomes part of a fused
 * loop; on vars it records the derivative as ops, so the same formula serves derivatives of every order.
 *
 * RULE is how a rule's function is declared. The words of a rule: ADD SUB MUL DIV NEG, EXP LOG ..., WHERE(condition, a, b), LESS EQUAL ..., K(v, c) for the
 * constant c where v is any argument, LIBM1(name, x) ... for a function of libm that is an op of the same name,
 * STEP1(name, x) and STEP2(name, a, b) for another rule's value, SIGMOID_SLOPE, TANH_SLOPE and DIRECTION for one whose
 * result is at hand. Three laws, so that a recording does not depend on the compiler: no C operators on R, no C
 * branches, and at most one argument of a call may itself record; the others stand in locals, one a line. MUL and DIV
 * take a cotangent, and record as an exact zero where it is one; TIMES and OVER are the plain product and quotient of
 * everything else. An input with zero cotangent gets an exact zero from the loop, whatever the formula gives.
 *
 * A value is computed on numbers alone; what a slope says is recorded. So it is slopes that must be right in relative
 * terms together with their derivatives: where a formula in other ops would cancel at some order, it is a step of its
 * own, whose slope is written so that it does not.
 *
 * Formulas: NIST Digital Library of Mathematical Functions, dlmf.nist.gov, chapter 4; corners as ops.h says. */

#define VALUE1(name)    RULE R EW(name##_value)(R x)
#define VALUE2(name)    RULE R EW(name##_value)(R a, R b)
#define VALUE3(name)    RULE R EW(name##_value)(R a, R b, R c)
#define VALUEP(name)    RULE R EW(name##_value)(R x, EW_MAYBE R p, EW_MAYBE R q)
#define SLOPE1(name)    RULE R EW(name##_slope_a)(EW_MAYBE R g, EW_MAYBE R x, EW_MAYBE R y)
#define SLOPE2(name, k) RULE R EW(name##_slope_##k)(EW_MAYBE R g, EW_MAYBE R a, EW_MAYBE R b, EW_MAYBE R y)
#define SLOPE3(name, k)                                                                                                \
    RULE R EW(name##_slope_##k)(EW_MAYBE R g, EW_MAYBE R a, EW_MAYBE R b, EW_MAYBE R c, EW_MAYBE R y)
#define SLOPEP(name) RULE R EW(name##_slope_a)(EW_MAYBE R g, EW_MAYBE R x, EW_MAYBE R y, EW_MAYBE R p, EW_MAYBE R q)

#include "ops/elementwise/rules/arithmetic.h"
#include "ops/elementwise/rules/powers.h"
#include "ops/elementwise/rules/trigonometry.h"
#include "ops/elementwise/rules/activations.h"
#include "ops/elementwise/rules/special.h"
#include "ops/elementwise/rules/selections.h"
#include "ops/elementwise/rules/losses.h"
#include "ops/elementwise/rules/comparisons.h"

#undef VALUE1
#undef VALUE2
#undef VALUE3
#undef VALUEP
#undef SLOPE1
#undef SLOPE2
#undef SLOPE3
#undef SLOPEP
