/* The rules: each elementwise op's value and derivatives, as formulas in words.
 *
 * This file is compiled for R = double, R = float, and R = wg_var, the tape as a third real type; the including file has
 * defined R, EW(name) and the words (words_numeric.h, words_recorded.h). On numbers a rule becomes part of a fused loop; on
 * vars it records the derivative as ops, so the same formula serves derivatives of every order.
 *
 * The words of a rule: ADD SUB MUL DIV NEG, EXP LOG ..., WHERE(condition, a, b), LESS EQUAL ..., K(v, c) for the constant c
 * where v is any argument, SIGMOID_SLOPE and TANH_SLOPE. Three laws, so that a recording does not depend on the
 * compiler: no C operators on R, no C branches, and at most one argument of a call may itself record; the others stand
 * in locals, one a line. MUL and DIV take a cotangent, and record as an exact zero where it is one; TIMES and OVER are the
 * plain product and quotient of everything else. An input with zero cotangent gets an exact zero from the loop, whatever the formula gives.
 *
 * Formulas: NIST Digital Library of Mathematical Functions, dlmf.nist.gov, chapter 4; corners as ops.h says. */

#define VALUE1(name)    EW_RULE R EW(name##_value)(R x)
#define VALUE2(name)    EW_RULE R EW(name##_value)(R a, R b)
#define VALUE3(name)    EW_RULE R EW(name##_value)(R a, R b, R c)
#define SLOPE1(name)    EW_RULE R EW(name##_slope_a)(EW_MAYBE R g, EW_MAYBE R x, EW_MAYBE R y)
#define SLOPE2(name, k) EW_RULE R EW(name##_slope_##k)(EW_MAYBE R g, EW_MAYBE R a, EW_MAYBE R b, EW_MAYBE R y)
#define SLOPE3(name, k)                                                                                                \
    EW_RULE R EW(name##_slope_##k)(EW_MAYBE R g, EW_MAYBE R a, EW_MAYBE R b, EW_MAYBE R c, EW_MAYBE R y)

/* ---- arithmetic -------------------------------------------------------------------------------------------------- */

VALUE2(add) { return ADD(a, b); }
SLOPE2(add, a) { return g; }
SLOPE2(add, b) { return g; }

VALUE2(sub) { return SUB(a, b); }
SLOPE2(sub, a) { return g; }
SLOPE2(sub, b) { return NEG(g); }

VALUE2(mul) { return TIMES(a, b); }
SLOPE2(mul, a) { return MUL(g, b); }
SLOPE2(mul, b) { return MUL(g, a); }

VALUE2(div) { return OVER(a, b); }
SLOPE2(div, a) { return DIV(g, b); }
SLOPE2(div, b)
{
    R ratio = OVER(y, b);
    return NEG(MUL(g, ratio));
}

/* Their derivatives have the exact zeros too, so that a second derivative does not meet 0 inf where the first did not. */
VALUE2(mul0) { return MUL0(a, b); }
SLOPE2(mul0, a) { return MUL0(g, b); }
SLOPE2(mul0, b) { return MUL0(g, a); }

VALUE2(div0) { return DIV0(a, b); }
SLOPE2(div0, a) { return DIV0(g, b); }
SLOPE2(div0, b)
{
    R ratio = DIV0(y, b);
    return NEG(MUL0(g, ratio));
}

VALUE1(neg) { return NEG(x); }
SLOPE1(neg) { return NEG(g); }

VALUE1(square) { return TIMES(x, x); }
SLOPE1(square) { return MUL(g, ADD(x, x)); }

VALUE1(reciprocal)
{
    R one = K(x, 1);
    return OVER(one, x);
}
SLOPE1(reciprocal)
{
    R slope = TIMES(y, y);
    return NEG(MUL(g, slope));
}

VALUE1(abs) { return ABS(x); }
SLOPE1(abs)
{
    R zero = K(g, 0);
    R below = LESS(x, zero);
    R minus = NEG(g);
    R sided = WHERE(below, minus, g);
    return WHERE(EQUAL(x, zero), zero, sided);
}

/* ---- powers and logarithms ---------------------------------------------------------------------------------------- */

VALUE1(sqrt) { return SQRT(x); }
SLOPE1(sqrt) { return DIV(g, ADD(y, y)); }

VALUE1(exp) { return EXP(x); }
SLOPE1(exp) { return MUL(g, y); }

VALUE1(expm1) { return EXPM1(x); }
SLOPE1(expm1) { return MUL(g, EXP(x)); } /* y + 1 would cancel for x far below 0 */

VALUE1(log) { return LOG(x); }
SLOPE1(log) { return DIV(g, x); }

VALUE1(log1p) { return LOG1P(x); }
SLOPE1(log1p) { return DIV(g, ADD(x, K(g, 1))); }

VALUE2(pow) { return POW(a, b); }
SLOPE2(pow, a) /* g b a^(b-1), and 0 where b = 0 also at a = 0: no select, the slope changes with b there */
{
    R lower = SUB(b, K(g, 1));
    R power = POW(a, lower);
    R slope = MUL0(b, power);
    return MUL(g, slope);
}
SLOPE2(pow, b) /* g a^b log a, and 0 at a = 0 for b >= 0: 0^b stays 0 */
{
    R zero = K(g, 0);
    R slope = TIMES(y, LOG(a));
    R sloped = MUL(g, slope);
    R base_zero = EQUAL(a, zero);
    R exponent_below = LESS(b, zero);
    R flat = WHERE(exponent_below, zero, base_zero);
    return WHERE(flat, zero, sloped);
}

/* ---- trigonometry ------------------------------------------------------------------------------------------------- */

VALUE1(sin) { return SIN(x); }
SLOPE1(sin) { return MUL(g, COS(x)); }

VALUE1(cos) { return COS(x); }
SLOPE1(cos) { return NEG(MUL(g, SIN(x))); }

/* ---- activations -------------------------------------------------------------------------------------------------- */

VALUE1(tanh) { return TANH(x); }
SLOPE1(tanh) { return MUL(g, TANH_SLOPE(x, y)); }

VALUE1(sigmoid) { return SIGMOID(x); }
SLOPE1(sigmoid) { return MUL(g, SIGMOID_SLOPE(x, y)); }

VALUE1(relu)
{
    R zero = K(x, 0);
    return WHERE(LESS_EQUAL(x, zero), zero, x);
}
SLOPE1(relu)
{
    R zero = K(g, 0);
    return WHERE(LESS_EQUAL(x, zero), zero, g);
}

VALUE1(softplus) /* max(x, 0) + log(1 + e^-|x|) */
{
    R zero = K(x, 0);
    R top = WHERE(LESS(x, zero), zero, x);
    R rest = LOG1P(EXP(NEG(ABS(x))));
    return ADD(top, rest);
}
SLOPE1(softplus) { return MUL(g, SIGMOID(x)); }

VALUE1(tanh_prime) /* 1 / cosh^2 x = 4 e / (1 + e)^2, e = e^-2|x| */
{
    R e = EXP(NEG(ABS(ADD(x, x))));
    R below = ADD(e, K(x, 1));
    R root = OVER(e, TIMES(below, below));
    return TIMES(root, K(x, 4));
}
SLOPE1(tanh_prime) /* -2 tanh x / cosh^2 x */
{
    R ratio = TIMES(y, TANH(x));
    R slope = TIMES(ratio, K(g, -2));
    return MUL(g, slope);
}

VALUE1(sigmoid_prime) /* sigmoid(x) sigmoid(-x) = e / (1 + e)^2, e = e^-|x| */
{
    R e = EXP(NEG(ABS(x)));
    R below = ADD(e, K(x, 1));
    return OVER(e, TIMES(below, below));
}
SLOPE1(sigmoid_prime) /* sigmoid(x) sigmoid(-x) (1 - 2 sigmoid(x)), and 1 - 2 sigmoid(x) = -tanh(x / 2) */
{
    R half = TIMES(x, K(g, 0.5));
    R slope = TIMES(y, TANH(half));
    return NEG(MUL(g, slope));
}

/* ---- selections: they pass g whole or an exact zero ------------------------------------------------------------------ */

VALUE2(maximum) /* a where a > b or a is NaN; b otherwise, NaN included */
{
    R other = WHERE(NOT_EQUAL(a, a), a, b);
    return WHERE(LESS(b, a), a, other);
}
SLOPE2(maximum, a)
{
    R half = MUL(g, K(g, 0.5));
    R tied = WHERE(EQUAL(a, b), half, g);
    R zero = K(g, 0);
    return WHERE(LESS(a, b), zero, tied);
}
SLOPE2(maximum, b)
{
    R half = MUL(g, K(g, 0.5));
    R tied = WHERE(EQUAL(a, b), half, g);
    R zero = K(g, 0);
    return WHERE(LESS(b, a), zero, tied);
}

VALUE2(minimum)
{
    R other = WHERE(NOT_EQUAL(a, a), a, b);
    return WHERE(LESS(a, b), a, other);
}
SLOPE2(minimum, a)
{
    R half = MUL(g, K(g, 0.5));
    R tied = WHERE(EQUAL(a, b), half, g);
    R zero = K(g, 0);
    return WHERE(LESS(b, a), zero, tied);
}
SLOPE2(minimum, b)
{
    R half = MUL(g, K(g, 0.5));
    R tied = WHERE(EQUAL(a, b), half, g);
    R zero = K(g, 0);
    return WHERE(LESS(a, b), zero, tied);
}

VALUE3(where) { return WHERE(a, b, c); }
SLOPE3(where, b)
{
    R zero = K(g, 0);
    return WHERE(a, g, zero);
}
SLOPE3(where, c)
{
    R zero = K(g, 0);
    return WHERE(a, zero, g);
}

/* ---- comparisons -------------------------------------------------------------------------------------------------- */

VALUE2(equal) { return EQUAL(a, b); }
VALUE2(not_equal) { return NOT_EQUAL(a, b); }
VALUE2(less) { return LESS(a, b); }
VALUE2(less_equal) { return LESS_EQUAL(a, b); }
VALUE2(greater) { return LESS(b, a); }
VALUE2(greater_equal) { return LESS_EQUAL(b, a); }

#undef VALUE1
#undef VALUE2
#undef VALUE3
#undef SLOPE1
#undef SLOPE2
#undef SLOPE3
