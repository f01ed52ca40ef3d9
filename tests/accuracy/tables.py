#!/usr/bin/env python3
"""Makes the tables that test_accuracy.c reads: python3 tests/accuracy/tables.py [NAME...] (needs mpmath)

tables/NAME.txt has a line per point of wg_NAME: its inputs, most of them exact as floats, so that one line serves both
dtypes; the exact value; and then derivatives, each with its condition number, what a relative error of the inputs is
multiplied by: of a function of one variable the first and the second, of one of two the two first. The condition of f'
is |x f'' / f'|, in two variables the sum over both. Numbers are rounded from 60 digits.

Points cover the domain: both tails to the ends of float and of double, subnormals, neighbourhoods of zeros, poles and
other places where a formula may cancel, and the interior at random. Kinks are left out: they are conventions, not
approximations."""
import math
import os
import random
import struct
import sys

import mpmath as mp

mp.mp.dps = 60
STEP = mp.mpf(10) ** -25
HUGE, TINY = mp.mpf(2) ** 1024, mp.mpf(2) ** -1080 # the ends of double, or beyond


def f32(x):
    """the nearest float, or the nearest finite one"""
    try:
        return struct.unpack("f", struct.pack("f", x))[0]
    except OverflowError:
        return math.copysign(3.4028234663852886e38, x)


# ---- points ---------------------------------------------------------------------------------------------------------

class Points:
    def __init__(self, name):
        self.random = random.Random(name)
        self.all = []

    def add(self, x, double=False):
        self.all.append(x if double else f32(x))
        return self

    def line(self, low, high, n, double=False):
        for i in range(n):
            self.add(low + (high - low) * (i + self.random.random()) / n, double)
        return self

    def scale(self, low, high, n, signs=(1, -1), double=False):
        """log-spaced"""
        for sign in signs:
            for i in range(n):
                at = math.log(low) + (math.log(high) - math.log(low)) * (i + self.random.random()) / n
                self.add(sign * math.exp(at), double)
        return self

    def around(self, center, n=8, sides=(1, -1), reach=0.3):
        """towards a point that is none of them itself, through floats to the nearest one, then through doubles"""
        for side in sides:
            for i in range(n):
                self.add(center + side * reach * 2.0 ** (-22 * i / (n - 1)) * self.random.uniform(0.7, 1.3))
                self.add(center + side * reach * 2.0 ** (-50 * i / (n - 1)) * self.random.uniform(0.7, 1.3), True)
        return self

    def real(self):
        """all of the line"""
        self.add(0.0).line(-12, 12, 50).scale(1e-44, 1e-6, 12).scale(1e-6, 1, 12)
        return self.scale(12, 1e3, 12).scale(1e3, 3e38, 20).scale(1e-320, 1e300, 20, double=True)

    def positive(self):
        self.line(0, 12, 40).scale(1e-44, 1, 30, (1,)).scale(1, 3e38, 40, (1,)).around(1)
        return self.scale(1e-320, 1e-38, 12, (1,), True).scale(1e38, 1e308, 12, (1,), True)

    def taken(self, domain):
        """without what is outside of the domain, without repetition"""
        return sorted({x for x in self.all if domain(x)})


# ---- functions ------------------------------------------------------------------------------------------------------

def sigmoid(x):
    return 1 / (1 + mp.exp(-x)) if x > 0 else mp.exp(x) / (1 + mp.exp(x))


def softplus(x):
    return mp.log1p(mp.exp(x)) if x < 0 else x + mp.log1p(mp.exp(-x))


def sech2(x):
    e = mp.exp(-2 * abs(x))
    return 4 * e / (1 + e) ** 2


def tanh(x):
    return mp.sign(x) * -mp.expm1(-2 * abs(x)) / (1 + mp.exp(-2 * abs(x)))


def sigmoid_bend(x):
    return -sech2(x / 2) / 4 * tanh(x / 2)


def bell(x):
    return 2 / mp.sqrt(mp.pi) * mp.exp(-x * x)


def erf(x):
    return mp.erf(x) if abs(x) < 1e3 else mp.sign(x)


def erfc(x):
    return mp.erfc(x) if abs(x) < 1e3 else 1 - mp.sign(x)


def normal_cdf(x):
    return erfc(-x / mp.sqrt(2)) / 2


def normal_pdf(x):
    return mp.exp(-x * x / 2) / mp.sqrt(2 * mp.pi)


