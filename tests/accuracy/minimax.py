#!/usr/bin/env python3
"""Makes the coefficients of src/kernels/elementary.inc: python3 tests/accuracy/minimax.py

Each is the polynomial, of the degree given, whose largest error is least, the error being measured relative to the
function that the polynomial is a part of: Remez's exchange (mpmath, 60 digits)."""
import struct

import mpmath as mp

mp.mp.dps = 60


def remez(f, weight, low, high, degree):
    """The coefficients of the polynomial p with the least maximum of |weight (p - f)|, and that maximum."""
    low, high, n = mp.mpf(low), mp.mpf(high), degree + 2
    middle, half = (low + high) / 2, (high - low) / 2
    at = [middle - half * mp.cos(mp.pi * (k + mp.mpf(1) / 100) / (n - 1 + mp.mpf(3) / 100)) for k in range(n)]
    grid = [middle - half * mp.cos(mp.pi * (k + mp.mpf(1) / 2) / (24 * n)) for k in range(24 * n)]
    values, weights = [f(x) for x in grid], [weight(x) for x in grid]
    for _ in range(12):
        system, right = mp.matrix(n, n), mp.matrix(n, 1)
        for i, x in enumerate(at):
            for k in range(degree + 1):
                system[i, k] = weight(x) * x**k
            system[i, degree + 1] = (-1) ** i
            right[i] = weight(x) * f(x)
        solution = mp.lu_solve(system, right)
        power = [solution[k] for k in range(degree + 1)]
        errors = [w * (mp.polyval(power[::-1], x) - v) for x, v, w in zip(grid, values, weights)]
        peaks = []  # the largest error of each run of one sign
        for x, e in zip(grid, errors):
            if peaks and (peaks[-1][1] > 0) == (e > 0):
                if abs(e) > abs(peaks[-1][1]):
                    peaks[-1] = (x, e)
            else:
                peaks.append((x, e))
        if len(peaks) < n:
            break
        while len(peaks) > n:
            peaks.pop(0 if abs(peaks[0][1]) < abs(peaks[-1][1]) else -1)
        at = [x for x, _ in peaks]
    return power, max(abs(e) for e in errors)


def show(name, f, weight, low, high, degree_f32, degree_f64):
    for degree, single in (degree_f32, True), (degree_f64, False):
        if degree is None:
            continue
        power, error = remez(f, weight, low, high, degree)
        print(f"{name}, {'f32' if single else 'f64'}: relative error 2^{mp.nstr(mp.log(error, 2), 4)}")
        if single:
            print("   ", ", ".join("%.9gF" % struct.unpack("f", struct.pack("f", float(c)))[0] for c in power))
        else:
            print("   ", ", ".join(repr(float(c)) for c in power))


def by(f, limit):
    """f, whose formula divides by zero or cancels near 0, where it is limit(x)."""
    return lambda x: limit(x) if abs(x) < mp.mpf(10) ** -11 else f(x)


HALF_LOG2 = mp.log(2) / 2 * mp.mpf("1.002")  # a little more than half, for roundings of x / log 2
beyond_one = by(lambda r: (mp.expm1(r) - r) / r**2, lambda r: mp.mpf(1) / 2 + r / 6)
show("(e^r - 1 - r) / r^2", beyond_one, lambda r: r**2 / mp.exp(r), -HALF_LOG2, HALF_LOG2, 4, 9)

# by f = x - 1 from sqrt(1/2) - 1 to sqrt(2) - 1, and by z = s^2, s = f / (2 + f)
LOW, HIGH = (mp.sqrt(mp.mpf(1) / 2) - 1) * mp.mpf("1.001"), (mp.sqrt(2) - 1) * mp.mpf("1.001")
cubic = by(lambda f: (mp.log1p(f) - f + f * f / 2) / f**3, lambda f: mp.mpf(1) / 3 - f / 4)
show("(log(1 + f) - f + f^2 / 2) / f^3", cubic, lambda f: f**3 / mp.log1p(f) if f else mp.mpf(0), LOW, HIGH, 7, None)
odd = by(lambda z: 2 * (mp.atanh(mp.sqrt(z)) / mp.sqrt(z) - 1) / z, lambda z: mp.mpf(2) / 3 + 2 * z / 5)
show("(log((1 + s) / (1 - s)) - 2 s) / s^3 in z = s^2", odd, lambda z: z, 0, (HIGH / (2 + HIGH)) ** 2, None, 6)

small = mp.mpf("0.31") # 0.5568^2
part = by(lambda z: (mp.tanh(mp.sqrt(z)) / mp.sqrt(z) - 1) / z, lambda z: -mp.mpf(1) / 3 + 2 * z / 15)
show("(tanh x - x) / x^3 in z = x^2", part, lambda z: z * mp.sqrt(z) / mp.tanh(mp.sqrt(z)) if z else mp.mpf(0), 0, small, 4, 10)

quarter = (mp.pi / 4 * mp.mpf("1.004")) ** 2 # a little more, for roundings of x 2 / pi
sine = by(lambda z: (mp.sin(mp.sqrt(z)) / mp.sqrt(z) - 1) / z, lambda z: -mp.mpf(1) / 6 + z / 120)
show("(sin x - x) / x^3 in z = x^2", sine, lambda z: z * mp.sqrt(z) / mp.sin(mp.sqrt(z)) if z else mp.mpf(0), 0, quarter, 2, 5)
cosine = by(lambda z: (mp.cos(mp.sqrt(z)) - 1 + z / 2) / z**2, lambda z: mp.mpf(1) / 24 - z / 720)
show("(cos x - 1 + x^2 / 2) / x^4 in z = x^2", cosine, lambda z: z**2 / mp.cos(mp.sqrt(z)), 0, quarter, 2, 5)

show("(e^r - 1 - r) / r^2, relative to e^r - 1", beyond_one, lambda r: abs(r**2 / mp.expm1(r)) if r else mp.mpf(0),
     -HALF_LOG2, HALF_LOG2, 4, 10)


def parts(name, value, bits, count):
    """value as a sum of numbers, all positive, and all but the last of so many bits"""
    for k in range(count):
        digits = bits if k < count - 1 else 53 if bits > 24 else 24
        exponent = mp.floor(mp.log(value, 2)) - digits + 1
        part = mp.floor(value / mp.mpf(2) ** exponent) * mp.mpf(2) ** exponent
        print(name, k, float(part).hex())
        value -= part


for bits, count in (24, 3), (11, 4), (53, 3), (33, 4):
    parts(f"pi / 2, {bits} bits", mp.pi / 2, bits, count)
