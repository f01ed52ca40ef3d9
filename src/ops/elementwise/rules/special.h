/* Rules of special functions and of the activations made of them; values come from kernels/special.h (DLMF 5 and 7).
 * Read by rules.h, once for each R.
 *
 * Each slope is a sum of terms that cancel at most where the slope itself goes through 0, and its own slope again:
 * the bells (e^-x^2, the normal density, sigmoid_prime, tanh_prime) are steps that are right in relative terms far
 * out, and a bell times its argument is a MUL0, 0 at infinity. */

/* ---- the error function ------------------------------------------------------------------------------------------ */

VALUE1(bell) { return BELL(x); } /* e^(-x^2) */
SLOPE1(bell)
{
    R slope = MUL0(y, ADD(x, x));
    return NEG(MUL(g, slope));
}

VALUE1(normal_pdf) { return NORMAL_PDF(x); } /* e^(-x^2 / 2) / sqrt(2 pi) */
SLOPE1(normal_pdf)
{
    R slope = MUL0(y, x);
    return NEG(MUL(g, slope));
}

VALUE1(normal_cdf) { return NORMAL_CDF(x); } /* its integral */
SLOPE1(normal_cdf) { return MUL(g, STEP1(normal_pdf, x)); }

VALUE1(erf) { return ERF(x); }
SLOPE1(erf) /* 2 e^(-x^2) / sqrt(pi) */
{
    R bell = STEP1(bell, x);
    R slope = TIMES(bell, K(g, 1.1283791670955126));
    return MUL(g, slope);
}

VALUE1(erfc) { return ERFC(x); }
SLOPE1(erfc)
{
    R bell = STEP1(bell, x);
    R slope = TIMES(bell, K(g, -1.1283791670955126));
    return MUL(g, slope);
}

VALUE1(erfinv) { return ERFINV(x); }
SLOPE1(erfinv) /* sqrt(pi) e^(y^2) / 2 */
{
    R growth = EXP(TIMES(y, y));
    R slope = TIMES(growth, K(g, 0.886226925452758));
    return MUL(g, slope);
}

/* ---- the gamma function ------------------------------------------------------------------------------------------ */

VALUE1(lgamma) { return LGAMMA(x); }
SLOPE1(lgamma) { return MUL(g, DIGAMMA(x)); }

VALUE1(digamma) { return DIGAMMA(x); }
SLOPE1(digamma) { return MUL(g, TRIGAMMA(x)); }

VALUEP(polygamma) { return POLYGAMMA(x, p); }
SLOPEP(polygamma) { return MUL(g, POLYGAMMA_NEXT(x, p)); }

/* ---- sin(pi x) / (pi x) ------------------------------------------------------------------------------------------ */

VALUEP(sinc_order) { return SINC_ORDER(x, p); } /* the p-th derivative of sinc */
SLOPEP(sinc_order) { return MUL(g, SINC_NEXT(x, p)); }

VALUE1(sinc) { return SINC(x); }
SLOPE1(sinc)
{
    R zeroth = K(g, 0);
    return MUL(g, SINC_NEXT(x, zeroth));
}

/* ---- sigmoids and what is gated by them -------------------------------------------------------------------------- */

VALUE1(logit) { return LOGIT(x); }
SLOPE1(logit) /* 1 / (x (1 - x)) */
{
    R rest = SUB(K(g, 1), x);
    R below = TIMES(x, rest);
    return DIV(g, below);
}

VALUE1(logsigmoid) /* min(x, 0) - log(1 + e^-|x|) */
{
    R zero = K(x, 0);
    R bottom = WHERE(LESS(zero, x), zero, x);
    R rest = LOG1P(EXP(NEG(ABS(x))));
    return SUB(bottom, rest);
}
SLOPE1(logsigmoid)
{
    R minus = NEG(x);
    return MUL(g, SIGMOID(minus));
}

VALUE1(silu) { return SILU(x); }
SLOPE1(silu) /* s + x s', s = sigmoid(x) */
{
    R s = SIGMOID(x);
    R bell = SIGMOID_SLOPE(x, s);
    R far = MUL0(bell, x);
    return MUL(g, ADD(s, far));
}

VALUE1(gelu) { return GELU(x); }
SLOPE1(gelu) /* P + x p, P and p the normal distribution and density */
{
    R share = STEP1(normal_cdf, x);
    R bell = STEP1(normal_pdf, x);
    R far = MUL0(bell, x);
    return MUL(g, ADD(share, far));
}

VALUE1(gelu_tanh_prime) { return GELU_TANH_PRIME(x); } /* of x s(w), w = c x (1 + 0.044715 x^2), c = 2 sqrt(2 / pi) */
SLOPE1(gelu_tanh_prime)                                /* s'(w) (2 w' + x w'' - x w'^2 tanh(w / 2)), s = sigmoid */
{
    R zero = K(g, 0);
    R end = K(g, 64);
    R far_out = LESS(end, ABS(x)); /* there it is 0, and powers of x may overflow */
    R near = WHERE(far_out, zero, x);
    R bend = TIMES(near, near);
    R cubic = TIMES(bend, K(g, 0.07135481627260025));
    R once = ADD(cubic, K(g, 1.5957691216057308));
    R w = TIMES(near, once);
    R thrice = TIMES(cubic, K(g, 3));
    R steep = ADD(thrice, K(g, 1.5957691216057308));
    R still = TIMES(cubic, K(g, 6));
    still = ADD(still, steep);
    still = ADD(still, steep);
    R saturation = TANH(TIMES(w, K(g, 0.5)));
    R moving = TIMES(TIMES(steep, steep), near);
    moving = TIMES(moving, saturation);
    R bent = SUB(still, moving);
    R bell = STEP1(sigmoid_prime, w);
    R slope = TIMES(bell, bent);
    return MUL(g, WHERE(far_out, zero, slope));
}

VALUE1(gelu_tanh) { return GELU_TANH(x); }
SLOPE1(gelu_tanh) { return MUL(g, STEP1(gelu_tanh_prime, x)); }

VALUE1(mish) { return MISH(x); }
SLOPE1(mish) /* t + x t', t = tanh(softplus(x)), t' = tanh'(softplus(x)) sigmoid(x) */
{
    R plus = SOFTPLUS(x);
    R t = TANH(plus);
    R inner = TANH_SLOPE(plus, t);
    R s = SIGMOID(x);
    R bell = TIMES(inner, s);
    R far = MUL0(bell, x);
    return MUL(g, ADD(t, far));
}
