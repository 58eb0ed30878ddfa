"""The bins that the evaluation makes of a site are those that a report makes of its logs."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mailripple.config import ReadOptions
from mailripple.evaluate.server import bins_of_site, surges_of
from mailripple.models.evidence import bins_of
from mailripple.models.minutes import minutes_of
from mailripple.run import read_all
from mailripple.simulate.site.generate import make_site
from mailripple.simulate.site.scene import site_scene
from mailripple.simulate.site.write import write_site


def test_bins_of_a_site_are_those_of_its_logs(tmp_path: Path) -> None:
    """Every column, but for the first and last bin, which a log does not cover, and refusals, which have two lines."""
    site = make_site(site_scene("campus-quiet"), 3, days=2, clients=40)
    truth = write_site(site, tmp_path, mta="sendmail", dns="bind")
    logs = [str(tmp_path / name) for name in truth["lines"]]
    result = read_all(logs, ReadOptions(zone=truth["time_zone"], zone_given=True, now=site.end * 1000, seed=1))
    servers = [result.key(truth["mail_server"].encode(), 1)]
    real = bins_of(minutes_of(result.counts, servers), site.dns_ahead_ms // 60_000)
    made = bins_of_site(site)
    skip = real.start // 5 - made.start // 5
    n = min(len(real.mail), len(made.mail) - skip) - 8
    for name in ("mail.from", "mail.out", "first", "retry", "pop.login", "D_q"):
        a, b = real[name][2:n], made[name][skip + 2 : skip + n]
        # A line is written a moment after its event: now and then in the next bin.
        assert abs(a.sum() - b.sum()) <= 3, name
        assert np.abs(a - b).sum() <= 0.05 * b.sum() + 3, name
    assert surges_of(site) == []
