"""Proves what `discover` makes of the names an operator gives."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest

from mailripple.errors import InputError, Notice
from mailripple.sources.discover import Source, discover, rotation


def names(found: list[Source]) -> list[str]:
    """The last parts of the names, in order."""
    return [Path(source.name).name for source in found]


def fill(folder: Path, *files: str) -> None:
    """Makes files, each with its own name as text."""
    for name in files:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name + "\n")


def test_file_is_described(tmp_path: Path) -> None:
    """A file comes with its name as given, path, size, time and the codec of its magic number."""
    path = tmp_path / "mail.log"
    path.write_bytes(gzip.compress(b"text\n"))
    os.utime(path, (1_700_000_000, 1_700_000_000))
    found, notices = discover([str(path)])
    assert found == [Source(str(path), path, path.stat().st_size, 1_700_000_000.0, "gz")]
    assert notices == []


def test_name_is_kept_as_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Relative names stay relative, as the operator knows them."""
    fill(tmp_path, "a.log", "d/b.log")
    monkeypatch.chdir(tmp_path)
    found, _ = discover(["./a.log", "d"])
    assert [source.name for source in found] == ["./a.log", "d/b.log"]


def test_order_of_arguments_is_kept(tmp_path: Path) -> None:
    """Files stay in the order in which they were given."""
    fill(tmp_path, "b", "a")
    found, _ = discover([str(tmp_path / "b"), str(tmp_path / "a")])
    assert names(found) == ["b", "a"]


def test_stdin_once() -> None:
    """A dash is standard input; a second dash is noted, not read."""
    found, notices = discover(["-", "-"])
    assert found == [Source("-", None, 0, None, "plain")]
    assert notices == [Notice("note", "-", "given twice (also as -): read once")]


def test_missing_file(tmp_path: Path) -> None:
    """A file that does not exist is an error in four parts."""
    path = str(tmp_path / "gone.log")
    with pytest.raises(InputError) as caught:
        discover([path])
    assert caught.value.where == path
    assert len(caught.value.lines()) == 4


def test_empty_argument() -> None:
    """An empty name, as from an unset shell variable, is an error and not the current directory."""
    with pytest.raises(InputError):
        discover([""])


def test_glob(tmp_path: Path) -> None:
    """A pattern gives its matches sorted, without hidden ones."""
    fill(tmp_path, "m.log.2", "m.log.1", "other", ".m.log.3")
    found, notices = discover([str(tmp_path / "m.log*")])
    assert names(found) == ["m.log.1", "m.log.2"]
    assert notices == []


def test_glob_without_match(tmp_path: Path) -> None:
    """A pattern that matches nothing is an error that shows the pattern."""
    with pytest.raises(InputError) as caught:
        discover([str(tmp_path / "*.log")])
    assert caught.value.where.endswith("*.log")
    assert len(caught.value.lines()) == 4


def test_file_with_glob_signs_in_its_name(tmp_path: Path) -> None:
    """A file whose name happens to be a pattern is taken by its name."""
    fill(tmp_path, "a[1].log", "a1.log")
    found, _ = discover([str(tmp_path / "a[1].log")])
    assert names(found) == ["a[1].log"]


def test_glob_takes_directories_but_no_pipes(tmp_path: Path) -> None:
    """A directory that a pattern matches is read as if named; a pipe is not, as opening it could wait for ever."""
    fill(tmp_path, "x1", "x2/inner")
    os.mkfifo(tmp_path / "x3")
    found, _ = discover([str(tmp_path / "x*")])
    assert names(found) == ["x1", "inner"]


def test_directory(tmp_path: Path) -> None:
    """A directory gives regular files of its own and of its direct subdirectories, sorted, without hidden ones."""
    fill(tmp_path, "b.log", "a.log", "sub/c.log", "sub/.hidden", ".git/x", ".hidden", "sub/deep/d.log")
    os.mkfifo(tmp_path / "pipe")
    found, notices = discover([str(tmp_path)])
    assert names(found) == ["a.log", "b.log", "c.log"]
    assert [(n.level, n.source, n.text) for n in notices] == [
        ("note", str(tmp_path), "directories more than one level down left out: 1")
    ]


def test_directory_without_files(tmp_path: Path) -> None:
    """A directory without files gives nothing, and says so."""
    assert discover([str(tmp_path)]) == ([], [Notice("note", str(tmp_path), "no files in this directory")])


def test_empty_file(tmp_path: Path) -> None:
    """An empty file is kept out with a note."""
    path = tmp_path / "empty.log"
    path.touch()
    assert discover([str(path)]) == ([], [Notice("note", str(path), "empty")])


