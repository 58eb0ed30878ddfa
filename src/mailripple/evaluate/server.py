"""The counts of a site's mail server in the bins that the models read, from its tables."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mailripple.models.evidence import STEP, Bins
from mailripple.models.findings import Surge
from mailripple.models.surges import find_surges
from mailripple.simulate.site.tables import LOCAL, Ints, Site

_BIN = STEP * 60_000


def bins_of_site(site: Site) -> Bins:
    """Bins of `evidence.STEP` minutes from the site's start to its end, all covered."""
    n = (site.end - site.start) // _BIN

    def counted(ms: Ints) -> npt.NDArray[np.float64]:
        at = (ms - site.start) // _BIN
        found: npt.NDArray[np.float64] = np.bincount(at[(at >= 0) & (at < n)], minlength=n).astype(np.float64)
        return found

    a, r, q = site.attempts, site.recipients, site.queries
    message, domain = r.message[a.recipient], r.domain[a.recipient]
    once = np.unique(np.stack([message, domain, a.run]), axis=1, return_index=True)[1]
    ms, first, away = a.ms[once], a.run[once] < 0, domain[once] != LOCAL
    columns = {
        "mail.from": counted(site.messages.ms),
        "mail.out": counted(ms[first & away]),
        "first": counted(ms[first]),
        "retry": counted(ms[~first]),
        "pop.login": counted(site.logins.ms[(site.logins.ok == 1) & (site.logins.service == 0)]),
        "refused": counted(site.refusals.ms),
        "D_q": counted(q.ms[q.client == site.mail_server]),
    }
    covered = np.ones(n, np.bool_)
    return Bins(site.start // 60_000, columns, covered, covered)


def surges_of(site: Site) -> list[Surge]:
    """The surges of the site's mail server."""
    return find_surges(bins_of_site(site))
