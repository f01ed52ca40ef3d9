"""PyTorch's side of the benchmarks: a peer in a process of its own, see support/process.h.

    mlp NET THREADS             a training step; asked for, the loss before the fourth
    memory NET                  the most memory that four steps take, in bytes; once in a process
    conv | cross_entropy B C | layer_norm B D | attention      a layer forward and backward; asked for, the sum of y g and
                                of the squares of each gradient
    small                       4 x 4 matrix product, tanh, sum, forward and backward
"""
import ctypes
import resource
import sys
import time

import torch
import torch.nn.functional as F

RATE = 0.1
NETS = {
    "a": ((3, 5, 2), 100),
    "b": ((64, 32, 10), 64),
    "c": ((784, 128, 10), 32),
    "d": ((784, 512, 512, 10), 256),
    "deep": ((784,) + (512,) * 20 + (10,), 256),
}


def numbers(low, high, *shape):
    """The numbers of bench_fill_f32: multiples of the golden section, modulo 1."""
    n = 1
    for extent in shape:
        n *= extent
    part = torch.arange(1, n + 1, dtype=torch.int64) * (0x9E3779B97F4A7C15 - (1 << 64))
    part = (part >> 11) & ((1 << 53) - 1)
    return (low + (high - low) * (part.double() / 2**53)).float().reshape(shape)


class Mlp:
    def __init__(self, name, threads="1"):
        self.threads = int(threads)
        width, samples = NETS[name]
        self.x = numbers(0, 1, width[0], samples)
        self.y = numbers(0, 1, width[-1], samples)
        self.w = [numbers(-(i**-0.5), i**-0.5, o, i).requires_grad_() for i, o in zip(width, width[1:])]
        self.b = [torch.zeros(o, 1, requires_grad=True) for o in width[1:]]
        self.loss = None

    def work(self):
        a = self.x
        for w, b in zip(self.w, self.b):
            a = torch.sigmoid(torch.addmm(b, w, a))
        self.loss = F.mse_loss(a, self.y)
        self.loss.backward()
        with torch.no_grad():
            for p in self.w + self.b:
                p.sub_(p.grad, alpha=RATE)
                p.grad = None

    def ask(self):
        for _ in range(4):
            self.work()
        return [self.loss.item()]


class Layer:
    """y = f(leaves) swept from the cotangent g."""

    threads = 1

    def __init__(self, f, leaves, g=None):
        self.f = f
        self.leaves = [leaf.requires_grad_() for leaf in leaves]
        self.g = g

    def work(self):
        for leaf in self.leaves:
            leaf.grad = None
        y = self.f(*self.leaves)
        if self.g is None:
            y.backward()
        else:
            y.backward(self.g)
        return y

    def ask(self):
        y = self.work().double()
        value = y.item() if self.g is None else (y * self.g).sum().item()
        return [value] + [leaf.grad.double().square().sum().item() for leaf in self.leaves]


def conv():
    x, w, b = numbers(0, 1, 32, 16, 28, 28), numbers(-0.5, 0.5, 32, 16, 3, 3), numbers(-0.5, 0.5, 32)
    return Layer(lambda x, w, b: F.conv2d(x, w, b, padding=1), [x, w, b], numbers(0, 1, 32, 32, 28, 28))


def cross_entropy(batch, classes):
    batch, classes = int(batch), int(classes)
    target = torch.arange(batch) * 7919 % classes
    return Layer(lambda z: F.cross_entropy(z, target), [numbers(-2, 2, batch, classes)])


def layer_norm(batch, size):
    batch, size = int(batch), int(size)
    leaves = [numbers(-2, 2, batch, size), numbers(0.5, 1.5, size), numbers(-0.5, 0.5, size)]
    return Layer(lambda x, w, b: F.layer_norm(x, (size,), w, b), leaves, numbers(-1, 1, batch, size))


def attention():
    leaves = [numbers(-2, 2, 8, 128, 64) * scale for scale in (1, 0.5, 0.25)]

    def f(q, k, v):
        return torch.softmax(q @ k.transpose(1, 2) * 64**-0.5, -1) @ v

    return Layer(f, leaves, numbers(-1, 1, 8, 128, 64))


def small():
    return Layer(lambda a, b: torch.tanh(a @ b).sum(), [numbers(-0.5, 0.5, 4, 4), numbers(-1, 1, 4, 4)])


def memory(name):
    """The growth of the resident set; a small step first loads what PyTorch loads late."""
    Mlp("b").ask()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    Mlp(name).ask()
    return [1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)]


WORKS = {
    "mlp": Mlp,
    "conv": conv,
    "cross_entropy": cross_entropy,
    "layer_norm": layer_norm,
    "attention": attention,
    "small": small,
}


def set_threads(count):
    """PyTorch's own, and those of the OpenBLAS that it may use, which it does not tell."""
    torch.set_num_threads(count)
    try:
        ctypes.CDLL("libopenblas.so.0").openblas_set_num_threads(count)
    except OSError:
        pass


def main():
    threads = 1
    set_threads(threads)
    print("PyTorch", ".".join(torch.__version__.split(".")[:2]), flush=True)
    made = {}
    for line in sys.stdin:
        verb, *words = line.split()
        times = int(words.pop(0)) if verb == "time" else 0
        if words[0] == "memory":
            print(*memory(words[1]), flush=True)
            continue
        if verb == "ask" or tuple(words) not in made:
            made[tuple(words)] = WORKS[words[0]](*words[1:])
        work = made[tuple(words)]
        if threads != work.threads:
            threads = work.threads
            set_threads(threads)
        if verb == "ask":
            print(*("%.17g" % number for number in work.ask()), flush=True)
            continue
        start = time.perf_counter()
        for _ in range(times):
            work.work()
        print(time.perf_counter() - start, flush=True)


main()
