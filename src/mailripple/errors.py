"""What can go wrong, and how it is told.

Five exceptions, each with the exit status that the command line ends with, and one `Notice` for what is worth
saying but stops nothing.  An error has four parts: what happened, why, where, and what to do.

    MailrippleError
    ├─ UsageError    2   the command was called in a way that cannot work
    ├─ InputError    3   an input cannot be read, or nothing in it was understood
    ├─ OutputError   3   a result cannot be written
    ├─ ConfigError   4   a setting is wrong
    └─ FormatError   4   a log format file is wrong
"""

from __future__ import annotations

from dataclasses import dataclass


class MailrippleError(Exception):
    """Base of all errors that are told to the operator in four short lines."""

    exit_code = 3

    def __init__(self, what: str, *, why: str = "", where: str = "", todo: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.why = why
        self.where = where
        self.todo = todo

    def lines(self) -> list[str]:
        """The error as it is printed: one part a line, empty parts left out."""
        parts = (("error", self.what), ("why", self.why), ("where", self.where), ("try", self.todo))
        return [f"{label}: {text}" for label, text in parts if text]

    def __str__(self) -> str:
        return "\n".join(self.lines())


class UsageError(MailrippleError):
    """The command line asks for something that cannot be done."""

    exit_code = 2


class InputError(MailrippleError):
    """An input cannot be read, or nothing in it was understood."""

    exit_code = 3


class OutputError(MailrippleError):
    """A result cannot be written: disk full, no permission."""

    exit_code = 3


class ConfigError(MailrippleError):
    """A setting has a wrong name or value."""

    exit_code = 4


class FormatError(MailrippleError):
    """A log format file breaks a rule of the format language."""

    exit_code = 4


@dataclass(frozen=True, slots=True)
class Notice:
    """Something the operator should know about one input.

    `level` is ``"note"`` (an assumption, a duplicate), or ``"warning"`` (something was lost or unreadable: the run
    ends with status 3).
    """

    level: str
    source: str
    text: str
