#!/usr/bin/env python3
"""Makes the coefficients of src/kernels/special_*.c: python3 tests/accuracy/coefficients.py

Each is a polynomial in powers of a variable that stays within about 1, by interpolation of the exact function (mpmath, 60
digits) at Chebyshev nodes, of the lowest degree whose relative error is below the bound given."""
import mpmath as mp

mp.mp.dps = 60


def fit(f, low, high, bound):
    low, high = mp.mpf(low), mp.mpf(high)
    middle, half = (low + high) / 2, (high - low) / 2
    for n in range(3, 60):
        nodes = [mp.cos(mp.pi * (2 * k + 1) / (2 * n)) for k in range(n)]
        values = [f(middle + half * t) for t in nodes]
        cheb = [2 * sum(v * mp.cos(j * mp.pi * (2 * k + 1) / (2 * n)) for k, v in enumerate(values)) / n for j in range(n)]
        cheb[0] /= 2
        power = to_powers(cheb, middle, half)
        tests = [middle + half * mp.cos(mp.pi * k / 211) for k in range(212)]
        error = max(abs(mp.polyval(power[::-1], t) / f(t) - 1) for t in tests)
        if error < bound:
            return power, error
    raise ValueError("no degree is enough")


def to_powers(cheb, middle, half):
    """sum c_j T_j((x - middle) / half) in powers of x"""
    line = [-middle / half, 1 / half]
    before, now = [mp.mpf(1)], line
    total = [c for c in [cheb[0]]]
    for c in cheb[1:]:
        total = add(total, [c * a for a in now])
        before, now = now, add([2 * a for a in mul(line, now)], [-a for a in before])
    return total


def add(a, b):
    n = max(len(a), len(b))
    return [(a[i] if i < len(a) else 0) + (b[i] if i < len(b) else 0) for i in range(n)]


def mul(a, b):
    out = [mp.mpf(0)] * (len(a) + len(b) - 1)
    for i, p in enumerate(a):
        for j, q in enumerate(b):
            out[i + j] += p * q
    return out


def show(name, what, f, low, high, bound):
    power, error = fit(f, low, high, bound)
    size = sum(abs(c) * max(abs(low), abs(high)) ** k for k, c in enumerate(power))
    print(f"/* {what}, relative error {mp.nstr(error, 2)} */")
    print(f"static const double {name}[] = {{")
    line = "   "
    for c in power:
        text = f" {float(c)!r},"
        if len(line) + len(text) > 118:
            print(line)
            line = "   "
        line += text
    print(line[:-1] + "};\n")
    return power


def two(name, value):
    high = float(value)
    print(f"#define {name} {high!r}, low {float(value - mp.mpf(high))!r}")


def around(f, point, slope):
    """f with a removable zero divided out: the limit at the point itself"""
    return lambda x: slope if abs(x - point) < mp.mpf(10) ** -40 else f(x)


FULL = mp.mpf(2) ** -57

show("special_lgamma_1", "log Gamma(1 + d) / d in powers of d, |d| <= 1/2",
     around(lambda d: mp.loggamma(1 + d) / d, 0, -mp.euler), -0.5, 0.5, FULL)
show("special_lgamma_2", "log Gamma(2 + d) / d in powers of d, |d| <= 1/2",
     around(lambda d: mp.loggamma(2 + d) / d, 0, 1 - mp.euler), -0.5, 0.5, FULL)

root = mp.findroot(mp.digamma, mp.mpf("1.4616"))
show("special_digamma_2", "digamma(2 + u) / (2 + u - root) in powers of u, |u| <= 1",
     around(lambda u: mp.digamma(2 + u) / (2 + u - root), root - 2, mp.polygamma(1, root)), -1, 1, FULL)
two("SPECIAL_DIGAMMA_ROOT - 1", root - 1)

K = 4
def scaled_erfcx(u):
    if abs(u - 1) < mp.mpf(10) ** -40:
        return 2 / mp.sqrt(mp.pi)
    t = K * (1 + u) / (1 - u)
    if t > 100:
        tail, term, k = mp.mpf(0), mp.mpf(1), 0
        while abs(term) > mp.mpf(10) ** -60 and k < 60:
            tail += term
            k += 1
            term *= -(2 * k - 1) / (2 * t * t)
        return (1 + 2 * t) / (t * mp.sqrt(mp.pi)) * tail
    return (1 + 2 * t) * mp.exp(t * t) * mp.erfc(t)
low = (mp.mpf("0.2") - K) / (mp.mpf("0.2") + K)
show("special_erfcx", f"(1 + 2 t) exp(t^2) erfc(t) in powers of u = (t - {K}) / (t + {K}), t >= 0.2", scaled_erfcx, low, 1, FULL)

def erfinv(x, q):
    """erfinv of x = 1 - q"""
    if q > mp.mpf("0.5"):
        return mp.erfinv(x)
    y = mp.sqrt(-mp.log(q * mp.sqrt(mp.pi)))
    for _ in range(200):
        u = (mp.erfc(y) - q) * mp.exp(y * y) * mp.sqrt(mp.pi) / -2
        step = u / (1 + y * u)
        y -= step
        if abs(step) < mp.mpf(10) ** -50:
            break
    return y
def by_w(w):
    """erfinv(x) / x, w = -log(1 - x^2)"""
    if w < mp.mpf(10) ** -30:
        return mp.sqrt(mp.pi) / 2
    x = mp.sqrt(-mp.expm1(-w))
    q = mp.exp(-w) / (1 + x)
    return erfinv(x, q) / x
SEED = mp.mpf(10) ** -8
show("special_erfinv_near", "erfinv(x) / x in powers of w - 3, w = -log(1 - x^2) <= 6", lambda v: by_w(v + 3), -3, 3, SEED)
show("special_erfinv_far", "erfinv(x) / x in powers of sqrt(w) - 4, 6 <= w <= 37", lambda v: by_w((v + 4) ** 2), mp.sqrt(6) - 4, mp.sqrt(37) - 4, SEED)

two("SPECIAL_SQRT1_2", mp.sqrt(mp.mpf(1) / 2))
two("GELU_TANH c1 = 2 sqrt(2 / pi)", 2 * mp.sqrt(2 / mp.pi))
two("GELU_TANH c3 = 0.044715 c1", 2 * mp.sqrt(2 / mp.pi) * mp.mpf("0.044715"))
print("Stirling B_2k / (2k (2k - 1)):", [float(mp.bernoulli(2 * k) / (2 * k * (2 * k - 1))) for k in range(1, 13)])
print("digamma B_2k / 2k:", [float(mp.bernoulli(2 * k) / (2 * k)) for k in range(1, 13)])
print("Bernoulli B_2k:", [float(mp.bernoulli(2 * k)) for k in range(1, 16)])
print("log sqrt(2 pi) - 1/2:", repr(float(mp.log(2 * mp.pi) / 2 - mp.mpf(1) / 2)))
print("log pi:", repr(float(mp.log(mp.pi))), "sqrt(pi)/2:", repr(float(mp.sqrt(mp.pi) / 2)))