def erfinv(x):
    if abs(x) < 0.5:
        return mp.erfinv(x)
    q = 1 - abs(x)
    y = mp.sqrt(-mp.log(q * mp.sqrt(mp.pi)))
    for _ in range(60):
        u = (mp.erfc(y) - q) * mp.exp(y * y) * mp.sqrt(mp.pi) / -2
        y -= u / (1 + y * u)
    return mp.sign(x) * y


def psi(n, x):
    """polygamma by recurrence to the right half"""
    total = mp.mpf(0)
    while x < 1:
        total += x ** -(n + 1)
        x = x + 1
    return mp.polygamma(n, x) + (-1) ** (n + 1) * mp.factorial(n) * total


def lgamma(x):
    if x > 0:
        return mp.loggamma(x)
    return mp.log(mp.pi / abs(x * mp.sinpi(x))) - mp.loggamma(-x)


def gelu_tanh_w(x):
    return 2 * mp.sqrt(2 / mp.pi) * (x + mp.mpf("0.044715") * x ** 3)


def gelu_tanh_slope(x):
    w = gelu_tanh_w(x)
    dw = 2 * mp.sqrt(2 / mp.pi) * (1 + 3 * mp.mpf("0.044715") * x ** 2)
    return sigmoid(w) + x * dw * sech2(w / 2) / 4


def gelu_tanh_bend(x):
    w, scale = gelu_tanh_w(x), 2 * mp.sqrt(2 / mp.pi)
    dw, ddw = scale * (1 + 3 * mp.mpf("0.044715") * x ** 2), scale * 6 * mp.mpf("0.044715") * x
    return (2 * dw + x * ddw) * sech2(w / 2) / 4 + x * dw ** 2 * sigmoid_bend(w)


def mish_slope(x):
    plus = softplus(x)
    return tanh(plus) + x * sech2(plus) * sigmoid(x)


def mish_bend(x):
    plus = softplus(x)
    first = sech2(plus) * sigmoid(x)
    return 2 * first + x * sech2(plus) * (sech2(x / 2) / 4 - 2 * tanh(plus) * sigmoid(x) ** 2)


SELU_SCALE = mp.mpf("1.0507009873554804934193349852946")
SELU_ALPHA = mp.mpf("1.6732632423543772848170429916717")
ELU, CELU = mp.mpf(1.5), mp.mpf(0.75)


def atanh(x):
    return (mp.log1p(x) - mp.log1p(-x)) / 2


def asinh(x):
    return mp.sign(x) * mp.log1p(abs(x) + x * x / (1 + mp.sqrt(1 + x * x)))


def tanhshrink(x):
    return x - tanh(x) if abs(x) > 1e-20 else x ** 3 / 3 * (1 - 2 * x * x / 5)


def sinc(x):
    return mp.sinpi(x) / (mp.pi * x) if x else mp.mpf(1)


def sinc_slope(x):
    return (mp.cospi(x) - sinc(x)) / x if abs(x) > 1e-20 else -mp.pi ** 2 * x / 3 * (1 - (mp.pi * x) ** 2 / 10)


def sinc_bend(x):
    return -mp.pi ** 2 * sinc(x) - 2 * sinc_slope(x) / x if x else -mp.pi ** 2 / 3


def logaddexp(a, b):
    return max(a, b) + mp.log1p(mp.exp(-abs(a - b)))


def xlogy(x, y):
    return x * mp.log(y) if x else mp.mpf(0)


REAL = lambda x: True
POSITIVE = lambda x: x > 0
UNARY = {}


def one(name, f, slope, second, points, domain=REAL, parameter=None):
    UNARY[name] = (f, (slope, second), points.taken(domain), parameter)


def P(name):
    return Points(name)


one("square", lambda x: x * x, lambda x: 2 * x, lambda x: mp.mpf(2),
    P("square").scale(1e-40, 1e40, 30).scale(1e-170, 1e170, 20, double=True))
one("sqrt", mp.sqrt, lambda x: 1 / (2 * mp.sqrt(x)), lambda x: -1 / (4 * x * mp.sqrt(x)),
    P("sqrt").positive(), POSITIVE)
one("rsqrt", lambda x: 1 / mp.sqrt(x), lambda x: -1 / (2 * x * mp.sqrt(x)), lambda x: 3 / (4 * x * x * mp.sqrt(x)),
    P("rsqrt").positive().scale(1e-27, 1e-24, 12, (1,)).scale(1e-206, 1e-203, 8, (1,), True), POSITIVE)
