"""Proves that format files are read whole or refused with the reason, and how several files fit together."""

from __future__ import annotations

from pathlib import Path

import pytest

from mailripple.errors import FormatError
from mailripple.formats.load import StatusRule, assemble, bundled, load_formats, read_format
from mailripple.parse import naive
from mailripple.tables import STATUSES

HEAD = 'id = "toy"\ntitle = "Toy"\nurl = "https://toy.example/"\n'
PATTERN = """
[[pattern]]
name = "login"
kind = "pop.login"
match = 'login {user:word} {client_ip:ip}'
sample = [{ line = 'Oct 27 01:17:13 mx toy: login ann 192.0.2.7', event = { user = "ann", client_ip = "192.0.2.7" } }]
"""
TOY = HEAD + 'programs = ["toy"]\n' + PATTERN


def test_a_format_file_is_read() -> None:
    """A file gives its programs and its patterns, each known as format.name."""
    toy = read_format(TOY, "mail/toy.toml", "mail")
    assert (toy.id, toy.programs, toy.subject, toy.rank) == ("toy", ("toy",), "mail", 50)
    assert [p.id for p in toy.patterns] == ["toy.login"]
    assert toy.patterns[0].samples[0].event == {"user": "ann", "client_ip": "192.0.2.7"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("id = ", "a format file could not be read"),
        (TOY.replace("url", "link", 1), "a format file could not be read"),
        (TOY + "colour = 1\n", "a format file could not be read"),
        (TOY.replace("pop.login", "pop.party"), "unknown kind 'pop.party'"),
        (TOY.replace("{user:word}", "{person:word}"), "unknown field 'person'"),
        (TOY + PATTERN, "two patterns have the same name"),
        (TOY.split("sample", maxsplit=1)[0] + "sample = []\n", "a pattern without a sample"),
        (TOY + 'status = [["user", "ann"]]\n', "not a status rule"),
        (TOY + 'status = [["person", "ann", "sent"]]\n', "not a status rule"),
        (TOY + 'status = [["user", "ann", "happy"]]\n', "not a status rule"),
        (TOY + 'keys = { a = "person" }\n', "unknown field 'person'"),
    ],
)
def test_mistakes_in_a_file_are_told(text: str, said: str) -> None:
    """Each mistake is a FormatError (status 4) with the file's name."""
    with pytest.raises(FormatError) as caught:
        read_format(text, "mail/toy.toml", "mail")
    assert said in caught.value.what
    assert caught.value.where.startswith("mail/toy.toml")
    assert caught.value.exit_code == 4


def test_status_rules() -> None:
    """A rule asks how a field begins; `$` asks for the whole of it; `*` always holds; the first that holds counts."""
    text = TOY + 'status = [["user", "ann$", "sent"], ["user", "ann", "bounced"], ["*", "", "other"]]\n'
    toy = read_format(text, "mail/toy.toml", "mail")
    assert toy.patterns[0].status == (
        StatusRule("user", b"ann", exact=True, status=STATUSES.index("sent")),
        StatusRule("user", b"ann", exact=False, status=STATUSES.index("bounced")),
        StatusRule("", b"", exact=False, status=STATUSES.index("other")),
    )
    for user, status in (("ann", "sent"), ("anna", "bounced"), ("bob", "other")):
        outcome = naive.read_message(toy, naive.Line(f"login {user} 192.0.2.7".encode()), 0)
        assert outcome is not None
        assert STATUSES[outcome.status] == status


def test_envelopes_are_tried_by_rank() -> None:
    """Envelopes stand in the order of their rank, whatever file comes first."""
    shape = "\n[[pattern]]\nname = 'x'\nmatch = '{message}'\nprogram = 'toy'\nsample = [{ line = 'x' }]\n"
    late = read_format(HEAD.replace("toy", "late", 1) + "rank = 90\n" + shape, "envelope/a.toml", "envelope")
    soon = read_format(HEAD.replace("toy", "soon", 1) + "rank = 10\n" + shape, "envelope/b.toml", "envelope")
    assert [f.id for f in assemble([late, soon]).envelopes] == ["soon", "late"]


def test_a_later_format_takes_a_program_over() -> None:
    """Where two formats know a program the later one, the administrator's, gets its lines."""
    first = read_format(TOY.replace('["toy"]', '["toy", "game"]'), "mail/a.toml", "mail")
    second = read_format(TOY.replace('"toy"', '"mine"', 1), "mail/b.toml", "mail")
    formats = assemble([first, second])
    assert formats.by_program()["toy"].id == "mine"
    assert formats.by_program()["game"].id == "toy"


def test_an_administrators_folder_is_read(tmp_path: Path) -> None:
    """Files of an extra folder come behind the bundled ones; a folder's name tells what they are about."""
    folder = tmp_path / "dns"
    folder.mkdir()
    (folder / "toy.toml").write_text(TOY, encoding="utf-8")
    formats = load_formats([tmp_path])
    toy = formats.by_program()["toy"]
    assert toy.subject == "dns"
    assert "sendmail" in formats.by_program()


def test_bundled_files_are_of_the_three_subjects() -> None:
    """The package brings envelopes, DNS formats and mail formats."""
    assert {subject for _, subject, _ in bundled()} == {"envelope", "dns", "mail"}
    assert all(path.startswith(subject + "/") for path, subject, _ in bundled())
