"""The chances of the gaps between a host's questions, as tables for the kernel: a likelihood over whole intervals.

A gap of whole seconds falls into one of `CELLS` cells, four an octave.  Null: questions come in clumps (a script, a
mail client that sets itself up), and clumps come rarely; both gaps have Lomax tails, `1 - (1 + t/scale)**-shape`.
Alternative: a mailer asks at a constant rate, so gaps are exponential.  Masses of cells, not densities at points, make
the ratio an e-value: its mean under the null is the alternative's mass, at most 1.

Two things more.  Whoever is no mailer asks some names again and again (a monitor does nothing else), a mailer seldom
does: a question is old or new first, and new ones have a gap.  And a program that checks a list asks as fast as the
fastest mailer, but its list has an end: that stream has a null of its own, in which each name may be the last.
"""

from __future__ import annotations

import math

from mailripple.models.logs import fixed

#: Octaves of seconds; 2**24 s are half a year.
OCTAVES = 24
CELLS = 4 * (OCTAVES + 1)
#: Null: how often the next question belongs to the same clump, and the tails within and between clumps.
CLUMP, CLUMP_SHAPE, CLUMP_SCALE_S = 0.7, 1.0, 3.0
REST_SHAPE, REST_SCALE_S = 0.5, 14_400.0
#: How often a question repeats one of the last day: null and mailer.
REPEATS, MAILER_REPEATS = 0.1, 0.05
#: A program that checks a list goes on with this chance, within so many seconds; a mailer that is as fast always does.
GOES_ON, AT_ONCE_S = 0.985, 15
#: Alternatives: new names a minute.  Several at once; the truth need only lie between.
RATES = (0.05, 0.3, 1.5, 8.0)


def edges(cell: int) -> tuple[float, float]:
    """Gaps [begin, end) of a cell, seconds; empty where no whole second lies in it."""
    octave, quarter = divmod(cell, 4)
    low = math.ceil((4 + quarter) * 2.0 ** (octave - 2)) - 1
    high = math.ceil((5 + quarter) * 2.0 ** (octave - 2)) - 1
    return float(low), math.inf if cell == CELLS - 1 else float(high)


def lomax(t: float, shape: float, scale: float) -> float:
    """Chance of a gap beyond t."""
    return 0.0 if math.isinf(t) else (1 + t / scale) ** -shape


def null_mass(cell: int) -> float:
    """Chance of a cell for a host that is no mailer."""
    low, high = edges(cell)
    clump = lomax(low, CLUMP_SHAPE, CLUMP_SCALE_S) - lomax(high, CLUMP_SHAPE, CLUMP_SCALE_S)
    rest = lomax(low, REST_SHAPE, REST_SCALE_S) - lomax(high, REST_SHAPE, REST_SCALE_S)
    return CLUMP * clump + (1 - CLUMP) * rest


def mailer_mass(cell: int, rate: float) -> float:
    """Chance of a cell for a mailer that asks for `rate` new names a minute."""
    low, high = edges(cell)
    return math.exp(-rate * low / 60) - (0.0 if math.isinf(high) else math.exp(-rate * high / 60))


def _ratio(cell: int, rate: float) -> int:
    low, high = edges(cell)
    if low >= high:
        return 0
    return fixed(max(math.log(max(mailer_mass(cell, rate), 1e-300) / null_mass(cell)) + NEW, -20.0))


def _endless(cell: int) -> int:
    """The ratio of a mailer that goes on to a program that checks a list."""
    low, high = edges(cell)
    if low >= high:
        return 0
    return fixed(-math.log(GOES_ON)) if high <= AT_ONCE_S else fixed(-20.0)


#: log of the ratio for a name that is new (a list that is checked has no others), and, fixed point, for an old one.
NEW = math.log((1 - MAILER_REPEATS) / (1 - REPEATS))
AGAIN = fixed(math.log(MAILER_REPEATS / REPEATS))
#: Streams: one for each rate, and the fast one without end.
STREAMS = len(RATES) + 1
#: log of the ratio, fixed point, for each stream and cell; at least -20: a CUSUM that has begun anew forgets the rest.
RATIOS = tuple(_ratio(cell, rate) for rate in RATES for cell in range(CELLS)) + tuple(map(_endless, range(CELLS)))