one("cbrt", lambda x: mp.sign(x) * mp.cbrt(abs(x)), lambda x: 1 / (3 * mp.cbrt(abs(x)) ** 2), lambda x: -2 / (9 * x * mp.cbrt(abs(x)) ** 2),
    P("cbrt").real(), lambda x: x != 0)
one("reciprocal", lambda x: 1 / x, lambda x: -1 / (x * x), lambda x: 2 / x ** 3,
    P("reciprocal").real(), lambda x: abs(x) > 1e-308)
one("exp", mp.exp, mp.exp, mp.exp, P("exp").real().line(-104, 89, 60).line(-745, 709.7, 60, True))
one("exp2", lambda x: 2 ** x, lambda x: 2 ** x * mp.log(2), lambda x: 2 ** x * mp.log(2) ** 2,
    P("exp2").real().line(-149, 128, 60).line(-1074, 1024, 60, True))
one("expm1", mp.expm1, mp.exp, mp.exp, P("expm1").real().line(-104, 89, 60).line(-745, 709.7, 60, True))
one("log", mp.log, lambda x: 1 / x, lambda x: -1 / x ** 2, P("log").positive(), POSITIVE)
one("log2", lambda x: mp.log(x) / mp.log(2), lambda x: 1 / (x * mp.log(2)), lambda x: -1 / (x ** 2 * mp.log(2)),
    P("log2").positive(), POSITIVE)
one("log10", lambda x: mp.log(x) / mp.log(10), lambda x: 1 / (x * mp.log(10)), lambda x: -1 / (x ** 2 * mp.log(10)),
    P("log10").positive(), POSITIVE)
one("log1p", mp.log1p, lambda x: 1 / (1 + x), lambda x: -1 / (1 + x) ** 2,
    P("log1p").positive().line(-1, 0, 30).scale(1e-40, 1, 30, (-1,)).around(-1, sides=(1,)), lambda x: x > -1)


def turns(name):
    points = P(name).real().line(-100, 100, 40).scale(1e3, 1e22, 20, double=True)
    for k in (1, 2, 3, 4, 5, 11, 355, 710, 52174):
        points.around(k * math.pi / 2, 3, reach=1e-3)
        points.add(k * math.pi / 2, True).add(k * math.pi / 2)
    return points


one("sin", mp.sin, mp.cos, lambda x: -mp.sin(x), turns("sin"))
one("cos", mp.cos, lambda x: -mp.sin(x), lambda x: -mp.cos(x), turns("cos"))
one("tan", mp.tan, lambda x: 1 / mp.cos(x) ** 2, lambda x: 2 * mp.tan(x) / mp.cos(x) ** 2, turns("tan"))
unit = lambda name: P(name).line(-1, 1, 60).scale(1e-44, 1, 30).around(1, 12, (-1,)).around(-1, 12, (1,)).scale(1e-320, 1, 12, double=True)
inside = lambda x: -1 < x < 1
one("asin", mp.asin, lambda x: 1 / mp.sqrt((1 - x) * (1 + x)), lambda x: x / ((1 - x) * (1 + x)) ** 1.5,
    unit("asin"), inside)
one("acos", mp.acos, lambda x: -1 / mp.sqrt((1 - x) * (1 + x)), lambda x: -x / ((1 - x) * (1 + x)) ** 1.5,
    unit("acos"), inside)
one("atan", mp.atan, lambda x: 1 / (1 + x * x), lambda x: -2 * x / (1 + x * x) ** 2, P("atan").real().scale(1e17, 1e22, 12).scale(1e152, 1e162, 8, double=True))
ends = lambda name: P(name).real().line(-104, 104, 40).line(-745, 745, 40, True)
one("sinh", lambda x: (mp.expm1(x) - mp.expm1(-x)) / 2, mp.cosh, lambda x: (mp.expm1(x) - mp.expm1(-x)) / 2,
    ends("sinh"))
one("cosh", mp.cosh, lambda x: (mp.expm1(x) - mp.expm1(-x)) / 2, mp.cosh, ends("cosh"))
one("tanh", tanh, sech2, lambda x: -2 * tanh(x) * sech2(x),
    ends("tanh"))
