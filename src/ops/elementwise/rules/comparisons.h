/* Rules of what has no derivative: comparisons, logic, rounding. Read by rules.h, once for each R. */

VALUE2(equal) { return EQUAL(a, b); }
VALUE2(not_equal) { return NOT_EQUAL(a, b); }
VALUE2(less) { return LESS(a, b); }
VALUE2(less_equal) { return LESS_EQUAL(a, b); }
VALUE2(greater) { return LESS(b, a); }
VALUE2(greater_equal) { return LESS_EQUAL(b, a); }

VALUE1(isnan) { return NOT_EQUAL(x, x); }
VALUE1(isinf)
{
    R size = ABS(x);
    return EQUAL(size, K(x, (double)INFINITY));
}
VALUE1(isfinite)
{
    R size = ABS(x);
    return LESS(size, K(x, (double)INFINITY));
}

VALUE1(signbit)
{
    R sign = LIBM2(copysign, K(x, 1), x);
    return LESS(sign, K(x, 0));
}

/* ---- logic: non-zero is true, NaN too ---------------------------------------------------------------------------- */

VALUE1(logical_not) { return EQUAL(x, K(x, 0)); }
VALUE2(logical_and)
{
    R zero = K(a, 0);
    R second = NOT_EQUAL(b, zero);
    return WHERE(NOT_EQUAL(a, zero), second, zero);
}
VALUE2(logical_or)
{
    R zero = K(a, 0);
    R one = K(a, 1);
    R second = NOT_EQUAL(b, zero);
    return WHERE(NOT_EQUAL(a, zero), one, second);
}
VALUE2(logical_xor)
{
    R zero = K(a, 0);
    R first = NOT_EQUAL(a, zero);
    return NOT_EQUAL(first, NOT_EQUAL(b, zero));
}

/* ---- steps ------------------------------------------------------------------------------------------------------- */

VALUE1(floor) { return LIBM1(floor, x); }
VALUE1(ceil) { return LIBM1(ceil, x); }
VALUE1(trunc) { return LIBM1(trunc, x); }
VALUE1(round) { return ROUND(x); }
VALUE2(floor_divide) { return FLOOR_DIVIDE(a, b); }

VALUE1(sign) /* zeros and NaN stay */
{
    R zero = K(x, 0);
    R one = K(x, 1);
    R minus = K(x, -1);
    R sided = WHERE(LESS(x, zero), minus, x);
    return WHERE(LESS(zero, x), one, sided);
}

VALUEP(heaviside) /* NaN stays */
{
    R zero = K(x, 0);
    R one = K(x, 1);
    R still = WHERE(EQUAL(x, zero), p, x);
    R raised = WHERE(LESS(x, zero), zero, still);
    return WHERE(LESS(zero, x), one, raised);
}
SLOPEP(heaviside) { return K(g, 0); }
