#!/usr/bin/env python3
"""Six well-known slips in a two-layer network's backward pass, written by hand in NumPy.

Writes ../slips/forward.npz, the arrays that the forward is made of, and beside it the gradients of each version:

    right.npz           as it should be
    transpose.npz       dW2 without the transpose of A1
    unsummed.npz        the bias gradients not summed over the samples
    wrong_axis.npz      summed over the wrong axis
    without_m.npz       the 1/m of the loss forgotten
    elementwise.npz     an elementwise product in the place of the matrix product, in dW2

The forward, samples in columns:

    mse(sigmoid(W2 @ sigmoid(W1 @ X + b1) + b2), Y, batch_mean)

With mean in the place of batch_mean, right.npz is the sixth slip: the loss a mean over elements, but the backward pass begun
with 2/m. dW2.npy and db2.npy are two arrays of right.npz. In the elementwise version there are as many units in each layer
as there are samples (square.npz is its forward): elsewhere NumPy would have refused it.
"""

import os

import numpy as np

SLIPS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "slips")


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def forward_arrays(n0, n1, n2, m, seed=0):
    rng = np.random.default_rng(seed)
    shapes = {"W1": (n1, n0), "b1": (n1, 1), "W2": (n2, n1), "b2": (n2, 1), "X": (n0, m), "Y": (n2, m)}
    return {name: rng.normal(size=shape) for name, shape in shapes.items()}


def backward(f, slip=None):
    """The gradients of W1, b1, W2, b2 and of the steps between."""
    W1, b1, W2, b2, X, Y = (f[name] for name in ("W1", "b1", "W2", "b2", "X", "Y"))
    m = X.shape[1]

    A1 = sigmoid(W1 @ X + b1)
    A2 = sigmoid(W2 @ A1 + b2)

    dA2 = 2 / m * (A2 - Y)
    if slip == "without_m":
        dA2 = 2 * (A2 - Y)

    dZ2 = dA2 * A2 * (1 - A2)
    dW2 = dZ2 @ A1.T
    if slip == "transpose":
        dW2 = dZ2 @ A1.reshape(m, -1)  # of the right shape, and so nobody complains
    if slip == "elementwise":
        dW2 = dZ2 * A1
    db2 = dZ2.sum(axis=1, keepdims=True)

    dA1 = W2.T @ dZ2
    dZ1 = dA1 * A1 * (1 - A1)
    dW1 = dZ1 @ X.T
    db1 = dZ1.sum(axis=1, keepdims=True)

    if slip == "unsummed":
        db1, db2 = dZ1, dZ2
    if slip == "wrong_axis":
        db1, db2 = dZ1.sum(axis=0), dZ2.sum(axis=0)

    return {"dW1": dW1, "db1": db1, "dW2": dW2, "db2": db2}


def save(name, arrays):
    np.savez_compressed(os.path.join(SLIPS, name), **arrays)


def main():
    os.makedirs(SLIPS, exist_ok=True)
    f = forward_arrays(3, 5, 4, 7)
    square = forward_arrays(5, 5, 5, 5, seed=1)
    save("forward.npz", f)
    save("square.npz", square)
    right = backward(f)
    save("right.npz", right)
    for slip in ("transpose", "unsummed", "wrong_axis", "without_m"):
        save(slip + ".npz", backward(f, slip))
    save("elementwise.npz", backward(square, "elementwise"))
    np.save(os.path.join(SLIPS, "dW2.npy"), right["dW2"])
    np.save(os.path.join(SLIPS, "db2.npy"), right["db2"])


if __name__ == "__main__":
    main()
