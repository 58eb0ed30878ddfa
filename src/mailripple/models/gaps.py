"""The chances of the gaps between a host's questions, as tables for the kernel: a likelihood over whole intervals.

A gap of whole seconds falls into one of `CELLS` cells, four an octave.  Null: questions come in clumps, and clumps come
rarely (a Lomax tail, `1 - (1 + t/scale)**-shape`).  A clump is that of a program (a script, a mail client that sets
itself up), quick and long, or of a person who types, slow and short: which of them is not known, and is filtered as in
a hidden Markov model (Rabiner 1989), gap by gap.  Alternative: a mailer asks at a constant rate, so gaps are
exponential, but for a share that comes at once: mailers work in threads.  Masses of cells, not densities at points,
make the ratio an e-value: its mean under the null is the alternative's mass, whatever the filter says.

A name that is asked again speaks for whoever is no mailer; a new one is no evidence by its being new: the mean stays
at most 1 for hosts that never ask twice.
"""

from __future__ import annotations

import math

from mailripple.models.logs import fixed

#: Octaves of seconds; 2**24 s are half a year.
OCTAVES = 24
CELLS = 4 * (OCTAVES + 1)
#: Null, clumps of programs and of persons: their share, how often one goes on, and the log-logistic gap within: the
#: median in seconds and the shape.
CLUMPS = ((0.2, 0.99, 0.4, 1.5), (0.8, 0.75, 10.0, 2.0))
SORTS = len(CLUMPS)
#: The tail between clumps.
REST_SHAPE, REST_SCALE_S = 0.5, 14_400.0
#: Alternatives, averaged; the truth need only lie between: new names a minute, and the share that comes at once.
MAILERS = (
    (0.05, 0.1),
    (0.15, 0.1),
    (0.5, 0.1),
    (1.5, 0.1),
    (5.0, 0.1),
    (15.0, 0.1),
    (50.0, 0.1),
    (0.5, 0.6),
    (5.0, 0.6),
)
STREAMS = len(MAILERS)
#: Gaps in threads: as `CLUMPS`.
AT_ONCE_S, AT_ONCE_SHAPE = 0.5, 2.0
#: The ratio of a name that is asked again.
AGAIN = fixed(-0.05)
#: Taken from each step, so that what fixed point rounds cannot raise the mean above 1.
ROUNDING = fixed(5e-5)


def edges(cell: int) -> tuple[float, float]:
    """Gaps [begin, end) of a cell, seconds; empty where no whole second lies in it."""
    octave, quarter = divmod(cell, 4)
    low = math.ceil((4 + quarter) * 2.0 ** (octave - 2)) - 1
    high = math.ceil((5 + quarter) * 2.0 ** (octave - 2)) - 1
    return float(low), math.inf if cell == CELLS - 1 else float(high)


def lomax(t: float, shape: float, scale: float) -> float:
    """Chance of a gap beyond t."""
    return 0.0 if math.isinf(t) else (1 + t / scale) ** -shape


def log_logistic(t: float, median: float, shape: float) -> float:
    """Chance of a gap beyond t."""
    return 0.0 if math.isinf(t) else 1 / (1 + (t / median) ** shape)


def clump_mass(cell: int, sort: int) -> float:
    """Chance of a cell within a clump of a sort."""
    low, high = edges(cell)
    _, _, median, shape = CLUMPS[sort]
    return log_logistic(low, median, shape) - log_logistic(high, median, shape)


def rest_mass(cell: int) -> float:
    """Chance of a cell between clumps."""
    low, high = edges(cell)
    return lomax(low, REST_SHAPE, REST_SCALE_S) - lomax(high, REST_SHAPE, REST_SCALE_S)


def mailer_mass(cell: int, stream: int) -> float:
    """Chance of a cell for a mailer."""
    low, high = edges(cell)
    rate, at_once = MAILERS[stream]
    thread = log_logistic(low, AT_ONCE_S, AT_ONCE_SHAPE) - log_logistic(high, AT_ONCE_S, AT_ONCE_SHAPE)
    alone = math.exp(-rate * low / 60) - (0.0 if math.isinf(high) else math.exp(-rate * high / 60))
    return (1 - at_once) * alone + at_once * thread


def _log(mass: float) -> int:
    """The logarithm, fixed point; of a cell without a whole second 0, for it never comes."""
    return fixed(math.log(mass)) if mass > 0 else 0


#: Logarithms, fixed point: for each stream and cell; for each sort of clump and cell, that it goes on so; of a cell
#: between clumps; for each sort, that a clump ends, and that one begins.
MAILS = tuple(_log(mailer_mass(cell, stream)) for stream in range(STREAMS) for cell in range(CELLS))
GOES_ON = tuple(_log(CLUMPS[sort][1] * clump_mass(cell, sort)) for sort in range(SORTS) for cell in range(CELLS))
RESTS = tuple(_log(rest_mass(cell)) for cell in range(CELLS))
ENDS = tuple(_log(1 - clump[1]) for clump in CLUMPS)
BEGINS = tuple(_log(clump[0]) for clump in CLUMPS)
#: The least evidence of a step: a CUSUM that has begun anew forgets the rest.
LEAST = fixed(-20.0)
