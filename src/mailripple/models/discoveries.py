"""Which of many subjects stand out, when all of them were looked at: the e-BH procedure.

Source: Wang and Ramdas, False discovery rate control with e-values, J. R. Stat. Soc. B 84(3), 2022. It needs no
independence: hosts that share a server, an hour or an outage may have e-values that depend on each other in any way.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def discoveries(log_e: NDArray[np.float64], subjects: int, delta: float = 0.05) -> NDArray[np.bool_]:
    """Return, for each candidate, whether e-BH rejects "this subject is ordinary": a mask of the shape of `log_e`.

    `log_e` (n,): natural logarithms of the candidates' e-values (mean at most 1 for an ordinary subject).
    `subjects`: all subjects that were looked at, at least n; those not listed count as e = 0.
    `delta`: the expected share of false discoveries stays at or below delta. The k largest are rejected, with k
    the largest number for which e_(k) >= subjects / (k delta). Equal e-values share one fate.

    ValueError: fewer subjects than candidates, delta outside (0, 1], or an e-value that is not a number.
    """
    if subjects < len(log_e):
        raise ValueError(f"{len(log_e)} candidates among {subjects} subjects")
    if not 0.0 < delta <= 1.0:
        raise ValueError(f"delta must be in (0, 1], not {delta}")
    if np.isnan(log_e).any():
        raise ValueError("an e-value is not a number")
    if len(log_e) == 0:
        return np.zeros(0, dtype=np.bool_)
    falling = np.sort(log_e)[::-1]
    needed = np.log(subjects / delta) - np.log(np.arange(1, len(log_e) + 1))
    passed = np.flatnonzero(falling >= needed)
    if len(passed) == 0:
        return np.zeros(len(log_e), dtype=np.bool_)
    return np.asarray(log_e >= falling[passed[-1]], dtype=np.bool_)
