/* Rules of selections: they pass g whole or an exact zero. Read by rules.h, once for each R. */

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

VALUE2(fmax) /* maximum, but of a number and NaN the number */
{
    R taken = WHERE(LESS(b, a), a, b);
    return WHERE(NOT_EQUAL(b, b), a, taken);
}
SLOPE2(fmax, a)
{
    R zero = K(g, 0);
    R half = MUL(g, K(g, 0.5));
    R tied = WHERE(EQUAL(a, b), half, g);
    R kept = WHERE(LESS(a, b), zero, tied);
    R beside_nan = WHERE(NOT_EQUAL(a, a), zero, kept);
    return WHERE(NOT_EQUAL(b, b), g, beside_nan);
}
SLOPE2(fmax, b)
{
    R zero = K(g, 0);
    R half = MUL(g, K(g, 0.5));
    R tied = WHERE(EQUAL(a, b), half, g);
    R kept = WHERE(LESS(b, a), zero, tied);
    return WHERE(NOT_EQUAL(b, b), zero, kept);
}

VALUE2(fmin) /* minimum, but of a number and NaN the number */
{
    R taken = WHERE(LESS(a, b), a, b);
    return WHERE(NOT_EQUAL(b, b), a, taken);
}
SLOPE2(fmin, a)
{
    R zero = K(g, 0);
    R half = MUL(g, K(g, 0.5));
    R tied = WHERE(EQUAL(a, b), half, g);
    R kept = WHERE(LESS(b, a), zero, tied);
    R beside_nan = WHERE(NOT_EQUAL(a, a), zero, kept);
    return WHERE(NOT_EQUAL(b, b), g, beside_nan);
}
SLOPE2(fmin, b)
{
    R zero = K(g, 0);
    R half = MUL(g, K(g, 0.5));
    R tied = WHERE(EQUAL(a, b), half, g);
    R kept = WHERE(LESS(a, b), zero, tied);
    return WHERE(NOT_EQUAL(b, b), zero, kept);
}

VALUE3(where) { return WHERE(a, b, c); }
SLOPE3(where, a) { return K(g, 0); }
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

VALUEP(clamp) /* NaN is neither below nor above */
{
    R raised = WHERE(LESS(x, p), p, x);
    return WHERE(LESS(q, x), q, raised);
}
SLOPEP(clamp)
{
    R zero = K(g, 0);
    R below = LESS(x, p);
    R raised = WHERE(below, zero, g);
    return WHERE(LESS(q, x), zero, raised);
}

VALUE2(copysign) { return LIBM2(copysign, a, b); }
SLOPE2(copysign, a) /* g where the sign was kept, -g where it was turned; 0 at 0, as abs */
{
    R zero = K(g, 0);
    R minus = NEG(g);
    R sided = WHERE(EQUAL(a, y), g, minus);
    return WHERE(EQUAL(a, zero), zero, sided);
}
SLOPE2(copysign, b) { return K(g, 0); }
