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
