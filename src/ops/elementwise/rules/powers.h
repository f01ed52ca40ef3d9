/* Rules of powers, exponentials and logarithms (DLMF 4.2 to 4.8). Read by rules.h, once for each R. */

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

VALUE1(rsqrt)
{
    R one = K(x, 1);
    return OVER(one, SQRT(x));
}
SLOPE1(rsqrt) /* -g y / (2 x): fewer roundings than y^3 */
{
    R half = TIMES(y, K(g, -0.5));
    R slope = OVER(half, x);
    return MUL(g, slope);
}

VALUE1(cbrt) { return CBRT(x); }
SLOPE1(cbrt)
{
    R square = TIMES(y, y);
    R below = TIMES(square, K(g, 3));
    return DIV(g, below);
}

VALUE1(exp2) { return LIBM1(exp2, x); }
SLOPE1(exp2)
{
    R slope = TIMES(y, K(g, 0.69314718055994530942)); /* log 2 */
    return MUL(g, slope);
}

VALUE1(log2) { return LIBM1(log2, x); }
SLOPE1(log2)
{
    R ratio = DIV(g, x);
    return TIMES(ratio, K(g, 1.44269504088896340736)); /* 1 / log 2 */
}

VALUE1(log10) { return LIBM1(log10, x); }
SLOPE1(log10)
{
    R scaled = MUL(g, K(g, 0.43429448190325182765)); /* 1 / log 10 */
    return DIV(scaled, x);
}

VALUE2(pow_prime) { return MUL0(b, POW_LESS(a, b)); } /* b a^(b-1), and 0 where b = 0 also at a = 0 */
SLOPE2(pow_prime, a)                                  /* b (b-1) a^(b-2) */
{
    R lower = SUB(b, K(g, 1));
    R prime = STEP2(pow_prime, a, lower);
    R slope = MUL0(b, prime);
    return MUL(g, slope);
}
SLOPE2(pow_prime, b) /* a^(b-1) (1 + b log a), and 0 at a = 0 for b >= 0, as pow's own */
{
    R zero = K(g, 0);
    R one = K(g, 1);
    R lower = SUB(b, one);
    R power = POW(a, lower);
    R growth = TIMES(b, LOG(a));
    growth = ADD(growth, one);
    R slope = TIMES(power, growth);
    R sloped = MUL(g, slope);
    R base_zero = EQUAL(a, zero);
    R exponent_from_zero = LESS_EQUAL(zero, b); /* a NaN is not */
    R flat = WHERE(exponent_from_zero, base_zero, zero);
    return WHERE(flat, zero, sloped);
}

VALUE2(pow) { return POW(a, b); }
SLOPE2(pow, a) { return MUL(g, STEP2(pow_prime, a, b)); }
SLOPE2(pow, b) /* g a^b log a, and 0 at a = 0 for b >= 0: 0^b stays 0 */
{
    R zero = K(g, 0);
    R slope = TIMES(y, LOG(a));
    R sloped = MUL(g, slope);
    R base_zero = EQUAL(a, zero);
    R exponent_from_zero = LESS_EQUAL(zero, b); /* a NaN is not */
    R flat = WHERE(exponent_from_zero, base_zero, zero);
    return WHERE(flat, zero, sloped);
}

VALUE2(xlogy) /* 0 where a = 0, unless b is NaN */
{
    R zero = K(a, 0);
    R product = TIMES(a, LOG(b));
    R masked = WHERE(EQUAL(a, zero), zero, product);
    return WHERE(NOT_EQUAL(b, b), b, masked);
}
SLOPE2(xlogy, a) /* g log b, and 0 where a = 0 and log b is infinite or not there */
{
    R zero = K(g, 0);
    R sloped = MUL(g, LOG(b));
    R a_zero = EQUAL(a, zero);
    R flat = WHERE(LESS_EQUAL(b, zero), a_zero, zero);
    return WHERE(flat, zero, sloped);
}
SLOPE2(xlogy, b) /* g a / b, with the same zeros, so that the mixed derivative is one */
{
    R zero = K(g, 0);
    R sloped = MUL(g, DIV0(a, b));
    R a_zero = EQUAL(a, zero);
    R flat = WHERE(LESS_EQUAL(b, zero), a_zero, zero);
    return WHERE(flat, zero, sloped);
}

/* ---- log(e^a + e^b) ---------------------------------------------------------------------------------------------- */

/* e^a / (e^a + e^b) = sigmoid(a - b); of two infinite ones, half of infinity and nothing of -infinity. */
VALUE2(logaddexp_weight)
{
    R zero = K(a, 0);
    R difference = SUB(a, b);
    R same = EQUAL(a, b);
    R share = SIGMOID(WHERE(same, zero, difference));
    R low = EQUAL(a, K(a, -(double)INFINITY));
    R nothing = TIMES(low, same);
    return WHERE(nothing, zero, share);
}
#define EW_WEIGHT_SLOPE                                                                                                \
    R zero = K(g, 0);                                                                                                  \
    R difference = SUB(a, b);                                                                                          \
    R slope = SIGMOID_SLOPE(difference, y);                                                                            \
    R same = EQUAL(a, b);                                                                                              \
    R undefined = NOT_EQUAL(difference, difference);                                                                   \
    R infinite = TIMES(same, undefined);                                                                               \
    R sloped = MUL(g, slope);
SLOPE2(logaddexp_weight, a)
{
    EW_WEIGHT_SLOPE
    return WHERE(infinite, zero, sloped);
}
SLOPE2(logaddexp_weight, b)
{
    EW_WEIGHT_SLOPE
    R minus = NEG(sloped);
    return WHERE(infinite, zero, minus);
}
#undef EW_WEIGHT_SLOPE

VALUE2(logaddexp) /* max + log(1 + e^-|a - b|); equal infinities have no difference */
{
    R zero = K(a, 0);
    R other = WHERE(NOT_EQUAL(a, a), a, b);
    R top = WHERE(LESS(b, a), a, other);
    R difference = SUB(a, b);
    R apart = WHERE(EQUAL(a, b), zero, difference);
    return ADD(top, LOG1P(EXP(NEG(ABS(apart)))));
}
SLOPE2(logaddexp, a) { return MUL(g, STEP2(logaddexp_weight, a, b)); }
SLOPE2(logaddexp, b) { return MUL(g, STEP2(logaddexp_weight, b, a)); }
