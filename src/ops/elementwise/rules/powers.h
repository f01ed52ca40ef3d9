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
