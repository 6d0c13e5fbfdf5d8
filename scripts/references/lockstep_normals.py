"""lockstep's normal random numbers from their formulas, in float64.

Philox4x32-10 (Salmon et al. 2011), Box and Muller's method (1958), streams named by FNV-1a and the finaliser
of SplitMix64.
"""

import math

MASK = 0xFFFFFFFFFFFFFFFF


def mixed(a, b):
    """A key from two."""
    z = (a + 0x9E3779B97F4A7C15 * (b + 1)) & MASK
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & MASK
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB & MASK
    return z ^ (z >> 31)


def key_of(seed, name):
    """The key of the stream with a name."""
    value = 0xCBF29CE484222325
    for byte in name.encode():
        value = (value ^ byte) * 0x100000001B3 & MASK
    return mixed(seed, value)


def philox(key, counter):
    """The first two of four words of 32 bits."""
    k0, k1 = key & 0xFFFFFFFF, key >> 32
    c = [counter & 0xFFFFFFFF, counter >> 32, 0, 0]
    for _ in range(10):
        p0, p1 = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [
            (p1 >> 32) ^ c[1] ^ k0,
            p1 & 0xFFFFFFFF,
            (p0 >> 32) ^ c[3] ^ k1,
            p0 & 0xFFFFFFFF,
        ]
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return c[0], c[1]


def normals(key, count):
    """The first numbers of N(0, 1) of a stream."""
    numbers = []
    for pair in range((count + 1) // 2):
        first, second = philox(key, pair)
        radius = math.sqrt(-2 * math.log(((first >> 8) + 0.5) / 2**24))
        angle = 2 * math.pi * (second >> 8) / 2**24
        numbers += [radius * math.cos(angle), radius * math.sin(angle)]
    return numbers[:count]
