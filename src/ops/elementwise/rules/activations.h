/* Rules of what neural networks put between their layers. Read by rules.h, once for each R. */

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

VALUE1(softplus) { return SOFTPLUS(x); }
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

VALUEP(leaky_relu)
{
    R zero = K(x, 0);
    R below = TIMES(x, p);
    return WHERE(LESS(zero, x), x, below);
}
SLOPEP(leaky_relu)
{
    R zero = K(g, 0);
    R below = MUL(g, p);
    return WHERE(LESS(zero, x), g, below);
}

VALUE2(prelu) /* leaky_relu with a slope that is learned: x = a, slope = b */
{
    R zero = K(a, 0);
    R below = TIMES(a, b);
    return WHERE(LESS(zero, a), a, below);
}
SLOPE2(prelu, a)
{
    R zero = K(g, 0);
    R below = MUL(g, b);
    return WHERE(LESS(zero, a), g, below);
}
SLOPE2(prelu, b)
{
    R zero = K(g, 0);
    R below = MUL(g, a);
    return WHERE(LESS(zero, a), zero, below);
}

VALUEP(elu)
{
    R zero = K(x, 0);
    R below = TIMES(p, EXPM1(x));
    return WHERE(LESS(zero, x), x, below);
}
SLOPEP(elu) /* below, p e^x: y + p would cancel */
{
    R zero = K(g, 0);
    R slope = TIMES(p, EXP(x));
    R below = MUL(g, slope);
    return WHERE(LESS(zero, x), g, below);
}

VALUEP(celu)
{
    R zero = K(x, 0);
    R below = TIMES(p, EXPM1(OVER(x, p)));
    return WHERE(LESS(zero, x), x, below);
}
SLOPEP(celu)
{
    R zero = K(g, 0);
    R below = MUL(g, EXP(OVER(x, p)));
    return WHERE(LESS(zero, x), g, below);
}

#define EW_SELU_ABOVE 1.0507009873554804934 /* the scale */
#define EW_SELU_BELOW 1.7580993408473768599 /* scale times alpha */
VALUE1(selu)
{
    R zero = K(x, 0);
    R above = TIMES(x, K(x, EW_SELU_ABOVE));
    R power = EXPM1(x);
    R below = TIMES(power, K(x, EW_SELU_BELOW));
    return WHERE(LESS(zero, x), above, below);
}
SLOPE1(selu)
{
    R zero = K(g, 0);
    R above = MUL(g, K(g, EW_SELU_ABOVE));
    R power = EXP(x);
    R slope = TIMES(power, K(g, EW_SELU_BELOW));
    R below = MUL(g, slope);
    return WHERE(LESS(zero, x), above, below);
}
#undef EW_SELU_BELOW
#undef EW_SELU_ABOVE

VALUE1(softsign) /* x / (1 + |x|), and the sign at the ends of the line */
{
    R one = K(x, 1);
    R size = ABS(x);
    R ratio = OVER(x, ADD(size, one));
    R sign = LIBM2(copysign, one, x);
    R infinite = EQUAL(size, K(x, (double)INFINITY));
    return WHERE(infinite, sign, ratio);
}
SLOPE1(softsign)
{
    R one = K(g, 1);
    R below = ADD(ABS(x), one);
    R ratio = OVER(one, below);
    R slope = TIMES(ratio, ratio);
    return MUL(g, slope);
}

/* ---- in straight pieces: at the ends of a flat piece the slope is 0, as PyTorch has it --------------------------- */

VALUE1(relu6)
{
    R zero = K(x, 0);
    R six = K(x, 6);
    R raised = WHERE(LESS(x, zero), zero, x);
    return WHERE(LESS(six, x), six, raised);
}
SLOPE1(relu6)
{
    R zero = K(g, 0);
    R six = K(g, 6);
    R raised = WHERE(LESS_EQUAL(x, zero), zero, g);
    return WHERE(LESS_EQUAL(six, x), zero, raised);
}

VALUEP(hardtanh)
{
    R raised = WHERE(LESS(x, p), p, x);
    return WHERE(LESS(q, x), q, raised);
}
SLOPEP(hardtanh)
{
    R zero = K(g, 0);
    R raised = WHERE(LESS_EQUAL(x, p), zero, g);
    return WHERE(LESS_EQUAL(q, x), zero, raised);
}

VALUE1(hardsigmoid) /* (x + 3) / 6 between -3 and 3 */
{
    R three = K(x, 3);
    R low = K(x, -3);
    R raised = WHERE(LESS(x, low), low, x);
    R between = WHERE(LESS(three, x), three, raised);
    R moved = ADD(between, three);
    return OVER(moved, K(x, 6));
}
SLOPE1(hardsigmoid)
{
    R zero = K(g, 0);
    R three = K(g, 3);
    R low = K(g, -3);
    R between = DIV(g, K(g, 6));
    R raised = WHERE(LESS_EQUAL(x, low), zero, between);
    return WHERE(LESS_EQUAL(three, x), zero, raised);
}

VALUE1(hardswish) /* x (x + 3) / 6 between -3 and 3, 0 below, x above */
{
    R zero = K(x, 0);
    R three = K(x, 3);
    R low = K(x, -3);
    R product = TIMES(x, ADD(x, three));
    R between = OVER(product, K(x, 6));
    R raised = WHERE(LESS_EQUAL(x, low), zero, between);
    return WHERE(LESS_EQUAL(three, x), x, raised);
}
SLOPE1(hardswish) /* (2 x + 3) / 6 between */
{
    R zero = K(g, 0);
    R three = K(g, 3);
    R low = K(g, -3);
    R twice = ADD(x, x);
    R above = ADD(twice, three);
    R slope = OVER(above, K(g, 6));
    R between = MUL(g, slope);
    R raised = WHERE(LESS_EQUAL(x, low), zero, between);
    return WHERE(LESS_EQUAL(three, x), g, raised);
}

/* ---- shrinking: a band around 0 becomes 0 ------------------------------------------------------------------------ */

VALUEP(threshold) { return WHERE(LESS_EQUAL(x, p), q, x); }
SLOPEP(threshold)
{
    R zero = K(g, 0);
    return WHERE(LESS_EQUAL(x, p), zero, g);
}

VALUEP(hardshrink)
{
    R size = ABS(x);
    R zero = K(x, 0);
    return WHERE(LESS_EQUAL(size, p), zero, x);
}
SLOPEP(hardshrink)
{
    R zero = K(g, 0);
    R size = ABS(x);
    return WHERE(LESS_EQUAL(size, p), zero, g);
}

VALUEP(softshrink)
{
    R nearer = LIBM2(copysign, p, x);
    R moved = SUB(x, nearer);
    R size = ABS(x);
    R zero = K(x, 0);
    return WHERE(LESS_EQUAL(size, p), zero, moved);
}
SLOPEP(softshrink)
{
    R zero = K(g, 0);
    R size = ABS(x);
    return WHERE(LESS_EQUAL(size, p), zero, g);
}

VALUE1(tanhshrink) { return TANHSHRINK(x); }
SLOPE1(tanhshrink) /* tanh^2 x, for 1 - 1 / cosh^2 x cancels */
{
    R t = TANH(x);
    return MUL(g, TIMES(t, t));
}
