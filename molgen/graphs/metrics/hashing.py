"""Hashes that are the same in every process, for numpy arrays of numbers."""

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]


def mix(x: Hashes) -> Hashes:
    """A bijection of the 64-bit numbers that scatters them: splitmix64 (Steele et al. 2014).

    The sum of mixed numbers is a hash of a bag, whatever the order of its members.
    """
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def salt(number: int) -> np.uint64:
    """A constant that keeps hashes of different things apart."""
    return np.uint64(number * 0x632BE59BD9B4E019 % 2**64)