one("asinh", asinh, lambda x: 1 / mp.sqrt(1 + x * x), lambda x: -x / (1 + x * x) ** 1.5, P("asinh").real())
one("acosh", lambda x: mp.log1p(x - 1 + mp.sqrt((x - 1) * (x + 1))), lambda x: 1 / mp.sqrt((x - 1) * (x + 1)), lambda x: -x / ((x - 1) * (x + 1)) ** 1.5,
    P("acosh").positive().around(1, 16, (1,)), lambda x: x > 1)
one("atanh", atanh, lambda x: 1 / ((1 - x) * (1 + x)), lambda x: 2 * x / ((1 - x) * (1 + x)) ** 2,
    unit("atanh"), inside)
one("sigmoid", sigmoid, lambda x: sech2(x / 2) / 4, sigmoid_bend, ends("sigmoid"))
one("softplus", softplus, sigmoid, lambda x: sech2(x / 2) / 4, ends("softplus"))
one("softsign", lambda x: x / (1 + abs(x)), lambda x: 1 / (1 + abs(x)) ** 2, lambda x: -2 * mp.sign(x) / (1 + abs(x)) ** 3,
    P("softsign").real())
one("selu", lambda x: SELU_SCALE * (x if x > 0 else SELU_ALPHA * mp.expm1(x)), lambda x: SELU_SCALE * (1 if x > 0 else SELU_ALPHA * mp.exp(x)), lambda x: mp.mpf(0) if x > 0 else SELU_SCALE * SELU_ALPHA * mp.exp(x),
    ends("selu"), lambda x: x != 0)
one("elu", lambda x: x if x > 0 else ELU * mp.expm1(x), lambda x: 1 if x > 0 else ELU * mp.exp(x), lambda x: mp.mpf(0) if x > 0 else ELU * mp.exp(x),
    ends("elu"), lambda x: x != 0, ELU)
one("celu", lambda x: x if x > 0 else CELU * mp.expm1(x / CELU), lambda x: 1 if x > 0 else mp.exp(x / CELU), lambda x: mp.mpf(0) if x > 0 else mp.exp(x / CELU) / CELU,
    ends("celu"), lambda x: x != 0, CELU)
one("hardsigmoid", lambda x: (x + 3) / 6, lambda x: mp.mpf(1) / 6, lambda x: mp.mpf(0),
    P("hardsigmoid").line(-3, 3, 60).around(-3, 8, (1,)), lambda x: -3 < x < 3)
one("hardswish", lambda x: x * (x + 3) / 6, lambda x: (2 * x + 3) / 6, lambda x: mp.mpf(1) / 3,
    P("hardswish").line(-3, 3, 60).around(-3, 8, (1,)).around(-1.5), lambda x: -3 < x < 3 and x != -1.5)

one("erf", erf, bell, lambda x: -2 * x * bell(x), P("erf").real().line(-6, 6, 40).line(-27, 27, 20, True))
one("erfc", erfc, lambda x: -bell(x), lambda x: 2 * x * bell(x),
    P("erfc").real().line(-1, 10.1, 60).line(9, 27.2, 60, True), lambda x: x < 27.5)
one("erfinv", erfinv, lambda x: mp.sqrt(mp.pi) / 2 * mp.exp(erfinv(x) ** 2), lambda x: mp.pi / 2 * erfinv(x) * mp.exp(2 * erfinv(x) ** 2),
    unit("erfinv").around(0.5, 6), inside)
poles = lambda name: P(name).positive().line(-20, 0, 100).scale(1e-44, 1e-3, 12, (-1,)).scale(1e-300, 1e-40, 6, (-1,), True).around(2).around(-1, 5).around(-4, 5).line(-170, -20, 20, True)
off_poles = lambda x: x > 0 or x != math.floor(x)
def gamma_zeros(name):
    points = poles(name)
    for k in range(2, 8):
        for side in (-1, 1):
            points.around(-k + 0.5 * side, 2)
    for zero in (-2.4570247382208, -2.7476826467274126, -3.143580888349980, -3.955294284858598, -4.0390397, -4.9915452):
        points.around(zero, 6)
    return points
one("lgamma", lgamma, lambda x: psi(0, x), lambda x: psi(1, x), gamma_zeros("lgamma"), off_poles)
digamma_points = poles("digamma").around(1.4616321449683623, 12)
for zero in (-0.5040830082644554, -1.5734984731623905, -2.610720868444145, -9.7026725):
    digamma_points.around(zero, 6)
