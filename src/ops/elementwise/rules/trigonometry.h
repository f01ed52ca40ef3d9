/* Rules of the trigonometric and hyperbolic functions and their inverses (DLMF 4.14 to 4.40). Read by rules.h, once for
 * each R. */

VALUE1(sin) { return SIN(x); }
SLOPE1(sin) { return MUL(g, COS(x)); }

VALUE1(cos) { return COS(x); }
SLOPE1(cos) { return NEG(MUL(g, SIN(x))); }

VALUE1(tan) { return LIBM1(tan, x); }
SLOPE1(tan)
{
    R square = TIMES(y, y);
    R slope = ADD(square, K(g, 1));
    return MUL(g, slope);
}

/* (1 - x) (1 + x), whose derivative by the product rule would cancel near 0. */
VALUE1(one_minus_square)
{
    R low = SUB(K(x, 1), x);
    R high = ADD(x, K(x, 1));
    return TIMES(low, high);
}
SLOPE1(one_minus_square)
{
    R slope = TIMES(x, K(g, -2));
    return MUL(g, slope);
}

VALUE1(asin) { return LIBM1(asin, x); }
SLOPE1(asin) { return DIV(g, SQRT(STEP1(one_minus_square, x))); }

VALUE1(acos) { return LIBM1(acos, x); }
SLOPE1(acos) { return NEG(DIV(g, SQRT(STEP1(one_minus_square, x)))); }

VALUE1(atan_prime) /* 1 / (1 + x^2), which far out is 1 / x^2, and x^2 may overflow */
{
    R one = K(x, 1);
    R inverse = OVER(one, x);
    R below = ADD(TIMES(x, x), one);
    R near = OVER(one, below);
    R far = TIMES(inverse, inverse);
    R size = ABS(x);
    return WHERE(LESS(K(x, 0x1p30), size), far, near);
}
SLOPE1(atan_prime) /* -2 x / (1 + x^2)^2 = -2 (x y) y, in this order: y^2 underflows too early */
{
    R ratio = MUL0(x, y);
    R product = TIMES(ratio, y);
    R slope = TIMES(product, K(g, -2));
    return MUL(g, slope);
}

VALUE1(atan) { return LIBM1(atan, x); }
SLOPE1(atan) { return MUL(g, STEP1(atan_prime, x)); }

/* ---- lengths and angles ------------------------------------------------------------------------------------------ */

/* a / hypot(a, b): the cosine of the angle of (a, b), 0 at the origin. Differentiated as a quotient it would cancel
 * where one of the two is much smaller; with s = the direction of (b, a), it is s^2 / hypot and -y s / hypot. */
VALUE2(direction) { return DIRECTION(a, b, LIBM2(hypot, a, b)); }
SLOPE2(direction, a)
{
    R sine = STEP2(direction, b, a);
    R square = TIMES(sine, sine);
    R length = LIBM2(hypot, a, b);
    R slope = OVER0(square, length);
    return MUL(g, slope);
}
SLOPE2(direction, b)
{
    R sine = STEP2(direction, b, a);
    R product = TIMES(y, sine);
    R length = LIBM2(hypot, a, b);
    R slope = OVER0(product, length);
    return NEG(MUL(g, slope));
}

VALUE2(hypot) { return LIBM2(hypot, a, b); }
SLOPE2(hypot, a) { return MUL(g, DIRECTION(a, b, y)); }
SLOPE2(hypot, b) { return MUL(g, DIRECTION(b, a, y)); }

VALUE2(atan2) { return LIBM2(atan2, a, b); }
SLOPE2(atan2, a) /* b / (a^2 + b^2), without the squares */
{
    R length = LIBM2(hypot, a, b);
    R cosine = DIRECTION(b, a, length);
    R slope = OVER0(cosine, length);
    return MUL(g, slope);
}
SLOPE2(atan2, b)
{
    R length = LIBM2(hypot, a, b);
    R sine = DIRECTION(a, b, length);
    R slope = OVER0(sine, length);
    return NEG(MUL(g, slope));
}

/* ---- hyperbolic functions ---------------------------------------------------------------------------------------- */

VALUE1(sinh) { return LIBM1(sinh, x); }
SLOPE1(sinh) { return MUL(g, LIBM1(cosh, x)); }

VALUE1(cosh) { return LIBM1(cosh, x); }
SLOPE1(cosh) { return MUL(g, LIBM1(sinh, x)); }

VALUE1(asinh_prime) /* 1 / sqrt(1 + x^2), without overflow */
{
    R one = K(x, 1);
    return OVER(one, LIBM2(hypot, x, one));
}
SLOPE1(asinh_prime) /* -x / (1 + x^2)^(3/2) = -(x y) y^2 */
{
    R sine = MUL0(x, y);
    R square = TIMES(y, y);
    R slope = TIMES(sine, square);
    return NEG(MUL(g, slope));
}

VALUE1(asinh) { return LIBM1(asinh, x); }
SLOPE1(asinh) { return MUL(g, STEP1(asinh_prime, x)); }

VALUE1(acosh) { return LIBM1(acosh, x); }
SLOPE1(acosh) /* 1 / sqrt(x^2 - 1), without overflow, and NaN below 1 */
{
    R low = SQRT(SUB(x, K(g, 1)));
    R high = SQRT(ADD(x, K(g, 1)));
    return DIV(g, TIMES(low, high));
}

VALUE1(atanh) { return LIBM1(atanh, x); }
SLOPE1(atanh) { return DIV(g, STEP1(one_minus_square, x)); }