@pytest.mark.parametrize("kind", ["name", "path", "symlink", "hardlink", "glob", "directory"])
def test_same_file_twice(kind: str, tmp_path: Path) -> None:
    """However the same file is named a second time, it is read once and both names are told."""
    fill(tmp_path, "d/a.log")
    first = str(tmp_path / "d" / "a.log")
    second, told = first, first
    if kind == "path":
        second = told = str(tmp_path / "d" / ".." / "d" / "a.log")
    elif kind == "symlink":
        second = told = str(tmp_path / "link")
        Path(second).symlink_to(first)
    elif kind == "hardlink":
        second = told = str(tmp_path / "link")
        os.link(first, second)
    elif kind == "glob":
        second = str(tmp_path / "d" / "*.log")
    elif kind == "directory":
        second = str(tmp_path / "d")
    found, notices = discover([first, second])
    assert [source.name for source in found] == [first]
    assert notices == [Notice("note", told, f"given twice (also as {first}): read once")]


def test_pipe_by_name(tmp_path: Path) -> None:
    """A named pipe is a stream of unknown size and time, and is not opened, which would wait for its writer."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    found, notices = discover([str(path), str(path)])
    assert found == [Source(str(path), path, 0, None, "plain")]
    assert len(notices) == 1


def test_broken_link_in_directory(tmp_path: Path) -> None:
    """What cannot be read in a directory is a warning, and the other files are read."""
    fill(tmp_path, "a.log")
    (tmp_path / "link").symlink_to(tmp_path / "gone")
    found, notices = discover([str(tmp_path)])
    assert names(found) == ["a.log"]
    assert [(n.level, n.source) for n in notices] == [("warning", str(tmp_path / "link"))]
    assert "No such file" in notices[0].text


def test_broken_link_by_name(tmp_path: Path) -> None:
    """A broken link given by name is an error, also when its name looks like a pattern."""
    link = tmp_path / "a*"
    link.symlink_to(tmp_path / "gone")
    with pytest.raises(InputError):
        discover([str(link)])


def forbid(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Makes opening a file or listing a directory of this name fail as for a user without permission."""

    def guard(call: object) -> object:
        def guarded(path: object, *rest: object, **more: object) -> object:
            if Path(str(path)).name == name:
                raise PermissionError(13, "Permission denied", path)
            assert callable(call)
            return call(path, *rest, **more)

        return guarded

    monkeypatch.setattr("builtins.open", guard(open))
    monkeypatch.setattr(os, "listdir", guard(os.listdir))


def test_unreadable_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file or directory given by name without permission is an error that speaks of permission."""
    fill(tmp_path, "secret")
    (tmp_path / "d" / "secret").mkdir(parents=True)
    forbid(monkeypatch, "secret")
    for path in (tmp_path / "secret", tmp_path / "d" / "secret"):
        with pytest.raises(InputError) as caught:
            discover([str(path)])
        assert caught.value.where == str(path)
        assert "permission" in caught.value.todo


def test_unreadable_found_on_the_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files and subdirectories found, not named, are left out with a warning, and no duplicate is told of them."""
    fill(tmp_path, "a.log", "secret", "sub/b.log", "sub/secret")
    os.link(tmp_path / "secret", tmp_path / "zlink")
    (tmp_path / "z" / "secret").mkdir(parents=True)
    forbid(monkeypatch, "secret")
    found, notices = discover([str(tmp_path), str(tmp_path / "z*"), str(tmp_path / "s*")])
    assert names(found) == ["a.log", "b.log", "zlink"]
    assert {n.text for n in notices if n.level == "warning"} == {"cannot be read, left out: Permission denied"}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable_in_earnest(tmp_path: Path) -> None:
    """The operating system's own refusal is told in the same way."""
    fill(tmp_path, "secret", "a.log")
    (tmp_path / "secret").chmod(0)
    with pytest.raises(InputError):
        discover([str(tmp_path / "secret")])
    found, notices = discover([str(tmp_path)])
    assert names(found) == ["a.log"]
    assert notices[0].level == "warning"


def test_rotated_files_have_an_order_by_name() -> None:
    """Dates go up, numbers go down, and the file that is still written is the last."""
    dated = ["m-20240101.gz", "m-20240102T0101.gz", "m-20240102-235900", "m"]
    backwards = dated[::-1]
    assert sorted(backwards, key=rotation) == dated
    numbered = ["mail.log.10.gz", "mail.log.2.gz", "mail.log.1", "mail.log"]
    backwards = numbered[::-1]
    assert sorted(backwards, key=rotation) == numbered
