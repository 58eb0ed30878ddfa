"""Errors have four parts and the status that the command line ends with."""

from __future__ import annotations

import pytest

from mailripple.errors import ConfigError, FormatError, InputError, MailrippleError, OutputError, UsageError


@pytest.mark.parametrize(
    ("error", "status"), [(UsageError, 2), (InputError, 3), (OutputError, 3), (ConfigError, 4), (FormatError, 4)]
)
def test_each_kind_has_its_status(error: type[MailrippleError], status: int) -> None:
    """2 usage, 3 input or output, 4 configuration; all are MailrippleError."""
    assert error.exit_code == status
    assert issubclass(error, MailrippleError)


def test_an_error_is_four_short_lines() -> None:
    """What, why, where, what to do, each with its label; `str` is the same text."""
    error = InputError("cannot read", why="gone", where="mail.log", todo="look")
    assert error.lines() == ["error: cannot read", "why: gone", "where: mail.log", "try: look"]
    assert str(error) == "\n".join(error.lines())


def test_empty_parts_are_left_out() -> None:
    """No label stands without its text."""
    assert InputError("cannot read", where="mail.log").lines() == ["error: cannot read", "where: mail.log"]
