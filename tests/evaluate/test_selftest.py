"""The self-test finds what it plants, on a made-up campus and in logs that are read from files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mailripple.errors import InputError
from mailripple.evaluate.selftest import INNOCENT, PLANTED, as_text, selftest, selftest_logs
from mailripple.simulate.site.generate import make_site
from mailripple.simulate.site.scene import site_scene
from mailripple.simulate.site.write import write_site
from tests.command import call
from tests.evaluate.options import READING


def test_every_planted_mailer_is_found() -> None:
    """Six mailers on a campus of 300 computers are found, and nobody who uses one is accused."""
    lines = selftest(1)
    assert len(lines) == len(PLANTED) + len(INNOCENT)
    assert [line.said for line in lines if not line.good] == []
    assert as_text(lines).endswith("all is as it should be")


def test_mailers_in_own_logs(tmp_path: Path) -> None:
    """Mailers that are put into the log of a quiet campus are found there, at hosts that send little and much."""
    write_site(make_site(site_scene("campus-quiet"), 3, days=5, clients=80), tmp_path, mta="postfix", dns="bind")
    lines = selftest_logs([str(tmp_path / "mail.log")], READING)
    assert len(lines) == 10
    assert sum(line.good for line in lines) >= 9
    empty = tmp_path / "short.log"
    empty.write_bytes((tmp_path / "mail.log").read_bytes()[:5000].rpartition(b"\n")[0] + b"\n")
    with pytest.raises(InputError, match="too little mail"):
        selftest_logs([str(empty)], READING)


def test_the_command() -> None:
    """The command prints the table or JSON, and its status says whether all is well."""
    done = call("selftest", "--json")
    assert done.code == 0
    assert all(line["good"] for line in json.loads(done.out))
    assert call("selftest", "--logs").code == 2