one("digamma", lambda x: psi(0, x), lambda x: psi(1, x), lambda x: psi(2, x), digamma_points, off_poles)
for n in (1, 2, 5):
    one(f"polygamma_{n}", lambda x, n=n: psi(n, x), lambda x, n=n: psi(n + 1, x), lambda x, n=n: psi(n + 2, x), poles(f"polygamma_{n}"), off_poles, n)
one("logit", lambda x: mp.log(x) - mp.log1p(-x), lambda x: 1 / (x * (1 - x)), lambda x: (2 * x - 1) / (x * (1 - x)) ** 2,
    P("logit").line(0, 1, 80).scale(1e-44, 1, 40, (1,)).around(1, 12, (-1,)).around(0.5).around(0.25, 3).around(0.75, 3, reach=0.2).scale(1e-320, 1, 12, (1,), True), lambda x: 0 < x < 1)
one("logsigmoid", lambda x: -softplus(-x), lambda x: sigmoid(-x), lambda x: -sech2(x / 2) / 4,
    ends("logsigmoid"))
one("tanhshrink", tanhshrink, lambda x: tanh(x) ** 2, lambda x: 2 * tanh(x) * sech2(x), ends("tanhshrink").around(2, 6).around(-2, 6).line(-3, 3, 60))
sinc_points = P("sinc").real().line(-6, 6, 120).line(-60, 60, 30).scale(1e3, 1e15, 20, double=True)
for k in (1, 2, 3, 7, 100):
    sinc_points.around(k, 6).around(-k, 3)
for zero in (1.4302966531242, 0.6625781, 2.4590240):
    sinc_points.around(zero, 6)
one("sinc", sinc, sinc_slope, sinc_bend, sinc_points, lambda x: x == 0 or x != math.floor(x))
gated = lambda name, zero: ends(name).around(zero, 6)
one("silu", lambda x: x * sigmoid(x), lambda x: sigmoid(x) + x * sech2(x / 2) / 4, lambda x: sech2(x / 2) / 4 * (2 - x * tanh(x / 2)),
    gated("silu", -1.2784645427610738))
one("gelu", lambda x: x * normal_cdf(x), lambda x: normal_cdf(x) + x * normal_pdf(x), lambda x: normal_pdf(x) * (2 - x * x),
    gated("gelu", -0.7517915243366).line(-15, -3, 40).line(-38.5, -10, 40, True))
one("gelu_tanh", lambda x: x * sigmoid(gelu_tanh_w(x)), gelu_tanh_slope, gelu_tanh_bend,
    gated("gelu_tanh", -0.7524614).line(-11, -3, 40).line(-21.7, -10, 40, True))
one("mish", lambda x: x * tanh(softplus(x)), mish_slope, mish_bend, gated("mish", -1.1924312))

# ---- two inputs -----------------------------------------------------------------------------------------------------

BINARY = {}


def two(name, f, slopes, pairs):
    BINARY[name] = (f, slopes, pairs)


def pairs(name, sources, domain=lambda a, b: True):
    r, out = random.Random(name), set()
    for first, second, n in sources:
        for _ in range(n):
            a, b = first(r), second(r)
            if domain(a, b):
                out.add((a, b))
    return sorted(out)


U = lambda low, high: lambda r: f32(r.uniform(low, high))
L = lambda low, high, signs=(1, -1): lambda r: f32(r.choice(signs) * math.exp(r.uniform(math.log(low), math.log(high))))
L64 = lambda low, high, signs=(1, -1): lambda r: r.choice(signs) * math.exp(r.uniform(math.log(low), math.log(high)))
N = lambda center, low: lambda r: f32(center * (1 + r.choice((1, -1)) * math.exp(r.uniform(math.log(low), math.log(0.3)))))
UP = (1,)

two("div", lambda a, b: a / b, (lambda a, b: 1 / b, lambda a, b: -a / b / b), pairs("div", [(L(1e-15, 1e15), L(1e-15, 1e15), 60), (L64(1e-100, 1e100), L64(1e-100, 1e100), 40)]))
two("pow", lambda a, b: a ** b, (lambda a, b: b * a ** (b - 1), lambda a, b: a ** b * mp.log(a)),
    pairs("pow", [(U(0.1, 5), U(-8, 8), 120), (L(1e-30, 1e30, UP), U(-1, 1), 60), (N(1, 1e-7), L(1, 1e6), 60), (L(1e-3, 1e3, UP), U(-12, 12), 60), (U(0.5, 2), L(1e-30, 1e-3), 40), (L64(1e-200, 1e200, UP), L64(1e-3, 1.4), 40), (L64(0.5, 2, UP), L64(10, 1000), 60)]))
