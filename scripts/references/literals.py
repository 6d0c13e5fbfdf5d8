"""Prints values that tests hold as literals, and says whether the tests have them.

The scripts whose names end in `_literals.py` write no files: what peers make of a test's inputs stands in the
test itself. Each prints its versions and seed, every value as Swift writes it, in the order of the test, and
the SHA-256 of all values; it fails when a test has other ones. README.md lists the hashes.
"""

import hashlib
import json
import re
import sys
from pathlib import Path

from manifest import REFERENCES, versions

TESTS = REFERENCES.parent


def source(test):
    """The text of a test's file."""
    (path,) = TESTS.rglob(f"{test}.swift")
    return path.read_text()


def squeezed(text):
    """Swift without white space and without the commas that end lists."""
    return re.sub(r",(?=[\])])", "", re.sub(r"\s+", "", text))


def floats(numbers):
    """A list of numbers with seven decimals."""
    return "[" + ", ".join("0" if number == 0 else f"{number:.7f}" for number in numbers) + "]"


def text(value):
    """A Swift string: quotes and backslashes escaped; line feeds as well."""
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


class Literals:
    """What one script prints."""

    def __init__(self, generator, packages, seed=None):
        self.lines, self.missing = [], 0
        made = {"generator": f"scripts/references/{Path(generator).name}", "versions": versions(packages)}
        print(json.dumps(made | {"seed": seed}))

    def test(self, name):
        """The values that follow are of this test; they are looked for from its beginning on."""
        self.found, self.place = squeezed(source(name)), 0
        self.say(f"{name}:")

    def say(self, line):
        """A line that counts for the hash, but is no literal."""
        self.lines.append(line)
        print(line)

    def value(self, about, literal):
        """A literal as Swift writes it, which has to stand behind the one before."""
        literal = str(literal)
        place = self.found.find(squeezed(literal), self.place)
        self.lines.append(f"  {about}: {literal}")
        print(self.lines[-1], "" if place >= 0 else " <- NOT IN THE TEST")
        if place < 0:
            self.missing += 1
        else:
            self.place = place + len(squeezed(literal))

    def holds(self, about, truth):
        """What a test says without a literal."""
        self.lines.append(f"  {about}: {bool(truth)}")
        print(self.lines[-1], "" if truth else " <- NOT AS IN THE TEST")
        self.missing += not truth

    def finish(self):
        """Prints the hash. Raises SystemExit when a test has other values."""
        print("sha256", hashlib.sha256("\n".join(self.lines).encode()).hexdigest())
        sys.exit(f"{self.missing} values are not as in the tests" if self.missing else 0)
