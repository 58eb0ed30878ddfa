"""Counting as the paper did gives what `grep -c` gives."""

from __future__ import annotations

import gzip
import json
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailripple.grep import WORDS, count_lines, grep_totals
from tests.command import call
from tests.logs import mail_log, query_log, text_of


@given(st.lists(st.text(alphabet="to=f\n r", max_size=12).map(str.encode), max_size=20), st.sampled_from([b"to=", b"f", b"o=f"]))
def test_a_line_counts_once(pieces: list[bytes], word: bytes) -> None:
    """A line with the word counts one, however often the word stands in it."""
    text = b"".join(pieces)
    assert count_lines(text, word) == sum(word in line for line in text.split(b"\n"))


@pytest.mark.parametrize("word", list(WORDS))
def test_totals_are_those_of_grep(tmp_path: Path, word: str) -> None:
    """grep itself prints the same number for each of the paper's words, over plain and packed logs together."""
    text = text_of([*mail_log(200), "Mar  2 09:00:00 mx iplog[211]: UDP: dgram to domain from 192.0.2.7:1024 (38 data bytes)"])
    (tmp_path / "mail.log").write_bytes(text)
    with gzip.open(tmp_path / "queries.log.gz", "wb") as packed:
        packed.write(text_of(query_log(50)) + b"no newline at the end: from= to=")
    totals = grep_totals([str(tmp_path / "mail.log"), str(tmp_path / "queries.log.gz")])
    both = text + gzip.decompress((tmp_path / "queries.log.gz").read_bytes())
    counted = subprocess.run(["grep", "-c", "-a", "-F", word], input=both, capture_output=True, check=False)
    assert totals[word] == int(counted.stdout)


def test_domain_counts_in_dns_logs_only(tmp_path: Path) -> None:
    """In a report the word counts only where DNS records are: a mail log may speak of domains, too."""
    extra = "Mar  2 09:00:00 mx sendmail[5]: 622800aa000000: to=<u@domain.example>, mailer=esmtp, dsn=2.0.0, stat=Sent"
    (tmp_path / "mail.log").write_bytes(text_of([*mail_log(5), extra]))
    (tmp_path / "iplog").write_bytes(b"Mar  2 09:00:00 ns iplog[211]: UDP: dgram to domain from 192.0.2.7:1024 (38 data bytes)\n")
    outcome = call("report", "--counting", "grep", "--json", tmp_path / "mail.log", tmp_path / "iplog")
    assert json.loads(outcome.out)["grep"]["domain"] == 1


def test_to_counts_what_it_should_not() -> None:
    """Why this is not the default: `proto=ESMTP` holds `to=`."""
    line = b"sendmail[1]: x: from=<a@b.example>, size=1, nrcpts=1, proto=ESMTP, relay=[192.0.2.9]\n"
    assert count_lines(line, b"to=") == 1
