/* Rules of arithmetic. Read by rules.h, once for each R. */

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

/* a b + c, rounded once */
VALUE3(fma) { return LIBM3(fma, a, b, c); }
SLOPE3(fma, a) { return MUL(g, b); }
SLOPE3(fma, b) { return MUL(g, a); }
SLOPE3(fma, c) { return g; }

/* mul0 and div0. Their derivatives have the exact zeros too, so that a second derivative does not meet 0 inf where
 * the first did not. */
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

/* The quotient, and 0 where b = 0, and so are its derivatives, whatever comes to them. */
VALUE2(over0) { return OVER0(a, b); }
SLOPE2(over0, a)
{
    R zero = K(g, 0);
    R ratio = DIV(g, b);
    return WHERE(EQUAL(b, zero), zero, ratio);
}
SLOPE2(over0, b)
{
    R ratio = OVER0(y, b);
    return NEG(MUL(g, ratio));
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

/* ---- remainders: the quotient is an integer, locally constant ---------------------------------------------------- */

VALUE2(remainder) { return REMAINDER(a, b); }
SLOPE2(remainder, a) { return g; }
/* -g floor(a / b). a / b may round up to an integer; (a - y) / b is near the one that y was made with. */
SLOPE2(remainder, b)
{
    R multiple = SUB(a, y);
    R quotient = ROUND(OVER(multiple, b));
    return NEG(MUL(g, quotient));
}

VALUE2(fmod) { return LIBM2(fmod, a, b); }
SLOPE2(fmod, a) { return g; }
SLOPE2(fmod, b) /* -g trunc(a / b), likewise */
{
    R multiple = SUB(a, y);
    R quotient = ROUND(OVER(multiple, b));
    return NEG(MUL(g, quotient));
}

VALUE1(frac)
{
    R whole = LIBM1(trunc, x);
    return SUB(x, whole);
}
SLOPE1(frac) { return g; }

/* ---- between two numbers ----------------------------------------------------------------------------------------- */

VALUE3(lerp) /* a + c (b - a), from the nearer end, so that it is a at c = 0 and b at c = 1 */
{
    R difference = SUB(b, a);
    R half = K(a, 0.5);
    R rest = SUB(K(a, 1), c);
    R from_a = TIMES(c, difference);
    from_a = ADD(a, from_a);
    R from_b = TIMES(rest, difference);
    from_b = SUB(b, from_b);
    return WHERE(LESS(c, half), from_a, from_b);
}
SLOPE3(lerp, a)
{
    R one = K(g, 1);
    R rest = SUB(one, c);
    return MUL(g, rest);
}
SLOPE3(lerp, b) { return MUL(g, c); }
SLOPE3(lerp, c) { return MUL(g, SUB(b, a)); }
