/* Rules of losses, element by element. Each slope is written so that it is right in relative terms wherever a target
 * is between 0 and 1: a sum of terms of one sign, or of two signs only where the loss itself has its minimum. Read
 * by rules.h, once for each R. */

/* c (x - c / 2), c the nearest to x between -p and p: x^2 / 2, or p (|x| - p / 2) beyond p. */
VALUEP(huber)
{
    R low = NEG(p);
    R raised = WHERE(LESS(x, low), low, x);
    R near = WHERE(LESS(p, x), p, raised);
    R half = TIMES(near, K(x, 0.5));
    R rest = SUB(x, half);
    return TIMES(near, rest);
}
SLOPEP(huber) /* g c */
{
    R low = NEG(p);
    R raised = WHERE(LESS(x, low), low, x);
    R near = WHERE(LESS(p, x), p, raised);
    return MUL(g, near);
}

/* ---- -(t log p + (1 - t) log(1 - p)), a = p, b = t --------------------------------------------------------------- */

VALUE2(bce_slope) /* (p - t) / (p (1 - p)); where t is 0 or 1 a factor goes out of it */
{
    R one = K(a, 1);
    R rest = SUB(one, a);
    R distance = SUB(a, b);
    R mixed = OVER(distance, TIMES(a, rest));
    R hit = OVER(K(a, -1), a);
    R missed = OVER(one, rest);
    R soft = WHERE(EQUAL(b, one), hit, mixed);
    return WHERE(EQUAL(b, K(a, 0)), missed, soft);
}

VALUE2(bce) /* a term whose factor is 0 is 0; NaN where p is not a probability */
{
    R zero = K(a, 0);
    R one = K(a, 1);
    R rest = SUB(one, b);
    R hit = TIMES(b, LOG(a));
    R missed = TIMES(rest, LOG1P(NEG(a)));
    R first = WHERE(EQUAL(b, zero), zero, hit);
    R second = WHERE(EQUAL(rest, zero), zero, missed);
    R sum = ADD(first, second);
    R nan = K(a, (double)NAN);
    R below = WHERE(LESS(a, zero), nan, sum);
    R inside = WHERE(LESS(one, a), nan, below);
    return WHERE(NOT_EQUAL(a, a), a, NEG(inside));
}
SLOPE2(bce, a) { return MUL(g, STEP2(bce_slope, a, b)); }
SLOPE2(bce, b) /* g (log(1 - p) - log p) */
{
    R odds = LOGIT(a);
    return MUL(g, NEG(odds));
}

SLOPE2(bce_slope, a) /* g (t / p^2 + (1 - t) / (1 - p)^2) */
{
    R one = K(g, 1);
    R rest = SUB(one, a);
    R other = SUB(one, b);
    R hit = DIV0(b, a);
    R first = DIV0(hit, a);
    R missed = DIV0(other, rest);
    R second = DIV0(missed, rest);
    R slope = ADD(first, second);
    return MUL(g, slope);
}
SLOPE2(bce_slope, b) /* -g / (p (1 - p)) */
{
    R rest = SUB(K(g, 1), a);
    R product = TIMES(a, rest);
    R slope = OVER(K(g, -1), product);
    return MUL(g, slope);
}

/* ---- the same of p = sigmoid(x), a = x, b = t -------------------------------------------------------------------- */

VALUE2(bce_with_logits_slope) /* sigmoid(x) - t as (1 - t) sigmoid(x) - t sigmoid(-x) */
{
    R one = K(a, 1);
    R zero = K(a, 0);
    R e = EXP(NEG(ABS(a)));
    R below = ADD(one, e);
    R large = OVER(one, below);
    R small = OVER(e, below);
    R up = WHERE(LESS(a, zero), small, large);
    R down = WHERE(LESS(a, zero), large, small);
    R missed = TIMES(SUB(one, b), up);
    R hit = TIMES(b, down);
    return SUB(missed, hit);
}

VALUE2(bce_with_logits) /* -t x where x < 0, else (1 - t) x; and log(1 + e^-|x|) */
{
    R rest = SUB(K(a, 1), b);
    R under = MUL0(b, NEG(a));
    R over = MUL0(rest, a);
    R line = WHERE(LESS(a, K(a, 0)), under, over);
    R bend = LOG1P(EXP(NEG(ABS(a))));
    return ADD(line, bend);
}
SLOPE2(bce_with_logits, a) { return MUL(g, STEP2(bce_with_logits_slope, a, b)); }
SLOPE2(bce_with_logits, b) { return MUL(g, NEG(a)); }

SLOPE2(bce_with_logits_slope, a) { return MUL(g, STEP1(sigmoid_prime, a)); }
SLOPE2(bce_with_logits_slope, b) { return NEG(g); }

/* ---- t (log t - l), a = l, b = t --------------------------------------------------------------------------------- */

VALUE2(kl_div) /* 0 where t = 0 */
{
    R zero = K(a, 0);
    R distance = SUB(LOG(b), a);
    R product = TIMES(b, distance);
    return WHERE(EQUAL(b, zero), zero, product);
}
SLOPE2(kl_div, a) { return MUL(g, NEG(b)); }
SLOPE2(kl_div, b) /* g (1 + log t - l), and 0 where t = 0 */
{
    R zero = K(g, 0);
    R distance = SUB(LOG(b), a);
    R slope = ADD(distance, K(g, 1));
    R sloped = MUL(g, slope);
    return WHERE(EQUAL(b, zero), zero, sloped);
}