two("logaddexp", logaddexp, (lambda a, b: sigmoid(a - b), lambda a, b: sigmoid(b - a)),
    pairs("logaddexp", [(U(-10, 10), U(-10, 10), 120), (U(-1, 0.3), U(-1, 0.3), 60), (U(-100, 100), U(-100, 100), 60), (L(1e-30, 1e30), L(1e-30, 1e30), 40), (U(-700, 700), U(-700, 700), 40)]))
two("xlogy", xlogy, (lambda a, b: mp.log(b), lambda a, b: a / b),
    pairs("xlogy", [(U(-10, 10), U(0, 10), 100), (L(1e-15, 1e15), L(1e-15, 1e15, UP), 60), (U(-2, 2), N(1, 1e-7), 60), (L64(1e-150, 1e150), L64(1e-150, 1e150, UP), 40)], lambda a, b: b > 0))
# Of a subnormal length the digits that the slopes would need are gone: lengths are normal numbers.
two("hypot", mp.hypot, (lambda a, b: a / mp.hypot(a, b), lambda a, b: b / mp.hypot(a, b)),
    pairs("hypot", [(U(-10, 10), U(-10, 10), 100), (L(1e-38, 1e38), L(1e-38, 1e38), 60), (L(1e37, 2e38), L(1e37, 2e38), 20), (L64(1e-300, 1e300), L64(1e-300, 1e300), 40), (L64(1e-306, 1e-300), L64(1e-306, 1e-300), 20), (L64(1e306, 1.2e308), L64(1e306, 1.2e308), 20)]))
two("atan2", mp.atan2, (lambda a, b: b / (a * a + b * b), lambda a, b: -a / (a * a + b * b)),
    pairs("atan2", [(U(-10, 10), U(-10, 10), 100), (L(1e-15, 1e15), L(1e-15, 1e15), 60), (L(1e-38, 1e38), L(1e-38, 1e38), 60), (L64(1e-300, 1e300), L64(1e-300, 1e300), 40)]))

# ---- writing --------------------------------------------------------------------------------------------------------

def hexadecimal(x):
    mantissa, exponent = x.hex().split("p")
    return (mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa) + "p" + exponent


def digits(v):
    return mp.nstr(v, 20, min_fixed=0, max_fixed=1, strip_zeros=True) if abs(v) > TINY else "0"


def condition(slope, at):
    value, total = slope(*at), mp.mpf(0)
    for k in range(len(at)):
        up, down = ([x * (1 + s * STEP) if i == k else x for i, x in enumerate(at)] for s in (1, -1))
        if value and at[k]:
            total += abs((slope(*up) - slope(*down)) / (2 * STEP) / value)
    return mp.nstr(total, 3, min_fixed=0, max_fixed=1)


def write(name, f, slopes, points, parameter):
    here = os.path.join(os.path.dirname(os.path.abspath(__file__)), "tables")
    os.makedirs(here, exist_ok=True)
    lines = []
    for point in points:
        at = [mp.mpf(x) for x in point]
        value = f(*at)
        if not mp.isfinite(value) or abs(value) >= HUGE:
            continue
        fields = [hexadecimal(x) for x in point] + [digits(value)]
        for slope in slopes:
            s = slope(*at)
            fields += [digits(s), condition(slope, at)] if TINY < abs(s) < HUGE else ["inf" if s > 1 else "-inf" if s < -1 else "0", "0"]
        lines.append(" ".join(fields))
    with open(os.path.join(here, name + ".txt"), "w") as out:
        given = "" if parameter is None else ", parameter " + mp.nstr(mp.mpf(parameter), 6)
        out.write(f"# wg_{name}{given}: inputs, value, then two derivatives, each with its condition number. Made by tables.py\n")
        out.write("\n".join(lines) + "\n")
    print(f"{name}: {len(lines)} points")


def main(names):
    for name, (f, slopes, points, parameter) in UNARY.items():
        if not names or name in names:
            write(name, f, slopes, [(x,) for x in points], parameter)
    for name, (f, slopes, points) in BINARY.items():
        if not names or name in names:
            write(name, f, slopes, points, None)


main(sys.argv[1:])
