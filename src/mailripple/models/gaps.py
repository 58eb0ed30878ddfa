"""The chances of the gaps between a host's questions, as tables for the kernel: a likelihood over whole intervals.

A gap of whole seconds falls into one of `CELLS` cells, four an octave.  Null: questions come in clumps, and clumps come
rarely (a Lomax tail, `1 - (1 + t/scale)**-shape`).  A clump is that of a program (a script, a mail client that sets
itself up), quick and long, or of a person who types, slow and short, or of a monitor, in step: each gap as the last.
Which of them is not known, and is filtered as in a hidden Markov model (Rabiner 1989), gap by gap.  Alternative: a
mailer asks at a constant rate, so gaps are exponential, but for a share that comes at once, for mailers work in
threads; or it keeps in step itself.  Masses of cells, not densities at points, make the ratio an e-value: its mean
under the null is the alternative's mass, whatever the filter says.

Who asks for an exchanger and then for an address within two seconds is likely to deliver: a second mark of each name,
judged by the sort of clump that the name belongs to, and in some of the alternatives only.

A name that is asked again speaks for whoever is no mailer; a new one is no evidence by its being new: the mean stays
at most 1 for hosts that never ask twice.
"""

from __future__ import annotations

import math

from mailripple.models.logs import fixed

#: Octaves of seconds; 2**24 s are half a year.
OCTAVES = 24
CELLS = 4 * (OCTAVES + 1)
#: Null, clumps of programs (of which some go on to the exchanger's address) and of persons: their share, how often one
#: goes on, the log-logistic gap within (the median in seconds and the shape), and the share of gaps that come at once
#: instead: a person asks for two names by one command.
CLUMPS = ((0.1, 0.995, 0.35, 2.5, 0.0), (0.03, 0.995, 0.35, 2.5, 0.0), (0.77, 0.75, 10.0, 2.1, 0.05))
#: The last sort of clump, in step: its share, how often it goes on, and how often the gap is in the cell of the last
#: (else in one beside it).  Gaps of less than 15 s are not in step: their cells are not whole seconds.
MONITORS, MONITOR_GOES_ON, SAME_CELL = 0.1, 0.75, 0.8
IN_STEP = 16
SORTS = len(CLUMPS) + 1
#: How often a question for another address follows that for an exchanger, by sort of clump: the exchanger's own, or,
#: of people, what their browser asks for meanwhile.
FOLLOWED = (0.05, 0.9, 0.12, 0.1)
#: The tail between clumps.
REST_SHAPE, REST_SCALE_S = 0.5, 14_400.0
#: Alternatives, averaged; the truth need only lie between: new names a minute, and the share that comes at once.
MAILERS = (
    (0.05, 0.1),
    (0.2, 0.1),
    (0.8, 0.1),
    (3.0, 0.1),
    (10.0, 0.1),
    (30.0, 0.1),
    (90.0, 0.1),
    (0.5, 0.6),
    (5.0, 0.6),
    (0.1, 0.1),
    (0.7, 0.1),
    (4.0, 0.1),
    (25.0, 0.1),
)
#: From this one on mailers ask for the exchanger's address too, so often; the others may do as they like: that is no
#: evidence there.
RESOLVE, RESOLVES = 9, 0.75
#: The last stream is that of a mailer in step nine times in ten, else as the third; it too may do as it likes.
STEADY, STEADY_ELSE = 0.9, 2
STREAMS = len(MAILERS) + 1
#: What comes at once, of threads too: median and shape as in `CLUMPS`.
AT_ONCE_S, AT_ONCE_SHAPE = 0.5, 2.0
#: The ratio of a name that is asked again, as a logarithm.
AGAIN_LOG = -0.1
AGAIN = fixed(AGAIN_LOG)
#: log (e + e^2 + ... + e^k) with that e, for k = 1, 2, ..., up to where it hardly grows: what k such steps leave of the
#: ones that a Shiryaev-Roberts sum adds.
AGAIN_MOST = 160
AGAINS = tuple(
    fixed(math.log(sum(math.exp(AGAIN_LOG * i) for i in range(1, max(k, 1) + 1)))) for k in range(AGAIN_MOST + 1)
)
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
    _, _, median, shape, at_once = CLUMPS[sort]
    apart = log_logistic(low, median, shape) - log_logistic(high, median, shape)
    return (1 - at_once) * apart + at_once * at_once_mass(cell)


def at_once_mass(cell: int) -> float:
    """Chance of a cell for what comes at once."""
    low, high = edges(cell)
    return log_logistic(low, AT_ONCE_S, AT_ONCE_SHAPE) - log_logistic(high, AT_ONCE_S, AT_ONCE_SHAPE)


def rest_mass(cell: int) -> float:
    """Chance of a cell between clumps."""
    low, high = edges(cell)
    return lomax(low, REST_SHAPE, REST_SCALE_S) - lomax(high, REST_SHAPE, REST_SCALE_S)


def mailer_mass(cell: int, stream: int) -> float:
    """Chance of a cell for a mailer."""
    low, high = edges(cell)
    rate, at_once = MAILERS[stream]
    alone = math.exp(-rate * low / 60) - (0.0 if math.isinf(high) else math.exp(-rate * high / 60))
    return (1 - at_once) * alone + at_once * at_once_mass(cell)


def step_mass(cell: int, last: int) -> float:
    """Chance of a cell in step with the last gap's; where that was too short (or endless), of one between clumps."""
    if not IN_STEP <= last < CELLS - 1:
        return rest_mass(cell)
    return {0: SAME_CELL, 1: (1 - SAME_CELL) / 2}.get(abs(cell - last), 0.0)


def _log(mass: float) -> int:
    """The logarithm, fixed point; of a cell without a whole second 0, for it never comes."""
    return fixed(math.log(mass)) if mass > 0 else 0


#: Logarithms, fixed point: for each stream but the last and cell; for each sort but the last and cell, that it goes on
#: so; of a cell between clumps; for each sort, that a clump ends, and that one begins.
MAILS = tuple(_log(mailer_mass(cell, stream)) for stream in range(STREAMS - 1) for cell in range(CELLS))
GOES_ON = tuple(_log(CLUMPS[sort][1] * clump_mass(cell, sort)) for sort in range(SORTS - 1) for cell in range(CELLS))
RESTS = tuple(_log(rest_mass(cell)) for cell in range(CELLS))
ENDS = (*(_log(1 - clump[1]) for clump in CLUMPS), _log(1 - MONITOR_GOES_ON))
BEGINS = (*(_log(clump[0]) for clump in CLUMPS), _log(MONITORS))
#: That a monitor goes on; the chance of the last gap's cell and of one beside it; of all others: never.
STEPS, SAME, BESIDE, NEVER = _log(MONITOR_GOES_ON), _log(SAME_CELL), _log((1 - SAME_CELL) / 2), fixed(-60.0)
#: A mailer in step, and one that is not for once.
KEEPS_STEP, LOSES_STEP = _log(STEADY), _log(1 - STEADY)
#: Logarithms of the chances that no address follows, and that one does, in turn: for each sort; for who resolves.
FOLLOWS = tuple(_log(p) for often in FOLLOWED for p in (1 - often, often))
RESOLVED = (_log(1 - RESOLVES), _log(RESOLVES))
#: The least evidence of a step: a CUSUM that has begun anew forgets the rest.
LEAST = fixed(-20.0)
