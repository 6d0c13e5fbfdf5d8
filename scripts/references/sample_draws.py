"""The random numbers that Lockstep draws for a sample, by a second program: SplitMix64's output function."""

BITS = (1 << 64) - 1
GOLDEN = 0x9E3779B97F4A7C15


def mix(value):
    """SplitMix64's next number behind a state."""
    value = (value + GOLDEN) & BITS
    z = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9 & BITS
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB & BITS
    return z ^ (z >> 31)


class Draws:
    """Numbers of one sample of a run with a seed."""

    def __init__(self, seed, sample, stream=0):
        self.key = mix(mix(seed) ^ sample)
        if stream:
            self.key = mix(self.key ^ (stream * GOLDEN & BITS))
        self.count = 0

    def uniform(self):
        """On [0, 1)."""
        self.count += 1
        return (mix((self.key + self.count * GOLDEN) & BITS) >> 11) * 2.0**-53

    def below(self, count):
        """A whole number below `count`."""
        return int(self.uniform() * count)

    def choice(self, shares):
        """The number of the share that a draw falls into."""
        left = self.uniform() * sum(shares)
        for number, share in enumerate(shares):
            left -= share
            if left < 0:
                return number
        return max(number for number, share in enumerate(shares) if share > 0)

    def order(self, count):
        """A shuffle from the end."""
        order = list(range(count))
        for last in range(count - 1, 0, -1):
            other = self.below(last + 1)
            order[last], order[other] = order[other], order[last]
        return order
