/* Every op, grouped by room: a section's title is the file in src/ops that holds it. Names and semantics are NumPy's
 * and PyTorch's; where the two differ, the comment says which.
 *
 * An op computes its value at once and records itself. It fails, records nothing and returns an invalid var when an
 * operand is invalid (WG_ERROR_ARGUMENT), stale (WG_ERROR_STALE) or an index var where numbers are expected
 * (WG_ERROR_ARGUMENT), when the operands live on two tapes (WG_ERROR_ARGUMENT on both), when shapes or axes don't fit
 * or a size overflows (WG_ERROR_SHAPE), and when memory ends (WG_ERROR_MEMORY). Comments name only what comes beside
 * that.
 *
 * Below, y is the result, g its cotangent; "a: g b" reads "the adjoint of a gains g b". */
#ifndef WENGERT_OPS_H
#define WENGERT_OPS_H

#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ==== elementwise ====================================================================================================
 * Operands broadcast by NumPy's rule: shapes are aligned at their last axes, and an extent of 1 or a missing axis
 * stretches. The adjoint of a stretched operand is summed over the stretched axes. A zero cotangent contributes an
 * exact zero, whatever the local derivative (options.ieee_zero restores 0 inf = NaN). In a recorded derivative the
 * product is an exact zero when either factor is: there, unlike in wg_backward, an infinite or NaN cotangent times a
 * zero slope is 0. Formulas: NIST Digital Library of Mathematical Functions, dlmf.nist.gov, chapter 4, unless said
 * otherwise.
 *
 * Where PyTorch differs as a rule: at infinite and huge operands, derivatives of every order are their limits where
 * those exist (PyTorch: often NaN, of inf - inf or inf / inf). Outside of a function's domain, where its value is NaN,
 * its derivative is what the formula gives there, or NaN. At NaN, abs, relu, relu6, leaky_relu, hardsigmoid, hardtanh
 * and clamp pass g times a slope of theirs (PyTorch's abs, hardsigmoid and clamp: nothing), other functions NaN. Where
 * pieces meet and nothing else is said, a derivative of any order is that of the piece which gives the value (PyTorch's
 * second ones of elu, selu and celu at 0, of huber and smooth_l1 at their bounds are 0). */

/* ---- arithmetic -------------------------------------------------------------------------------------------------- */

WG_API wg_var wg_add(wg_var a, wg_var b); /* a + b.        a: g, b: g */
WG_API wg_var wg_sub(wg_var a, wg_var b); /* a - b.        a: g, b: -g */
WG_API wg_var wg_mul(wg_var a, wg_var b); /* a b.          a: g b, b: g a */
WG_API wg_var wg_div(wg_var a, wg_var b); /* a / b.        a: g / b, b: -g y / b */
WG_API wg_var wg_neg(wg_var x);           /* -x.           x: -g */
WG_API wg_var wg_abs(wg_var x);           /* |x|.          x: g sign x, zero at 0 */
WG_API wg_var wg_square(wg_var x);        /* x^2.          x: 2 g x */
WG_API wg_var wg_reciprocal(wg_var x);    /* 1 / x.        x: -g y^2 */

/* a b + c, rounded once (C's fma).  a: g b, b: g a, c: g */
WG_API wg_var wg_fma(wg_var a, wg_var b, wg_var c);

/* a + weight (b - a), from the nearer end: exactly a at weight 0 and b at weight 1 when both are finite (PyTorch's).
 * a: g (1 - weight), b: g weight, weight: g (b - a) */
WG_API wg_var wg_lerp(wg_var a, wg_var b, wg_var weight);

/* The rest of a / b: a - b floor(a / b), with the sign of b, a zero too (NumPy's remainder, torch.remainder, Python's
 * %). a: g, b: -g floor(a / b). Division by 0 is NaN, and b's derivative there too (PyTorch: infinite); the rest by an
 * infinite b of the other sign is b, and b's derivative then NaN. The derivatives are those between the jumps, which
 * lie where a / b is an integer. */
WG_API wg_var wg_remainder(wg_var a, wg_var b);

/* a - b trunc(a / b), with the sign of a (C's and NumPy's fmod), exact. a: g, b: -g trunc(a / b). fmod(a, 0) and
 * fmod(inf, b) are NaN, and so is b's derivative there (PyTorch: infinite). */
WG_API wg_var wg_fmod(wg_var a, wg_var b);

/* floor(a / b), the quotient that goes with remainder, from the exact remainder (NumPy's floor_divide, Python's //);
 * a / 0 is as in div. The derivative is zero. */
WG_API wg_var wg_floor_divide(wg_var a, wg_var b);

/* x - trunc(x), with the sign of x (PyTorch's); NaN at both infinities.  x: g */
WG_API wg_var wg_frac(wg_var x);

/* ---- powers, exponentials, logarithms ---------------------------------------------------------------------------- */

/* base^exponent. base: g e b^(e-1), zero where e = 0; exponent: g y log b, zero where b = 0 and e >= 0. The mixed
 * second derivative b^(e-1) (1 + e log b) is so where e = 0 as well (PyTorch: 0). pow(0, 0) = 1. A negative base is NaN
 * unless the exponent is an integer, and the exponent's derivative is NaN at any negative base. At base 0 an exponent
 * >= 0 has no part in any derivative: those with respect to it are zero, the mixed ones too, which for e <= 1 do not
 * exist as limits. */
WG_API wg_var wg_pow(wg_var base, wg_var exponent);

WG_API wg_var wg_sqrt(wg_var x);  /* x^(1/2).    x: g / (2 y), infinite at 0; NaN below 0 */
WG_API wg_var wg_rsqrt(wg_var x); /* x^(-1/2).   x: -g y / (2 x); infinite at 0, NaN below */
WG_API wg_var wg_cbrt(wg_var x);  /* x^(1/3), negative for negative x.  x: g / (3 y^2), infinite at 0 */
WG_API wg_var wg_exp(wg_var x);   /* e^x.        x: g y */
WG_API wg_var wg_exp2(wg_var x);  /* 2^x.        x: g y log 2 */
WG_API wg_var wg_expm1(wg_var x); /* e^x - 1, right for small x too.     x: g e^x */
WG_API wg_var wg_log(wg_var x);   /* the natural logarithm; -infinity at 0, NaN below.  x: g / x */
WG_API wg_var wg_log2(wg_var x);  /* to base 2, likewise.                x: g / (x log 2) */
WG_API wg_var wg_log10(wg_var x); /* to base 10, likewise.               x: g / (x log 10) */
WG_API wg_var wg_log1p(wg_var x); /* log(1 + x), right for small x too.  x: g / (1 + x) */

/* log(e^a + e^b), for any a and b, infinite ones too (NumPy's logaddexp).  a: g sigmoid(a - b), b: g sigmoid(b - a).
 * Two equal infinities have no difference: half of g goes to each at infinity, nothing at -infinity. */
WG_API wg_var wg_logaddexp(wg_var a, wg_var b);

/* x log y, and 0 where x = 0 (also where y <= 0), NaN where y is NaN (PyTorch's and SciPy's).  x: g log y; y: g x / y,
 * an exact zero where x = 0. Where x = 0 and y <= 0, at every order zero to both. */
WG_API wg_var wg_xlogy(wg_var x, wg_var y);

/* ---- trigonometry and hyperbolic functions. Angles are in radians ------------------------------------------------ */

WG_API wg_var wg_sin(wg_var x);   /* x: g cos x */
WG_API wg_var wg_cos(wg_var x);   /* x: -g sin x */
WG_API wg_var wg_tan(wg_var x);   /* x: g (1 + y^2) */
WG_API wg_var wg_asin(wg_var x);  /* for |x| <= 1.  x: g / sqrt((1 - x)(1 + x)), infinite at -1 and 1 */
WG_API wg_var wg_acos(wg_var x);  /* for |x| <= 1.  x: -g / sqrt((1 - x)(1 + x)) */
WG_API wg_var wg_atan(wg_var x);  /* x: g / (1 + x^2) */
WG_API wg_var wg_sinh(wg_var x);  /* x: g cosh x */
WG_API wg_var wg_cosh(wg_var x);  /* x: g sinh x */
WG_API wg_var wg_tanh(wg_var x);  /* x: g / cosh^2 x, right in the tails too */
WG_API wg_var wg_asinh(wg_var x); /* x: g / sqrt(1 + x^2), for huge x too */
WG_API wg_var wg_acosh(wg_var x); /* for x >= 1.    x: g / (sqrt(x - 1) sqrt(x + 1)), infinite at 1 */
WG_API wg_var wg_atanh(wg_var x); /* for |x| <= 1.  x: g / ((1 - x)(1 + x)), infinite at -1 and 1 */

/* sqrt(a^2 + b^2), without overflow on the way. a: g a / y, b: g b / y; zero at the origin, at every order. An operand
 * that is 0 has the derivative 0, whatever the other (PyTorch: NaN beside NaN). */
WG_API wg_var wg_hypot(wg_var a, wg_var b);

/* The angle of the point (x, y), between -pi and pi (C's atan2).  y: g x / (x^2 + y^2), x: -g y / (x^2 + y^2), without
 * the squares; zero at the origin, at every order. */
WG_API wg_var wg_atan2(wg_var y, wg_var x);

/* ---- special functions ------------------------------------------------------------------------------------------- */

/* Special functions (DLMF 5 and 7), right in relative terms in the tails too. */
WG_API wg_var wg_erf(wg_var x);    /* 2 / sqrt(pi) times the integral of e^-t^2 to x.  x: 2 g e^-x^2 / sqrt(pi) */
WG_API wg_var wg_erfc(wg_var x);   /* 1 - erf x, right for large x too.  x: -2 g e^-x^2 / sqrt(pi) */
WG_API wg_var wg_erfinv(wg_var x); /* erf(y) = x; infinite at -1 and 1, NaN beyond.  x: g sqrt(pi) e^y^2 / 2 */
WG_API wg_var wg_logit(wg_var x);  /* log(x / (1 - x)), infinite at 0 and 1, NaN beyond.  x: g / (x (1 - x)) */

/* log |Gamma(x)|: infinite at 0, -1, -2, ... and at both infinities (C and PyTorch; SciPy gives -inf at -inf). Neither
 * reads nor writes C's signgam.  x: g digamma(x) */
WG_API wg_var wg_lgamma(wg_var x);

/* The derivative of lgamma. At the poles: -inf at 0, inf at -0, NaN at -1, -2, ... (SciPy's); NaN at -inf.
 * x: g polygamma(1, x) */
WG_API wg_var wg_digamma(wg_var x);

/* The n-th derivative of digamma; n = 0 is digamma itself, n < 0 WG_ERROR_ARGUMENT. At the poles 0, -1, ...: inf for
 * odd n, and for even n as digamma (SciPy gives -inf). Time grows like n^2.  x: g polygamma(n + 1, x) */
WG_API wg_var wg_polygamma(int n, wg_var x);

/* sin(pi x) / (pi x), 1 at 0 (NumPy's and PyTorch's normalized one); 0 at both infinities, the limit, where those
 * give NaN. An exact 0 at the other integers.  x: g times sinc's derivative, from a recurrence, right to every order
 * around 0 too. */
WG_API wg_var wg_sinc(wg_var x);

/* ---- activations ------------------------------------------------------------------------------------------------- */

WG_API wg_var wg_sigmoid(wg_var x);  /* 1 / (1 + e^-x), for any x.  x: g y sigmoid(-x) */
WG_API wg_var wg_softplus(wg_var x); /* log(1 + e^x), for any x.    x: g sigmoid(x) */
WG_API wg_var wg_softsign(wg_var x); /* x / (1 + |x|), -1 and 1 at infinity (PyTorch: NaN).  x: g / (1 + |x|)^2 */
WG_API wg_var wg_relu(wg_var x);     /* max(x, 0), NaN for NaN.     x: g where x > 0, zero at 0 */

/* x between 0 and 6, NaN for NaN.  x: g where 0 < x < 6, zero at 0 and 6 (PyTorch's). */
WG_API wg_var wg_relu6(wg_var x);

/* x, or slope x where x <= 0.  x: g, or g slope where x <= 0 (PyTorch's). */
WG_API wg_var wg_leaky_relu(wg_var x, double slope);

/* leaky_relu with a slope that is a var, to be learned. The two broadcast; PyTorch's one slope per channel is a
 * slope of shape (C, 1, 1) for images.  x: g, or g slope where x <= 0; slope: g x where x <= 0, else zero. K. He, X.
 * Zhang, S. Ren, J. Sun, Delving deep into rectifiers, 2015. */
WG_API wg_var wg_prelu(wg_var x, wg_var slope);

/* x, or alpha (e^x - 1) where x <= 0.  x: g, or g alpha e^x where x <= 0, right in the tail too. D.-A. Clevert, T.
 * Unterthiner, S. Hochreiter, Fast and accurate deep network learning by exponential linear units, 2015. */
WG_API wg_var wg_elu(wg_var x, double alpha);

/* elu times 1.0507009873554805, with alpha 1.6732632423543773.  x: likewise. G. Klambauer, T. Unterthiner, A. Mayr, S.
 * Hochreiter, Self-normalizing neural networks, 2017. */
WG_API wg_var wg_selu(wg_var x);

/* x, or alpha (e^(x / alpha) - 1) where x <= 0.  x: g, or g e^(x / alpha) where x <= 0. alpha 0 is WG_ERROR_ARGUMENT.
 * J. T. Barron, Continuously differentiable exponential linear units, 2017. */
WG_API wg_var wg_celu(wg_var x, double alpha);

/* (x + 3) / 6 between -3 and 3, 0 below, 1 above.  x: g / 6 where -3 < x < 3, zero at -3 and 3 (PyTorch's). */
WG_API wg_var wg_hardsigmoid(wg_var x);

/* x hardsigmoid(x). x: g (2 x + 3) / 6 where -3 < x < 3; zero at -3 and below, g at 3 and above (PyTorch up to 2.6 has
 * -g / 2 at -3, 3 g / 2 at 3). 0 at -inf (PyTorch: NaN). */
WG_API wg_var wg_hardswish(wg_var x);

/* x between low and high, NaN for NaN: clamp, but for the derivative at the bounds.  x: g where low < x < high, zero at
 * both (PyTorch's, whose bounds are -1 and 1 unless given). Bounds that are NaN or out of order are
 * WG_ERROR_ARGUMENT. */
WG_API wg_var wg_hardtanh(wg_var x, double low, double high);

/* x where x > threshold, else value; NaN for NaN (PyTorch's).  x: g where x > threshold. A threshold that is NaN is
 * WG_ERROR_ARGUMENT. */
WG_API wg_var wg_threshold(wg_var x, double threshold, double value);

/* x, and 0 where |x| <= band (PyTorch's, whose band, lambda, is 0.5 unless given); NaN for NaN. x: g where |x| > band.
 * A band below 0 or NaN is WG_ERROR_ARGUMENT (PyTorch takes it). */
WG_API wg_var wg_hardshrink(wg_var x, double band);

/* x moved by band towards 0, and 0 where |x| <= band; otherwise as hardshrink (PyTorch's gives 0 for NaN). */
WG_API wg_var wg_softshrink(wg_var x, double band);

/* x - tanh x, right in relative terms around 0 too.  x: g tanh^2 x */
WG_API wg_var wg_tanhshrink(wg_var x);

/* Below, s = sigmoid(x). At -inf silu, gelu, gelu_tanh, mish and their derivatives are 0, the limit, where
 * PyTorch gives NaN. */
WG_API wg_var wg_logsigmoid(wg_var x); /* log s, for any x.                  x: g sigmoid(-x) */
WG_API wg_var wg_silu(wg_var x);       /* x s, also named swish.             x: g (s + x s (1 - s)) */

/* x t, t = tanh(softplus(x)) (D. Misra, arXiv 1908.08681).  x: g (t + x (1 - t^2) s) */
WG_API wg_var wg_mish(wg_var x);

/* x P(x), P the normal distribution, erfc(-x / sqrt 2) / 2 (D. Hendrycks, K. Gimpel, arXiv 1606.08415).
 * x: g (P(x) + x e^(-x^2/2) / sqrt(2 pi)) */
WG_API wg_var wg_gelu(wg_var x);

/* The approximation of gelu by x sigmoid(w), w = 2 sqrt(2 / pi) (x + 0.044715 x^3), which is x (1 + tanh(w / 2)) / 2.
 * x: g (s + x w' s (1 - s)), s = sigmoid(w) */
WG_API wg_var wg_gelu_tanh(wg_var x);

/* ---- selections: g passes whole or an exact zero does, also when it is infinite or NaN --------------------------- */

/* The larger, the smaller. NaN if either is. g goes to the operand taken, half to each at a tie. */
WG_API wg_var wg_maximum(wg_var a, wg_var b);
WG_API wg_var wg_minimum(wg_var a, wg_var b);

/* The same, but of a number and NaN the number (C's and NumPy's); g goes to the operand taken, half to each at a tie
 * (PyTorch: all to a). NaN only where both are, and g then goes to a. */
WG_API wg_var wg_fmax(wg_var a, wg_var b);
WG_API wg_var wg_fmin(wg_var a, wg_var b);

/* x between low and high, or bounded on one side; NaN for NaN.  x: g where low <= x <= high, both bounds included.
 * Bounds that are NaN or out of order are WG_ERROR_ARGUMENT. */
WG_API wg_var wg_clamp(wg_var x, double low, double high);
WG_API wg_var wg_clamp_min(wg_var x, double low);
WG_API wg_var wg_clamp_max(wg_var x, double high);

/* a where condition is true, else b; condition is a numeric var, non-zero (NaN too) is true. a: g where true, b: g
 * where false, an exact zero elsewhere, so nothing leaks from the branch not taken. The condition has no derivative. */
WG_API wg_var wg_where(wg_var condition, wg_var a, wg_var b);

/* value where mask is true, else x.  x: g where false. The mask, non-zero (NaN too) is true, has no derivative. */
WG_API wg_var wg_masked_fill(wg_var x, wg_var mask, double value);

/* |a| with the sign of b, of a zero or NaN too.  a: g or -g, as the sign was kept or turned; zero at 0. b: zero. */
WG_API wg_var wg_copysign(wg_var a, wg_var b);

/* ---- steps: the derivative is zero, everywhere ------------------------------------------------------------------- */

WG_API wg_var wg_floor(wg_var x); /* the largest integer <= x */
WG_API wg_var wg_ceil(wg_var x);  /* the smallest integer >= x */
WG_API wg_var wg_trunc(wg_var x); /* the integer part, towards 0 */
WG_API wg_var wg_round(wg_var x); /* the nearest integer, halves to the even one (NumPy's and PyTorch's) */
WG_API wg_var wg_sign(wg_var x);  /* -1, 0 or 1; NaN for NaN (NumPy's; PyTorch: 0) */

/* 0 below 0, 1 above, at_zero at 0; NaN for NaN (NumPy's heaviside, with a number for the second argument; PyTorch's
 * gives 0 for NaN). */
WG_API wg_var wg_heaviside(wg_var x, double at_zero);

/* Comparisons: 1 where true, 0 where false, in the tape's dtype; false with NaN, except not_equal. No derivative. */
WG_API wg_var wg_equal(wg_var a, wg_var b);
WG_API wg_var wg_not_equal(wg_var a, wg_var b);
WG_API wg_var wg_less(wg_var a, wg_var b);
WG_API wg_var wg_less_equal(wg_var a, wg_var b);
WG_API wg_var wg_greater(wg_var a, wg_var b);
WG_API wg_var wg_greater_equal(wg_var a, wg_var b);

/* What kind of number: 1 or 0. No derivative. */
WG_API wg_var wg_isnan(wg_var x);
WG_API wg_var wg_isinf(wg_var x);    /* of either sign */
WG_API wg_var wg_isfinite(wg_var x); /* neither infinite nor NaN */
WG_API wg_var wg_signbit(wg_var x);  /* the sign is minus, of a zero or NaN too */

/* Logic: non-zero is true, NaN too; the result is 1 or 0. No derivative. */
WG_API wg_var wg_logical_and(wg_var a, wg_var b);
WG_API wg_var wg_logical_or(wg_var a, wg_var b);
WG_API wg_var wg_logical_xor(wg_var a, wg_var b);
WG_API wg_var wg_logical_not(wg_var x);

/* ==== gated ==========================================================================================================
 * Gated linear units: x is cut in half along an axis, a the first half and b the second, and the one gates the other.
 * The extent of the axis must be even (WG_ERROR_SHAPE). Which half is the gate is torch.nn.functional.glu's choice: b.
 * N. Shazeer, GLU variants improve transformer, 2020. Each records its parts as ops of their own. */

WG_API wg_var wg_glu(wg_var x, int axis);    /* a sigmoid(b).  a: g sigmoid(b), b: g a sigmoid'(b) */
WG_API wg_var wg_reglu(wg_var x, int axis);  /* a relu(b).     a: g relu(b),    b: g a where b > 0 */
WG_API wg_var wg_geglu(wg_var x, int axis);  /* a gelu(b).     a: g gelu(b),    b: g a gelu'(b) */
WG_API wg_var wg_swiglu(wg_var x, int axis); /* a silu(b).     a: g silu(b),    b: g a silu'(b) */

/* ==== reduce =======================================================================================================
 * Over everything (the result is 0-d), or over n axes: negative ones count from the end; one that is absent or given
 * twice is WG_ERROR_SHAPE; n = 0 reduces none. A 0-d x has no axis, also not 0 or -1, which PyTorch takes for it, here
 * and, but for flatten, in the sections below. keepdims leaves each reduced axis with extent 1. A mean, variance or
 * median of nothing is an error, where NumPy and PyTorch give NaN. A sum without NaN, as numpy.nansum, is that of
 * wg_masked_fill(x, wg_isnan(x), 0). */

/* The sum, added in blocks and pairs, so its error grows like the logarithm of the count (N. J. Higham, The accuracy of
 * floating point summation, SIAM J. Sci. Comput. 14, 1993). Of nothing: 0. x: g, broadcast. */
WG_API wg_var wg_sum(wg_var x);
WG_API wg_var wg_sum_axes(wg_var x, const int *axes, size_t n, bool keepdims);

/* The sum over the count. Of nothing: WG_ERROR_SHAPE. x: g / count, broadcast. */
WG_API wg_var wg_mean(wg_var x);
WG_API wg_var wg_mean_axes(wg_var x, const int *axes, size_t n, bool keepdims);

/* The largest, the smallest; NaN if one is. Of nothing: WG_ERROR_SHAPE. Tied elements share g equally, as in PyTorch's
 * amax; where the result is NaN, the NaN elements do. */
WG_API wg_var wg_max(wg_var x);
WG_API wg_var wg_max_axes(wg_var x, const int *axes, size_t n, bool keepdims);
WG_API wg_var wg_min(wg_var x);
WG_API wg_var wg_min_axes(wg_var x, const int *axes, size_t n, bool keepdims);

/* ==== product =======================================================================================================
 * Axes as for sum. */

/* The product. Of nothing: 1. x: g times the product of the others, exact with one zero, two, or many: nothing is
 * divided. Of every order, in linear time. */
WG_API wg_var wg_prod(wg_var x);
WG_API wg_var wg_prod_axes(wg_var x, const int *axes, size_t n, bool keepdims);

/* ==== moment ========================================================================================================
 * Axes as for sum. */

/* sum (x - mean)^2 / divisor, divisor = count - correction: 0 is NumPy's default (the mean square), 1 PyTorch's
 * (unbiased). A divisor that is not positive is WG_ERROR_SHAPE. In two passes, stable under any offset (T. F. Chan, G.
 * H. Golub, R. J. LeVeque, Algorithms for computing the sample variance, The American Statistician 37, 1983). x: 2 g (x
 * - mean) / divisor. An infinite element makes y and its derivatives NaN (PyTorch: some of them infinite). */
WG_API wg_var wg_variance(wg_var x, double correction);
WG_API wg_var wg_variance_axes(wg_var x, const int *axes, size_t n, bool keepdims, double correction);

/* The standard deviation, the variance's root, without overflow or underflow of the squares.
 * x: g (x - mean) / (divisor y), and 0 at every order where all elements are equal. Errors as variance. */
WG_API wg_var wg_std(wg_var x, double correction);
WG_API wg_var wg_std_axes(wg_var x, const int *axes, size_t n, bool keepdims, double correction);

/* The Euclidean norm (sum x^2)^(1/2), over several axes the Frobenius norm; the squares neither overflow nor underflow.
 * Of nothing: 0. x: g x / y, and 0 at every order where y = 0. NaN if an element is, else infinite if one is. The sum
 * and the maximum norm are wg_sum(wg_abs(x)) and wg_max(wg_abs(x)). */
WG_API wg_var wg_norm(wg_var x);
WG_API wg_var wg_norm_axes(wg_var x, const int *axes, size_t n, bool keepdims);

/* ==== softmax ========================================================================================================
 * Exponentials are taken of differences to the maximum, so nothing overflows for any x. A group is the elements along
 * the axis, or the reduced axes; a NaN in it makes all of its results NaN. An axis that is absent is WG_ERROR_SHAPE. */

/* log sum e^x, by log1p of what the others add to the largest, so right in relative terms too where that is little. Of
 * nothing, and of all -inf: -inf. x: g softmax(x), which is 0 for all -inf. Axes as for sum. */
WG_API wg_var wg_logsumexp(wg_var x);
WG_API wg_var wg_logsumexp_axes(wg_var x, const int *axes, size_t n, bool keepdims);

/* e^x / sum e^x along an axis. x: y (g - sum (g y)), the sum being of differences to the g at the largest y, so nothing
 * cancels where that is nearly 1. Where all of a group are -inf, y is 0 and so is the derivative (PyTorch: NaN); where
 * some are +inf, they share 1 equally (PyTorch, SciPy: NaN). */
WG_API wg_var wg_softmax(wg_var x, int axis);

/* x - logsumexp(x) along an axis: softmax's logarithm, also where that underflows. x: g - e^y sum g, at e^y > 1/2
 * written without 1 - e^y. Where all of a group are -inf, so is y. */
WG_API wg_var wg_log_softmax(wg_var x, int axis);

/* ==== scan ==========================================================================================================
 * Along one axis; each result but diff's has x's shape. An axis that is absent, as every one of a 0-d x, is
 * WG_ERROR_SHAPE. Running maxima and minima, cummax and cummin, are in order. */

/* The sums of each element and those before it: right to about one rounding of the magnitudes' running sum, for up to 2^28
 * elements in WG_F32, which are summed in doubles, and for any number in WG_F64, where the sums are compensated (D. E. Knuth,
 * The Art of Computer Programming 2, 4.2.2). x: the sums of g and those after it. */
WG_API wg_var wg_cumsum(wg_var x, int axis);

/* The products of each element and those before it. x_i: sum over k >= i of g_k times the product of x_0 ... x_k
 * without x_i, by a recurrence without divisions: exact with zeros, of every order, in linear time. */
WG_API wg_var wg_cumprod(wg_var x, int axis);

/* log sum e^x over each element and those before it, for any x. x_i: sum over k >= i of g_k e^(x_i - y_k), no exponent
 * being above 0; an x of -inf gets 0. From the first +inf on, y is +inf, and each +inf weighs 1. */
WG_API wg_var wg_logcumsumexp(wg_var x, int axis);

/* Each element less the one before it, n times over: the axis loses n elements, and is empty where it has no more than
 * n. n = 0: x. numpy.diff, torch.diff. x: for n = 1 each element gets the g of the difference that it ends less that of
 * the one that it begins. */
WG_API wg_var wg_diff(wg_var x, size_t n, int axis);

/* ==== truth =========================================================================================================
 * Questions, axes as for sum. Non-zero is true, NaN too. No derivative. */

/* 1 where any element is non-zero, else 0; of nothing: 0. */
WG_API wg_var wg_any(wg_var x);
WG_API wg_var wg_any_axes(wg_var x, const int *axes, size_t n, bool keepdims);

/* 1 where no element is zero, else 0; of nothing: 1. */
WG_API wg_var wg_all(wg_var x);
WG_API wg_var wg_all_axes(wg_var x, const int *axes, size_t n, bool keepdims);

/* How many elements are non-zero, in the tape's dtype. */
WG_API wg_var wg_count_nonzero(wg_var x);
WG_API wg_var wg_count_nonzero_axes(wg_var x, const int *axes, size_t n, bool keepdims);

/* ==== order ========================================================================================================
 * Places in the order of numbers are indices and have no derivative; values are a gather with them, and have
 * gather's. A replay finds the order anew. Equal elements stay in the order of their indices, whichever the
 * direction; -0 equals 0. NaN counts as the largest number: it comes last in ascending order, as in NumPy and
 * PyTorch, and first in descending order, as in PyTorch. At a tie the derivative goes to the element whose index was
 * taken. */

/* The index of the largest, the smallest along an axis, an index var; of equal ones the first. Where there is NaN,
 * the first NaN, for argmin too, as in NumPy: so x there is what max and min give. Of nothing: WG_ERROR_SHAPE.
 * keepdims leaves the axis with extent 1, which is what gather takes. */
WG_API wg_var wg_argmax(wg_var x, int axis, bool keepdims);
WG_API wg_var wg_argmin(wg_var x, int axis, bool keepdims);

/* The largest, the smallest of each element and those before it: NumPy's maximum.accumulate, the values of
 * torch.cummax. NaN from the first NaN on. x: each element gets the g of the places whose value it is, of equal ones
 * the first (torch: the last). */
WG_API wg_var wg_cummax(wg_var x, int axis);
WG_API wg_var wg_cummin(wg_var x, int axis);

/* The indices that sort x along an axis, an index var of x's shape; stable. */
WG_API wg_var wg_argsort(wg_var x, int axis, bool descending);

/* x sorted along an axis: gather(x, argsort(x)). x: each element takes the g of the place it went to. */
WG_API wg_var wg_sort(wg_var x, int axis, bool descending);

/* The k largest along an axis, in descending order, and their indices, an index var: the first k of argsort,
 * descending. k above the extent is WG_ERROR_SHAPE. x: the g of each value at its index, zeros elsewhere. After an
 * error both are invalid. */
WG_API wg_status wg_topk(wg_var x, size_t k, int axis, wg_var *values, wg_var *indices);

/* The median, NumPy's: of an even count the mean of the two in the middle, where torch takes the lower one. NaN if
 * one is. Of nothing: WG_ERROR_SHAPE. Axes are as in reduce. x: g at the element in the middle, g / 2 at each of
 * two; where the result is NaN, g at the first NaN. */
WG_API wg_var wg_median(wg_var x);
WG_API wg_var wg_median_axes(wg_var x, const int *axes, size_t n, bool keepdims);

/* The quantile, NumPy's with method "linear": with p = q (count - 1), what stands at place p in order, from 0; between
 * two places the mean of the neighbours weighted by nearness (R. J. Hyndman and Y. Fan, Sample quantiles in statistical
 * packages, 1996, definition 7). q outside of [0, 1] is WG_ERROR_ARGUMENT. NaN if one is; an infinite neighbour counts
 * by its weight, and without one not at all (NumPy, PyTorch: NaN). Of nothing: WG_ERROR_SHAPE. x: g at the element
 * taken, or in the same weights at the two. */
WG_API wg_var wg_quantile(wg_var x, double q);
WG_API wg_var wg_quantile_axes(wg_var x, double q, const int *axes, size_t n, bool keepdims);

/* ==== shape ========================================================================================================
 * An axis given by the caller may be negative: it counts from the end. An axis that is not there is WG_ERROR_SHAPE. All
 * of these but sum_to take index vars too, and then give one. */

/* The same elements in row-major order under another shape of the same size. A view: nothing is copied. x: g
 * reshaped. */
WG_API wg_var wg_reshape(wg_var x, wg_shape shape);

/* Without the axes of extent 1: all of them, or the n axes given, where another extent is WG_ERROR_SHAPE as in NumPy
 * (PyTorch leaves such an axis). n = 0 removes none. Views. x: g reshaped. */
WG_API wg_var wg_squeeze(wg_var x);
WG_API wg_var wg_squeeze_axes(wg_var x, const int *axes, size_t n);

/* A new axis of extent 1, which is axis number axis of the result; -1 makes it the last. PyTorch's name and NumPy's. A
 * view. x: g reshaped. */
WG_API wg_var wg_unsqueeze(wg_var x, int axis);
WG_API wg_var wg_expand_dims(wg_var x, int axis);

/* The axes from start_axis to end_axis, both included, as one: wg_flatten(x, 0, -1) is 1-d, wg_flatten(x, 1, -1) keeps
 * a batch. A 0-d x becomes (1). PyTorch's flatten; NumPy's takes no axes. A view. x: g reshaped. */
WG_API wg_var wg_flatten(wg_var x, int start_axis, int end_axis);

/* The last two axes swapped; rank < 2 is WG_ERROR_SHAPE. matmul takes the result as it is; anything else that reads it
 * makes a copy, once. x: g transposed. */
WG_API wg_var wg_transpose(wg_var x);

/* Axis k of the result is axis axes[k] of x; axes names each axis once. NumPy's transpose(x, axes). A view where no two
 * axes of more than one element change places. x: g with the axes put back. */
WG_API wg_var wg_permute(wg_var x, const int *axes, size_t n);

/* Axes a and b change places. Of the last two this is wg_transpose. x: g with a and b swapped. */
WG_API wg_var wg_swapaxes(wg_var x, int a, int b);

/* Axis source of x becomes axis destination of the result; the others keep their order. x: g with the axis moved
 * back. */
WG_API wg_var wg_moveaxis(wg_var x, int source, int destination);

/* x stretched to a shape that it broadcasts to. x: g summed to x's shape. */
WG_API wg_var wg_broadcast_to(wg_var x, wg_shape shape);

/* The same with PyTorch's way to name the shape: n extents, of which -1 keeps x's own. The extents of new axes, which
 * stand first, must be given. Unlike PyTorch's, the result is an array of its own. x: g summed to x's shape. */
WG_API wg_var wg_expand(wg_var x, const ptrdiff_t *extents, size_t n);

/* The reverse of broadcast_to: x summed over the axes in which shape, which must broadcast to x's, is missing or 1.
 * x: g broadcast. */
WG_API wg_var wg_sum_to(wg_var x, wg_shape shape);

/* ==== index ========================================================================================================
 * All of these take index vars too, and then give them. */

/* x[start:stop:step] along an axis, with Python's meaning: negative bounds count from the end, bounds past the ends are
 * clipped, WG_END omits a bound, a negative step runs backwards. step = 0 is WG_ERROR_ARGUMENT. A slice of leading rows
 * is a view. x: g in the window, zeros elsewhere. */
WG_API wg_var wg_slice(wg_var x, int axis, ptrdiff_t start, ptrdiff_t stop, ptrdiff_t step);

/* x[index] along an axis, which is dropped: torch.select. A negative index counts from the end; one that is not there
 * is WG_ERROR_ARGUMENT. A view along the first axis. x: g at index, zeros elsewhere. */
WG_API wg_var wg_select(wg_var x, int axis, ptrdiff_t index);

/* The n >= 1 arrays one after the other along an axis; their other extents are equal. Numbers and indices together are
 * WG_ERROR_ARGUMENT. Each gets its part of g. */
WG_API wg_var wg_concat(const wg_var *x, size_t n, int axis);

/* The n >= 1 arrays, of one shape, side by side along a new axis, which is axis number axis of the result. Numbers and
 * indices together are WG_ERROR_ARGUMENT. Each gets its part of g, without the axis. */
WG_API wg_var wg_stack(const wg_var *x, size_t n, int axis);

/* x cut along an axis into equal parts: out[0..parts-1], slices in their order. An extent that parts does not divide is
 * WG_ERROR_SHAPE, as in NumPy's split; torch.split takes the extent of a part, torch.chunk leaves the last one smaller.
 * After an error every out is invalid. x: each part's g in its place. Any number of parts costs no more than x. */
WG_API wg_status wg_split(wg_var x, size_t parts, int axis, wg_var *out);

/* x cut along an axis into n parts of the extents given, whose sum is the axis's: torch.split with a list (NumPy's
 * split takes the places of the cuts). */
WG_API wg_status wg_split_sizes(wg_var x, const size_t *sizes, size_t n, int axis, wg_var *out);

/* x taken apart along an axis, the reverse of stack: as many results as the axis has elements, each without the axis.
 * numpy.unstack, torch.unbind. */
WG_API wg_status wg_unstack(wg_var x, int axis, wg_var *out);

/* ==== arrange ======================================================================================================
 * All of these take index vars too, and then give one. */

/* x with the order of elements reversed along each of n axes. n = 0 reverses none, as in PyTorch; NumPy's flip without
 * axes reverses all. x: g flipped. */
WG_API wg_var wg_flip(wg_var x, const int *axes, size_t n);

/* x moved along an axis by shift places, forwards when it is positive; what leaves at one end comes in at the other:
 * y[(i + shift) mod extent] = x[i]. NumPy's and PyTorch's roll without an axis is that of the flattened array.
 * x: g rolled by -shift. */
WG_API wg_var wg_roll(wg_var x, ptrdiff_t shift, int axis);

/* x set side by side with itself, reps[k] times along axis k: numpy.tile, and PyTorch's Tensor.repeat. The shorter of
 * reps and the shape gets 1s in front; more than 8 axes are WG_ERROR_SHAPE. 0 repetitions give an extent of 0. x: the
 * sum of g over the copies. */
WG_API wg_var wg_tile(wg_var x, const size_t *reps, size_t n);

/* Each element along an axis count times in a row: numpy.repeat, torch.repeat_interleave. x: the sum of g over the
 * copies. */
WG_API wg_var wg_repeat(wg_var x, size_t count, int axis);

/* ==== pad ========================================================================================================= */

/* What padding shows beside an array a b c d: */
typedef enum wg_pad_mode {
    WG_PAD_CONSTANT,  /* v v v | a b c d | v v v   a value */
    WG_PAD_REFLECT,   /* d c b | a b c d | c b a   a mirror in the middle of the last element, which is not repeated */
    WG_PAD_CIRCULAR,  /* b c d | a b c d | a b c   the array again; NumPy: wrap */
    WG_PAD_SYMMETRIC, /* c b a | a b c d | d c b   a mirror behind the last element */
    WG_PAD_REPLICATE  /* a a a | a b c d | d d d   the last element; NumPy: edge */
} wg_pad_mode;

/* x with a border: n widths, two for each of the last n / 2 axes, in the order of the axes and before its elements
 * first. (A matrix in PyTorch's pad has its columns' widths first.) value fills the border with WG_PAD_CONSTANT and is
 * not used else. Widths may be larger than the extent: the pattern goes on, as in NumPy since 1.25 (PyTorch refuses
 * it); with WG_PAD_REFLECT an extent of 1 is repeated. An axis of extent 0 can be padded with a value alone, otherwise
 * it is WG_ERROR_SHAPE; so is an odd n, or one larger than twice the rank. An unknown mode is WG_ERROR_ARGUMENT. x: to
 * each element, the sum of g where it is shown. */
WG_API wg_var wg_pad(wg_var x, const size_t *widths, size_t n, wg_pad_mode mode, double value);

/* ==== triangle =====================================================================================================
 * Of matrices, the last two axes; those before are a batch. Less than two axes is WG_ERROR_SHAPE. The offset is column
 * - row: 0 is the main diagonal, above it is positive. */

/* The diagonal, of shape (..., length); one that passes the matrix by is empty. The axes are those of
 * numpy.linalg.diagonal; numpy.diagonal and torch.diagonal take the first two. x: g on the diagonal, zeros
 * elsewhere. */
WG_API wg_var wg_diagonal(wg_var x, ptrdiff_t offset);

/* Square matrices of zeros with x, of shape (..., length), on a diagonal: torch.diag_embed. Rank 0 or 8 is
 * WG_ERROR_SHAPE. x: the diagonal of g. */
WG_API wg_var wg_diag_embed(wg_var x, ptrdiff_t offset);

/* numpy.diag: diag_embed of a vector, the diagonal of a matrix. Another rank is WG_ERROR_SHAPE. */
WG_API wg_var wg_diag(wg_var x, ptrdiff_t offset);

/* The sum of the main diagonal, of shape (...). numpy.trace takes the first two axes, torch.trace matrices alone.
 * x: g on the diagonal, zeros elsewhere. */
WG_API wg_var wg_trace(wg_var x);

/* x on the diagonal and below it (tril) or above it (triu), exact zeros elsewhere, whatever was there. x: tril or triu
 * of g. */
WG_API wg_var wg_tril(wg_var x, ptrdiff_t offset);
WG_API wg_var wg_triu(wg_var x, ptrdiff_t offset);

/* ==== gather =======================================================================================================
 * Index vars hold integers: -n <= i < n along an axis of n elements, negative ones counting from the end. One that
 * is out of range is WG_ERROR_ARGUMENT, when the op is applied and again in a replay, and the message names it.
 * Indices have no derivative. Numbers where indices are expected are WG_ERROR_ARGUMENT, and the reverse. Repeated
 * indices add up in the adjoint, in their order. An adjoint touches the picked places alone: many picks of one array
 * cost what they hold. */

/* Picks element by element along an axis, torch.gather: for axis 0 of rank 2, y[i, j] = x[indices[i, j], j]. indices
 * has as many axes as x, and beside that axis its extents are at most x's; y has its shape. NumPy's take_along_axis
 * is this with equal extents. x may be an index var too; then y is one. x: g added at the places picked, zeros
 * elsewhere. */
WG_API wg_var wg_gather(wg_var x, wg_var indices, int axis);

/* Picks whole rows along an axis, numpy.take, torch.index_select with indices of any shape: in y's shape, that of
 * indices stands in the place of the axis. x may be an index var too, such as the labels of which a batch is taken;
 * then y is one. x: g added at the rows picked. */
WG_API wg_var wg_take(wg_var x, wg_var indices, int axis);

/* Rows of a table, take along axis 0: torch.nn.functional.embedding. table: g added at the rows picked. */
WG_API wg_var wg_embedding(wg_var table, wg_var indices);

/* gather's reverse, torch.scatter_add out of place: x plus each of updates at its index; for axis 0 of rank 2,
 * y[indices[i, j], j] += updates[i, j]. updates has the shape of indices (torch lets it be larger, without a
 * derivative). x: g; updates: gather(g, indices). */
WG_API wg_var wg_scatter_add(wg_var x, wg_var indices, wg_var updates, int axis);

/* take's reverse, torch.index_add: x plus each row of updates at its index. updates has the shape that take(x, indices,
 * axis) has. x: g; updates: take(g, indices). */
WG_API wg_var wg_index_add(wg_var x, wg_var indices, wg_var updates, int axis);

/* ==== rows =========================================================================================================
 * Indices are as in gather. */

/* x with rows along its first axis replaced, NumPy's x[indices] = rows out of place: rows has the shape that take(x,
 * indices, 0) has. Of rows with the same index the last one wins, and it alone has a derivative. x: g, zeros in the
 * replaced rows; rows: the rows of g, zeros for one that was replaced again. */
WG_API wg_var wg_set_rows(wg_var x, wg_var indices, wg_var rows);

/* Numbers, 1 at the index and 0 elsewhere, along a new last axis of that many classes. No derivative. Negative
 * indices count from the end; torch refuses them. */
WG_API wg_var wg_one_hot(wg_var indices, size_t classes);

/* The indices as numbers of the tape's dtype, rounded above 2^53 (WG_F32: 2^24). No derivative. */
WG_API wg_var wg_to_numbers(wg_var indices);

/* The indices start, start + step, ... up to stop, which is left out: numpy.arange, Python's range; empty where step
 * leads away from stop. A step of 0 is WG_ERROR_ARGUMENT. */
WG_API wg_var wg_arange(wg_tape *tape, int64_t start, int64_t stop, int64_t step);

/* ==== matmul ====================================================================================================== */

/* The matrix product a @ b with NumPy's rule: (..., m, k) @ (..., k, n) is (..., m, n), leading axes broadcast; a 1-d
 * a is a row and a 1-d b a column whose axis is dropped from the result; 0-d is WG_ERROR_SHAPE. a: g b^T, b: a^T g,
 * summed over broadcast leading axes (M. Giles, Collected matrix derivative results for forward and reverse mode
 * algorithmic differentiation, 2008). Transposes made by wg_transpose cost no copy. A zero times NaN or infinity inside
 * the product is NaN, in the derivative too. */
WG_API wg_var wg_matmul(wg_var a, wg_var b);

/* ==== contract ==================================================================================================== */

/* The sum of a[i] b[i] of two arrays with one axis and equal lengths: 0-d. NumPy's vdot, PyTorch's dot; for more axes
 * see wg_inner and wg_matmul. Of nothing: 0. a: g b, b: g a. */
WG_API wg_var wg_dot(wg_var a, wg_var b);

/* y[i,j] = a[i] b[j] of two arrays with one axis each. (NumPy's outer also flattens what has more axes.)
 * a: g b, b: g^T a, both matrix products. */
WG_API wg_var wg_outer(wg_var a, wg_var b);

/* The last axes contracted: y[i..., j...] = sum_k a[i...,k] b[j...,k], for any ranks of at least 1 whose sum is at most
 * WG_MAX_RANK + 2. NumPy's inner, but a 0-d operand is WG_ERROR_SHAPE. a, b: g contracted with the other. */
WG_API wg_var wg_inner(wg_var a, wg_var b);

/* Axis axes_a[k] of a contracted with axis axes_b[k] of b, for all k < na = nb. The result has a's other axes, then
 * b's; at most WG_MAX_RANK. NumPy's and PyTorch's tensordot with two lists; with none, the outer product. One matrix
 * product; a, b: g contracted with the other. */
WG_API wg_var wg_tensordot(wg_var a, wg_var b, const int *axes_a, size_t na, const int *axes_b, size_t nb);

/* The Kronecker product: each element of a times all of b, as one array whose extents are the products; where one has
 * fewer axes it is filled up with 1 in front. NumPy's kron, for at most WG_MAX_RANK / 2 axes. a, b: g times the other,
 * summed. */
WG_API wg_var wg_kron(wg_var a, wg_var b);

/* The vector product a x b along the last axes, of extent 3; the others broadcast. numpy.cross of three-dimensional
 * vectors, torch.linalg.cross. a: b x g, b: g x a. */
WG_API wg_var wg_cross(wg_var a, wg_var b);

/* ==== einsum ====================================================================================================== */

/* The sum of products of n operands in Einstein's notation, with NumPy's syntax: "ij,jk->ik" is the matrix product. A
 * term per operand names its axes by letters; axes with the same letter run together, and what is not in the output
 * is summed. A letter twice in a term is a diagonal. Without "->" the output has the letters that occur once, in
 * ASCII's order (capitals first). "..." stands for the axes that are not named; they broadcast and come first in an
 * implicit output. An extent of 1 stretches to that of the same letter elsewhere, as in NumPy. Spaces are ignored.
 *
 * Sums of one operand's own are taken first, then pairs are contracted by matmul, at each step the pair whose product
 * is smallest beside its parts: no intermediate has more than WG_MAX_RANK axes, or it is WG_ERROR_SHAPE. Each operand
 * gets g contracted with the others. Subscripts that cannot be read, or that name a letter in the output alone, are
 * WG_ERROR_ARGUMENT; extents that differ WG_ERROR_SHAPE, naming operand and letter, and so is an output without "..."
 * where that stands for axes (NumPy's rule; PyTorch sums them). As in matmul, a zero times NaN or infinity inside a
 * product is NaN. */
WG_API wg_var wg_einsum(const char *subscripts, const wg_var *in, size_t n);

/* ==== linalg/solve ==================================================================================================
 * Stacks of matrices: the last two axes are the matrix, the leading ones count matrices, as in NumPy. Systems are
 * solved by LU with partial pivoting. A matrix is singular when elimination comes to a column with nothing but exact
 * zeros for a pivot: that is WG_ERROR_ARGUMENT, and the message names the matrix of the stack and the pivot (from 0),
 * in a replay too; one that is nearly singular gives large numbers. A NaN in a matrix is no error and makes its whole
 * result NaN. Derivatives: M. Giles, Collected matrix derivative results for forward and reverse mode algorithmic
 * differentiation, 2008. */

/* a^-1 b, without forming the inverse. a is (..., n, n). A 1-d b is a vector, any other b is matrices (..., n, k):
 * NumPy 2's rule, where earlier ones and PyTorch guess from the ranks. Leading axes broadcast. b: h = a^-T g, a: -h
 * y^T. The matrix is factored once for the result and all its derivatives; the factor stays on the tape. */
WG_API wg_var wg_solve(wg_var a, wg_var b);

/* The inverse of (..., n, n). a: -(a^-T g) y^T. wg_solve(a, b) is faster and more accurate than wg_matmul(wg_inv(a),
 * b). */
WG_API wg_var wg_inv(wg_var a);

/* a a ... a, n factors, by repeated squaring; the inverse of that for a negative n, the identity (with zero gradient)
 * for 0. a is (..., m, m). The derivative is that of the products. */
WG_API wg_var wg_matrix_power(wg_var a, int n);

/* ==== linalg/triangular =========================================================================================== */

/* op(t)^-1 b, t the upper or lower triangle of a (..., n, n), op the transpose where asked; with unit_diagonal t's
 * diagonal is taken as 1. Nothing else of a is read, and nothing else of it has a gradient. b and leading axes are as
 * in wg_solve. A zero on the diagonal is WG_ERROR_ARGUMENT, where PyTorch returns infinities; a NaN spreads as
 * substitution has it. b: h = op(t)^-T g; a: the triangle of -h y^T, or of -y h^T where transposed. */
WG_API wg_var wg_triangular_solve(wg_var a, wg_var b, bool upper, bool transpose, bool unit_diagonal);

/* (l l^T)^-1 b by two triangular solves, l as wg_cholesky gives it; b and leading axes are as in wg_solve. The upper
 * triangle of l is not read and has no gradient. */
WG_API wg_var wg_cholesky_solve(wg_var l, wg_var b);

/* ==== linalg/cholesky ============================================================================================= */

/* The lower triangular l, positive on its diagonal, with a = l l^T, of a symmetric positive definite a (..., n, n). As
 * in NumPy and PyTorch the lower triangle of a is read, and the derivative is with respect to a's symmetric part,
 * spread over both triangles: a: l^-T sym(phi(l^T g)) l^-1, phi the lower triangle with half of the diagonal, sym(m) =
 * (m + m^T) / 2 (I. Murray, Differentiation of the Cholesky decomposition, 2016). A matrix that is not positive
 * definite is WG_ERROR_ARGUMENT; the message names the first leading minor that is not positive, by its order from 1. A
 * NaN or infinity in what is read is no error and makes l NaN. */
WG_API wg_var wg_cholesky(wg_var a);

/* ==== linalg/det ================================================================================================== */

/* The determinant of each matrix of (..., n, n), of leading axes' shape: the product of LU's pivots; 1 for n = 0,
 * NaN for a matrix with a NaN; a singular matrix is no error. a: g times the cofactors, adj(a)^T, which is det(a)
 * a^-T where that exists. (The textbook's and PyTorch's det(a) a^-T fails where det vanishes.) Cofactors and their
 * derivatives come from a complete elimination that never divides by det. So derivatives of orders 1 to 8 are right
 * for matrices of every size and rank, singular and nearly singular ones too. Those of higher orders exist up to 8 x
 * 8, where they are zero; for larger matrices they are WG_ERROR_UNSUPPORTED. Order 1 and 2 take of the order of n^3
 * operations, order k >= 3 n^k. */
WG_API wg_var wg_det(wg_var a);

/* The sign of the determinant, -1, 0 or 1, and the logarithm of its magnitude, which neither overflow nor underflow.
 * The sign has no derivative; logabsdet's: a: g a^-T. Both are NaN for a matrix with a NaN or infinity that reaches a
 * pivot (as NumPy's; PyTorch's sign is 0). A singular matrix has sign 0 and logabsdet -inf, and a sweep that comes to
 * its logabsdet is WG_ERROR_ARGUMENT. After an error both are invalid. */
WG_API wg_status wg_slogdet(wg_var a, wg_var *sign, wg_var *logabsdet);

/* ==== linalg/qr =================================================================================================== */

/* The reduced QR decomposition of matrices (..., m, n), k = min(m, n): x = q r, q (..., m, k) with orthonormal
 * columns, r (..., k, n) upper triangular. The diagonal of r is never negative, which makes q and r unique where the
 * rank is full; NumPy's, PyTorch's and JAX's signs are LAPACK's, which may differ, column by column of q and row by
 * row of r. A matrix with a NaN or infinity has NaN results.
 * x: (gq + q C) r^-T for m >= n, C the lower triangle of r gr^T - gq^T q mirrored (S. Walter and L. Lehmann,
 * Algorithmic differentiation of linear algebra functions, 2010); for wide ones the first m columns are decomposed
 * so, and the others give r's by q^T (Roberts and Roberts 2020). The derivative of a matrix whose columns (its first
 * m, if wide) don't have full rank, |r_kk| <= n eps max |r_ii|, is WG_ERROR_ARGUMENT. */
WG_API wg_status wg_qr(wg_var x, wg_var *q, wg_var *r);

/* ==== linalg/eigh ================================================================================================= */

/* Eigenvalues (..., n), ascending, and eigenvectors, the columns of vectors (..., n, n), of the symmetric parts of the
 * matrices x (..., n, n): (x + x^T) / 2 = vectors diag(values) vectors^T. (NumPy and PyTorch read the lower triangle
 * alone; of a symmetric matrix the results are the same.) Of each vector the first of the largest elements, all those
 * within 1/1024 of the largest, is positive; elsewhere signs are arbitrary. A matrix with a NaN or infinity has NaN
 * results; an iteration that does not converge is WG_ERROR_NONFINITE.
 * values: x gets V diag(g) V^T, also where values coincide (the eigenvectors found share it). vectors: x gets the
 * symmetric part of V (F o V^T g) V^T, F_ij = 1 / (w_j - w_i) off the diagonal (M. Giles, Collected matrix derivative
 * results, 2008, section 3.1). Where two values are nearer than n eps max |w| that derivative does not exist:
 * WG_ERROR_ARGUMENT from the sweep, and so for the second derivative of the values. */
WG_API wg_status wg_eigh(wg_var x, wg_var *values, wg_var *vectors);

/* ==== linalg/svd ================================================================================================== */

/* The reduced singular value decomposition of matrices (..., m, n), k = min(m, n): x = u diag(s) vt, u (..., m, k)
 * and the transpose of vt (..., k, n) with orthonormal columns, s (..., k) descending. Of each column of u the first
 * of the largest elements, all those within 1/1024 of the largest, is positive; elsewhere signs are arbitrary. A
 * matrix with a NaN or infinity has NaN results; an iteration that does not converge is WG_ERROR_NONFINITE.
 * s: x gets u diag(g) vt, also where values coincide. u, vt: J. Townsend, Differentiating the singular value
 * decomposition, 2016. Their derivatives don't exist where two values are nearer than k eps max s, nor that of u for
 * m > n, and of vt for m < n, where one is below that: WG_ERROR_ARGUMENT from the sweep, and so for the second
 * derivative of s. */
WG_API wg_status wg_svd(wg_var x, wg_var *u, wg_var *s, wg_var *vt);

/* ==== linalg/lstsq ================================================================================================ */

/* The x that makes the length of a x - b least, for a (..., m, n) of full column rank, m >= n: column by column of b
 * (..., m, k), or of a vector b (m), as in wg_solve. Leading axes broadcast. By QR; the result alone, without the
 * residuals, rank and singular values that NumPy and PyTorch return. Fewer rows than columns are WG_ERROR_SHAPE; a
 * rank that is not full, |r_kk| <= n eps max |r_ii| in a = q r, is WG_ERROR_ARGUMENT: see wg_pinv. A NaN or infinity
 * in a matrix makes its result NaN. b: h = a (a^T a)^-1 g; a: (b - a x) ((a^T a)^-1 g)^T - h x^T, no a^T a being
 * formed (G. Golub and V. Pereyra, The differentiation of pseudo-inverses and nonlinear least squares problems whose
 * variables separate, SIAM J. Numer. Anal. 10, 1973). */
WG_API wg_var wg_lstsq(wg_var a, wg_var b);

/* ==== linalg/pinv ================================================================================================= */

/* The Moore-Penrose pseudo-inverse (..., n, m) of matrices (..., m, n), of any rank: singular values up to max(m, n)
 * eps times the largest count as zero (PyTorch's default). A matrix with a NaN or infinity has a NaN result.
 * x: -y^T g y^T + (1 - x y) g^T y y^T + y^T y g^T (1 - y x), the derivative among matrices of one rank (Golub and
 * Pereyra 1973): it exists whether or not singular values coincide. */
WG_API wg_var wg_pinv(wg_var x);

/* ==== conv =========================================================================================================
 * Convolution as networks mean it, which is cross-correlation: the kernel is not flipped. Layouts are PyTorch's: (N, C,
 * spatial...) or, for one image, (C, spatial...). No bias: add a var of shape (C, 1, ...), with a 1 for each spatial
 * axis. Shapes and the transposed form: V. Dumoulin and F. Visin, A guide to convolution arithmetic for deep learning,
 * 2016. A convolution's padding is zeros, of which no product is promised: next to an infinite or NaN weight, an output at
 * the edge may be NaN or not. A transposed convolution, and so the derivative of x, has no padding: its sums are over
 * what is there. Other paddings: pad first. */

/* One entry per spatial axis, in the order of x's axes; no entry may be set for an axis that is not there. Zeros are
 * the defaults, but a stride or dilation that is set for one axis must be set for all. NULL: all defaults. */
typedef struct wg_conv_options {
    size_t stride[3];         /* the step from window to window; default 1 */
    size_t padding[3];        /* zeros on either side; default 0 */
    size_t dilation[3];       /* the step from tap to tap; default 1 */
    size_t output_padding[3]; /* transposed only: see there; default 0 */
    size_t groups;            /* the channels are taken apart into so many groups, convolved alone; default 1 */
} wg_conv_options;

/* y[n, o, p] = sum over c, k of x[n, c, p stride + k dilation - padding] weight[o, c, k], c running over the C / groups
 * channels of o's group, k over the kernel. x is (N, C, L), (N, C, H, W) or (N, C, D, H, W); weight is
 * (O, C / groups, kernel...), groups dividing O; y is (N, O, ...) with extents
 * floor((extent + 2 padding - dilation (kernel - 1) - 1) / stride) + 1. A kernel larger than the padded input is
 * WG_ERROR_SHAPE. x: the transposed convolution of g; weight: the sum over n, p of g[n, o, p] times the x that it
 * meets. */
WG_API wg_var wg_conv1d(wg_var x, wg_var weight, const wg_conv_options *options);
WG_API wg_var wg_conv2d(wg_var x, wg_var weight, const wg_conv_options *options);
WG_API wg_var wg_conv3d(wg_var x, wg_var weight, const wg_conv_options *options);

/* The adjoint of the convolution, not its inverse: y[n, o, p stride + k dilation - padding] gains
 * x[n, c, p] weight[c, o, k]. x is (N, C, ...), weight (C, O / groups, kernel...), groups dividing C; y is (N, O, ...)
 * with extents (extent - 1) stride - 2 padding + dilation (kernel - 1) + 1 + output_padding: several input extents of a
 * convolution have one output extent, and output_padding, smaller than stride or dilation, says which is meant.
 * x: the convolution of g; weight: as there, the roles exchanged. */
WG_API wg_var wg_conv_transpose1d(wg_var x, wg_var weight, const wg_conv_options *options);
WG_API wg_var wg_conv_transpose2d(wg_var x, wg_var weight, const wg_conv_options *options);
WG_API wg_var wg_conv_transpose3d(wg_var x, wg_var weight, const wg_conv_options *options);

/* ==== unfold ====================================================================================================== */

/* Entries for height and width. Zeros are the defaults, but a stride or dilation set for one axis must be set for
 * both. */
typedef struct wg_unfold_options {
    size_t kernel[2];   /* taps of a window; has no default */
    size_t stride[2];   /* the step from window to window; default 1 */
    size_t padding[2];  /* zeros on either side; default 0 */
    size_t dilation[2]; /* the step from tap to tap; default 1 */
} wg_unfold_options;

/* The windows of x as columns: x (N, C, H, W) gives (N, C kh kw, L), rows being (channel, tap) and columns the windows,
 * both row-major; without N there and here. L is the number of outputs of a convolution with these settings. PyTorch's
 * unfold. x: col2im of g. */
WG_API wg_var wg_im2col(wg_var x, const wg_unfold_options *options);

/* The adjoint, PyTorch's fold: (N, C kh kw, L) gives (N, C, height, width), each element the sum of what the windows
 * have of it, which is not im2col's inverse where windows overlap. columns: im2col of g. */
WG_API wg_var wg_col2im(wg_var columns, size_t height, size_t width, const wg_unfold_options *options);

/* ==== pool =========================================================================================================
 * x is (N, C, spatial...) or (C, spatial...); windows run over the last one, two or three axes. To pool over the whole
 * of them (global, or adaptive to one) take mean_axes or max_axes. */

/* One entry per spatial axis, in the order of x's axes, and none for other axes. Zeros are the defaults, but a stride
 * or dilation that is set for one axis must be set for all. */
typedef struct wg_pool_options {
    size_t kernel[3];     /* taps of a window; has no default */
    size_t stride[3];     /* the step from window to window; default the kernel: windows side by side */
    size_t padding[3];    /* on either side, at most half the kernel; default 0 */
    size_t dilation[3];   /* max alone: the step from tap to tap; default 1 */
    bool ceil_mode;       /* a last window that hangs over the end by less than a stride counts too, also as the only
                           * one, if it begins before the end */
    bool exclude_padding; /* avg alone: divide by the elements of x alone (PyTorch: count_include_pad = False) */
} wg_pool_options;

/* The largest that each window sees; the padding never wins; NaN where a NaN is seen. Extents as a convolution's. A
 * window that sees nothing of x is WG_ERROR_SHAPE (PyTorch: -inf). x: g to the element that was largest, shared equally
 * among ties as in max_axes (PyTorch: all of it to the first); windows that overlap add up. */
WG_API wg_var wg_max_pool1d(wg_var x, const wg_pool_options *options);
WG_API wg_var wg_max_pool2d(wg_var x, const wg_pool_options *options);
WG_API wg_var wg_max_pool3d(wg_var x, const wg_pool_options *options);

/* The mean of each window, in which the padding counts as zeros unless exclude_padding is set; what hangs over the
 * padding in ceil_mode does not count. x: g over the count, from each window that sees the element. */
WG_API wg_var wg_avg_pool1d(wg_var x, const wg_pool_options *options);
WG_API wg_var wg_avg_pool2d(wg_var x, const wg_pool_options *options);
WG_API wg_var wg_avg_pool3d(wg_var x, const wg_pool_options *options);

/* ==== resample =====================================================================================================
 * The last n axes of x brought to the n extents of size, larger or smaller; the axes before them stay. PyTorch's
 * interpolate without antialias. An extent of 0, old or new, is WG_ERROR_SHAPE. Below, m is an old extent, n' the
 * new. */

/* y[j] = x[floor(j m / n')], in whole numbers (PyTorch computes it in float). x: g summed over the copies. */
WG_API wg_var wg_upsample_nearest(wg_var x, const size_t *size, size_t n);

/* Linear along each axis: with n = 1 linear, 2 bilinear, 3 trilinear. Output j lies at (j + 1/2) m / n' - 1/2 among the
 * inputs, not before the first or past the last, or, with align_corners, at j (m - 1) / (n' - 1), at 0 when n' = 1. An
 * output that lies on an input is that input, whatever its neighbours. x: each output's g, by the same weights. */
WG_API wg_var wg_upsample_linear(wg_var x, const size_t *size, size_t n, bool align_corners);
WG_API wg_var wg_upsample_bilinear(wg_var x, size_t height, size_t width, bool align_corners);

/* ==== norm =========================================================================================================
 * Normalisation. weight and bias scale and shift the result, element by element; a {0} var leaves one out. epsilon,
 * finite and not negative, is added to a variance, and keeps rows of equal elements at zero with a finite derivative;
 * 1e-5 is usual. Variances have no correction (they divide by n). Below, m and v are the mean and variance of the
 * elements that are normalised together, s = sqrt(v + epsilon), and z = (x - m) / s. Where v + epsilon is 0, z is 0,
 * and so is its derivative; so they are for a single element, which PyTorch refuses in training. A result next to a
 * large offset is as accurate as without.
 * x: (h - mean h - z mean(h z)) / s with h = g weight; weight: g z, bias: g, each summed to its shape. */

/* z weight + bias over the last `axes` axes, taken together: 1 for (batch, features). weight and bias have the shape of
 * those axes. J. L. Ba, J. R. Kiros, G. E. Hinton, Layer normalization, 2016. */
WG_API wg_var wg_layer_norm(wg_var x, wg_var weight, wg_var bias, size_t axes, double epsilon);

/* The same without centering and bias: x / sqrt(mean x^2 + epsilon) weight. B. Zhang, R. Sennrich, Root mean square
 * layer normalization, 2019. x: (h - z mean(h z)) / s, with m = 0. */
WG_API wg_var wg_rms_norm(wg_var x, wg_var weight, size_t axes, double epsilon);

/* x is (N, C, ...), weight and bias (C): z is taken over each of the groups, of C / groups channels, of each sample.
 * groups must divide C. Y. Wu, K. He, Group normalization, 2018. */
WG_API wg_var wg_group_norm(wg_var x, size_t groups, wg_var weight, wg_var bias, double epsilon);

/* The same with one group for each channel. D. Ulyanov, A. Vedaldi, V. Lempitsky, Instance normalization, 2016. */
WG_API wg_var wg_instance_norm(wg_var x, wg_var weight, wg_var bias, double epsilon);

/* (x - mean) / sqrt(variance + epsilon) weight + bias for x (N, C, ...) and statistics, weight and bias (C), in an
 * evaluation the running averages. In training they are those of the batch, through which the derivative then goes too:
 *
 *     wg_batch_statistics(x, &mean, &variance);
 *     y = wg_batch_norm(x, mean, variance, weight, bias, 1e-5);
 *
 * S. Ioffe, C. Szegedy, Batch normalization, 2015. With r = 1 / sqrt(variance + epsilon), x: g weight r; mean: the
 * negative, variance: -g weight (x - mean) r^3 / 2, weight: g (x - mean) r, bias: g, each summed to (C). A variance
 * of 0 with epsilon = 0 gives NaN where x = mean, as in PyTorch. */
WG_API wg_var wg_batch_norm(wg_var x, wg_var mean, wg_var variance, wg_var weight, wg_var bias, double epsilon);

/* The mean and variance of each channel of x (N, C, ...), over n elements each; n = 0 is WG_ERROR_SHAPE. A caller's
 * running averages are leaves, moved a little towards these values after each step; PyTorch's take the variance times
 * n / (n - 1). Both results are made invalid after an error. x: g / n for the mean, 2 g (x - mean) / n for the
 * variance. */
WG_API wg_status wg_batch_statistics(wg_var x, wg_var *mean, wg_var *variance);

/* x / max(|x|, epsilon), |x| the Euclidean length along the axis, safe from overflow: PyTorch's normalize, where
 * epsilon is usually 1e-12. The vector 0 stays 0; its derivative is g / epsilon, or 0 when epsilon is 0 (PyTorch: NaN).
 * x: (g - y sum(g y)) / |x| where |x| >= epsilon, g / epsilon below. */
WG_API wg_var wg_normalize(wg_var x, int axis, double epsilon);

/* ==== attention ================================================================================================== */

/* Zeros, or NULL for all of it, are the defaults. */
typedef struct wg_attention_options {
    double scale; /* of the scores; default 1 / sqrt(features) */
    bool causal;  /* query i sees keys 0 to i + past alone */
    size_t past;  /* with causal: how many keys come before the first query's own, as from a cache; default 0 */
} wg_attention_options;

/* w v with w = softmax(scale q k^T + mask) over the keys: q (..., L, d), k (..., S, d), v (..., S, e) give (..., L, e);
 * leading axes broadcast. The mask is added to the scores (..., L, S), to which it broadcasts: -inf forbids a query a
 * key, a {0} var is no mask. A query that may see no key gets zeros, and so do all gradients through it (PyTorch: NaN
 * or zeros); no NaN comes of a -inf, in derivatives of any order. A NaN in k or v is seen through a weight of 0, as in
 * any product.
 * It is a composition, and the scores and weights, two or three arrays (..., L, S), stay on the tape.
 * With h = g v^T and t = w (h - sum(w h)), v: w^T g, mask: t, q: scale t k, k: scale t^T q.
 * A. Vaswani et al., Attention is all you need, 2017.
 *
 * Several heads are a leading axis, as x (N, L, H d) becomes (N, H, L, d):
 *
 *     q = wg_permute(wg_reshape(x, WG_DIMS(N, L, H, d)), WG_AXES(0, 2, 1, 3));
 *
 * and back by the same permutation. Groups of queries that share their keys: q (N, G, H / G, L, d), k and v
 * (N, G, 1, S, d). */
WG_API wg_var wg_attention(wg_var q, wg_var k, wg_var v, wg_var mask, const wg_attention_options *options);

/* Rotary position embedding: of x (..., d), d even, pair i = 0 ... d / 2 - 1 is turned by the angle
 * position base^(-2 i / d), (a, b) to (a cos - b sin, a sin + b cos); 10000 is the usual base. The positions are an
 * index var that broadcasts to the axes before the last, such as (L) for x (N, H, L, d). Pairs are neighbours
 * (2 i, 2 i + 1), as in the paper, or, with halves, (i, i + d / 2), as in GPT-NeoX and Llama. Angles are computed in
 * double in either dtype. x: g turned back. J. Su et al., RoFormer: enhanced transformer with rotary position
 * embedding, 2021. */
WG_API wg_var wg_rope(wg_var x, wg_var positions, double base, bool halves);

/* ==== recurrent ====================================================================================================
 * One step of a recurrent network: x (batch, inputs) and the state before it give the state after it, (batch, hidden).
 * The loop over time is C's own, and weights that are used in every step get the sum of their gradients. In place of
 * (batch) there may be any leading axes, alike in x and state, or none. Weights and biases are laid out as PyTorch's:
 * w_ih (gates hidden, inputs), w_hh (gates hidden, hidden), each bias (gates hidden), the gates one after another in
 * the order given. A bias that is a {0} var is left out. Below, s is the sigmoid and * acts element by element. */

/* The long short-term memory: with (i, f, g, o) = x w_ih^T + b_ih + h w_hh^T + b_hh, c' = s(f) * c + s(i) * tanh(g) and
 * h' = s(o) * tanh(c'). Both results are made invalid after an error. S. Hochreiter, J. Schmidhuber, Long short-term
 * memory, Neural Computation 9, 1997; the forget gate f: F. A. Gers, J. Schmidhuber, F. Cummins, Learning to forget,
 * Neural Computation 12, 2000. */
WG_API wg_status wg_lstm_cell(
    wg_var x, wg_var h, wg_var c, wg_var w_ih, wg_var w_hh, wg_var b_ih, wg_var b_hh, wg_var *h_out, wg_var *c_out);

/* The gated recurrent unit: with (r, z, n) = x w_ih^T + b_ih and (r', z', n') = h w_hh^T + b_hh, the next state is
 * (1 - u) * tanh(n + s(r + r') * n') + u * h, u = s(z + z'). K. Cho et al., Learning phrase representations using RNN
 * encoder-decoder for statistical machine translation, 2014, in PyTorch's form: the reset gate acts after the product
 * with w_hh, not before it. 1 - u is computed as s(-z - z'), right for closed gates too. */
WG_API wg_var wg_gru_cell(wg_var x, wg_var h, wg_var w_ih, wg_var w_hh, wg_var b_ih, wg_var b_hh);

/* ==== loss/regression ==============================================================================================
 * The loss of a prediction and a target: that of each position, summed and divided by d, the number of positions
 * (WG_MEAN), 1 (WG_SUM), or the number of samples of rank-2 operands (WG_BATCH_MEAN: features in rows, samples in
 * columns, so d is the number of columns; other ranks are WG_ERROR_SHAPE). d = 0 is WG_ERROR_SHAPE, and so are shapes
 * that are not equal: nothing broadcasts. What PyTorch names reduction 'none' is the formula written in elementwise
 * ops. Another reduction is WG_ERROR_ARGUMENT. Formulas below are of one position; its g is the loss's g / d. Targets
 * have derivatives too. */

/* Mean squared error: (prediction - target)^2. prediction: 2 g (prediction - target), target: the negative. */
WG_API wg_var wg_mse(wg_var prediction, wg_var target, wg_reduction reduction);

/* |prediction - target|.  prediction: g sign(prediction - target), zero where they are equal; target: the negative. */
WG_API wg_var wg_l1(wg_var prediction, wg_var target, wg_reduction reduction);

/* With e = prediction - target, e^2 / 2 where |e| <= delta, else delta (|e| - delta / 2).  prediction: g e, between
 * -delta and delta; target: the negative. A delta that is not a finite number above 0 is WG_ERROR_ARGUMENT. P. Huber,
 * Robust estimation of a location parameter, 1964; PyTorch's huber_loss. */
WG_API wg_var wg_huber(wg_var prediction, wg_var target, double delta, wg_reduction reduction);

/* huber with delta = beta, divided by beta; l1 where beta is 0: PyTorch's smooth_l1_loss, but for the derivative where
 * beta and e are 0, which is 0. A beta that is negative or not finite is WG_ERROR_ARGUMENT. */
WG_API wg_var wg_smooth_l1(wg_var prediction, wg_var target, double beta, wg_reduction reduction);

/* e^log_rate - target log_rate, the negative log-likelihood of counts without the term of the target alone; a target
 * of 0 leaves e^log_rate, also at -inf. log_rate: g (e^log_rate - target), target: -g log_rate. PyTorch's
 * poisson_nll_loss. */
WG_API wg_var wg_poisson_nll(wg_var log_rate, wg_var target, wg_reduction reduction);

/* (log variance + (mean - target)^2 / variance) / 2, the negative log-likelihood without its constant, for variances
 * above 0. mean: g (mean - target) / variance, target: the negative, variance: g (1 - (mean - target)^2 / variance) /
 * (2 variance). PyTorch's gaussian_nll_loss, which raises small variances to an eps: use wg_clamp_min. */
WG_API wg_var wg_gaussian_nll(wg_var mean, wg_var variance, wg_var target, wg_reduction reduction);

/* ==== loss/classification ========================================================================================= */

/* Binary cross-entropy, p the probability of 1 and t the target, between 0 and 1: -(t log p + (1 - t) log(1 - p)), a
 * term whose factor t or 1 - t is 0 being 0. p: g (p - t) / (p (1 - p)), which is -g / p for t = 1 and g / (1 - p) for
 * t = 0, at 0 and 1 too; t: g (log(1 - p) - log p). Infinite where p is 0 and t is not, or p is 1 and t is not:
 * PyTorch cuts the logarithms off at -100, and has zero gradients there. NaN for p outside 0 to 1. From logits,
 * wg_bce_with_logits is right where p rounds to 0 or 1. */
WG_API wg_var wg_bce(wg_var probabilities, wg_var target, wg_reduction reduction);

/* The same of p = sigmoid(logits), for any logits, infinite ones too: max(x, 0) - x t + log(1 + e^-|x|), with the
 * first two taken together. logits: g (sigmoid(x) - t), right in relative terms in the tails for t = 0 and 1; target:
 * -g x. */
WG_API wg_var wg_bce_with_logits(wg_var logits, wg_var target, wg_reduction reduction);

/* The Kullback-Leibler divergence of q = e^log_probabilities from p = target, element by element: p (log p - log q), 0
 * where p = 0. log_probabilities: -g p; target: g (1 + log p - log q), zero where p = 0 (PyTorch's kl_div). WG_MEAN is
 * over the elements, as PyTorch's default; the divergence itself is WG_SUM of one distribution, or WG_BATCH_MEAN of
 * columns. */
WG_API wg_var wg_kl_div(wg_var log_probabilities, wg_var target, wg_reduction reduction);

/* max(0, 1 - prediction target), for targets -1 and 1.  prediction: -g target where the loss is not 0, target: -g
 * prediction there; zero at the kink. */
WG_API wg_var wg_hinge(wg_var prediction, wg_var target, wg_reduction reduction);

/* ==== loss/cross_entropy ========================================================================================== */

/* Cross-entropy of the logits of classes along an axis: at each position, log sum e^x - x[target], where target, an
 * index var of the logits' shape without the axis, holds the classes; or -sum t log softmax(x), where target, numbers
 * of the logits' shape, holds the classes' probabilities t, a term whose t is 0 being 0. For any logits; infinite ones
 * are as in log_softmax. logits: g (softmax(x) - t), t 1 at the target and 0 elsewhere, without cancelling where a
 * weight is nearly 1, or g (softmax(x) sum t - t); target: -g log softmax(x).
 *
 * WG_MEAN is over the positions: for probabilities too, d is their number without the axis. WG_BATCH_MEAN is for rank
 * 2, where the axis beside that of the classes is that of the samples. An index that is negative or not below the
 * number of classes is WG_ERROR_ARGUMENT, when the loss is taken and again in a replay. */
WG_API wg_var wg_cross_entropy(wg_var logits, wg_var target, int class_axis, wg_reduction reduction);

/* Zero-initialised, every option has its default. */
typedef struct wg_cross_entropy_options {
    wg_var weights;         /* one for each class, a var of rank 1; {0}: all are 1 */
    bool ignores;           /* whether positions whose target is ignore_index are left out */
    int64_t ignore_index;   /* any integer; -100 is PyTorch's habit */
    double label_smoothing; /* s: a target t becomes (1 - s) t + s / classes; 0 <= s <= 1, else WG_ERROR_ARGUMENT */
} wg_cross_entropy_options;

/* The same with the terms of each class times its weight, and with smoothed labels; options may be NULL. Ignored
 * positions add nothing and get zero gradients, whatever their logits. For a target of indices WG_MEAN divides by the
 * sum of the targets' weights, where ignored ones have none, for one of probabilities by the number of positions:
 * PyTorch's rules. Where nothing is left to divide by, all targets being ignored or of weight 0, WG_MEAN is
 * WG_ERROR_ARGUMENT (PyTorch: NaN). WG_BATCH_MEAN counts all samples. ignores with probabilities is WG_ERROR_ARGUMENT.
 * weights have derivatives. C. Szegedy et al., Rethinking the Inception architecture, 2015, section 7, for the
 * smoothing. */
WG_API wg_var wg_cross_entropy_with(
    wg_var logits, wg_var target, int class_axis, wg_reduction reduction, const wg_cross_entropy_options *options);

/* -x[target] at each position, for x the logarithms of probabilities and target an index var as in cross_entropy; so
 * are the reductions and the errors. x: -g at the targets, zero elsewhere. PyTorch's nll_loss. */
WG_API wg_var wg_nll(wg_var log_probabilities, wg_var target, int class_axis, wg_reduction reduction);

/* ==== loss/similarity ============================================================================================= */

/* The cosine between the vectors along an axis of a and b, which have one shape: sum u v, u = a / max(|a|, eps) and v
 * likewise. y has their shape without the axis. a: g (v - y u) / |a| where |a| > eps, g v / eps where |a| < eps. An eps
 * that is not a finite number above 0 is WG_ERROR_ARGUMENT; PyTorch's default is 1e-8; its gradient where |a| < eps is
 * not that of its value. */
WG_API wg_var wg_cosine_similarity(wg_var a, wg_var b, int axis, double eps);

/* With c = cosine_similarity(a, b, axis, 1e-8): 1 - c where target > 0, else max(0, c - margin). target has the shape
 * of c, and no derivative; PyTorch's cosine_embedding_loss, whose targets are 1 and -1, but for the 1e-12 that it adds
 * to each |a|^2 in eps's place. A position is a vector, a sample of WG_BATCH_MEAN likewise. */
WG_API wg_var wg_cosine_embedding(wg_var a, wg_var b, wg_var target, int axis, double margin, wg_reduction reduction);

/* ==== random =======================================================================================================
 * Every op here is a function of a key, a 0-d index var that holds any 64 bits, and draws nothing from elsewhere: the
 * same key gives the same numbers, in any order, on any number of threads. Set the key (wg_set_indices) and replay for
 * new ones. One key serves one op; wg_random_split and wg_random_fold_in make more of it, since ops that share a key
 * are not independent of each other. Results have no derivative. A key that is not a 0-d index var is
 * WG_ERROR_ARGUMENT.
 *
 * The bits are those of Philox4x32-10 (J. Salmon, M. Moraes, R. Dror, D. Shaw, Parallel random numbers: as easy as 1,
 * 2, 3, 2011), its counter the place of an element, and what is made of them takes integers and IEEE 754's +, -, *, /
 * and square root alone: all results, the normal ones too, are the same on every machine. */

/* Numbers, low <= y < high, or low where they are equal. In WG_F32 y takes the first 24 of the 53 random bits that it
 * takes in WG_F64. Bounds that are out of order, NaN, or an infinite distance apart are WG_ERROR_ARGUMENT. */
WG_API wg_var wg_uniform(wg_var key, wg_shape shape, double low, double high);

/* Numbers, normally distributed, the quantiles of uniform ones (M. Wichura, Algorithm AS 241, 1988), at most 8.3 std
 * from the mean; in WG_F32 those of WG_F64, rounded. A std that is negative, or either not finite, is
 * WG_ERROR_ARGUMENT. */
WG_API wg_var wg_normal(wg_var key, wg_shape shape, double mean, double std);

/* 1 with probability p, else 0: where wg_uniform's number in WG_F64, of the same key, is below p. The same in both
 * dtypes. With a p for each element: wg_less(wg_uniform(key, shape, 0, 1), p). A p outside 0 to 1 is
 * WG_ERROR_ARGUMENT. */
WG_API wg_var wg_bernoulli(wg_var key, wg_shape shape, double p);

/* Index vars: integers, low <= y < high, each exactly as likely as the others; the integers 0 ... n - 1 in an order,
 * every order being as likely (Fisher and Yates). Without an integer to draw randint is WG_ERROR_ARGUMENT. */
WG_API wg_var wg_randint(wg_var key, wg_shape shape, int64_t low, int64_t high);
WG_API wg_var wg_permutation(wg_var key, size_t n);

/* A new key, of a key and a number, such as a layer's: JAX's fold_in. */
WG_API wg_var wg_random_fold_in(wg_var key, int64_t data);

/* n new keys to out[0..n-1], unlike those of fold_in. */
WG_API wg_status wg_random_split(wg_var key, size_t n, wg_var *out);

/* x / (1 - p), or 0 with probability p, rounded to a multiple of 2^-32, for each element. p = 0: x itself; p = 1:
 * zeros. An element dropped is an exact zero, also if it was infinite or NaN. x: g / (1 - p), or 0 where x was dropped;
 * the mask is drawn from the key again and takes no memory. Linear in x. A p outside 0 to 1 is WG_ERROR_ARGUMENT. N.
 * Srivastava et al., Dropout: a simple way to prevent neural networks from overfitting, 2014; scaled in training, as
 * PyTorch's. */
WG_API wg_var wg_dropout(wg_var x, wg_var key, double p);

/* ==== control ======================================================================================================
 * Values pass through these unchanged, as views without a copy; what they change is the cotangent on its way back. (See
 * also wg_detach.) The derivative is meant as it is recorded: a second derivative through one of them differentiates
 * what the first one did, clipping included, and is not that of the identity. They are made for first derivatives, to
 * which their forms below belong; gradients through them are in general those of no function. */

/* The value of the first with the derivative of the second, of its shape: y = hard, hard: nothing, soft: g. For what
 * has none of its own, such as wg_round or a sample; the tangent of y is that of soft. Y. Bengio, N. Leonard, A.
 * Courville, Estimating or propagating gradients through stochastic neurons, 2013. */
WG_API wg_var wg_straight_through(wg_var hard, wg_var soft);

/* x: factor g, an exact zero for a factor of 0, as detached; below 0, the reversal of Y. Ganin et al.,
 * Domain-adversarial training of neural networks, 2016. The tangent of y is factor times that of x. A factor that is
 * not finite is WG_ERROR_ARGUMENT. */
WG_API wg_var wg_scale_gradient(wg_var x, double factor);

/* x: g, each element brought between low and high, which may be infinite; NaN stays. Then low <= 0 <= high, or it is
 * WG_ERROR_ARGUMENT. Differentiated again, elements that were clipped pass nothing, those at a bound do. Clipping is
 * for cotangents: the tangent of y is that of x. */
WG_API wg_var wg_clip_gradient(wg_var x, double low, double high);

/* x: g min(1, max_norm / |g|), |g| the Euclidean length of all of it; zeros where |g| is infinite. Differentiated
 * again, the factor counts where it is below 1. The tangent of y is that of x. A max_norm that is negative or NaN is
 * WG_ERROR_ARGUMENT; infinite, it clips nothing. R. Pascanu, T. Mikolov, Y. Bengio, On the difficulty of training
 * recurrent neural networks, 2013. PyTorch's clip_grad_norm_ clips leaves' gradients once they are complete, here it is
 * what arrives at one point. */
WG_API wg_var wg_clip_gradient_norm(wg_var x, double max_norm);

#ifdef __cplusplus
}
#endif

#endif
