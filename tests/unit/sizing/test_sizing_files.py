"""Files are whole or not there: a crash in the middle leaves what was there before, and nothing beside it."""

from pathlib import Path

import pytest

from reference.sizing.files import write_all, write_whole


def _names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def _full_disk(*_: object) -> None:
    raise OSError("disk full")


def test_a_file_is_replaced_and_readable_by_others(tmp_path: Path) -> None:
    path = write_whole(tmp_path / "runs" / "a.json", "old")
    assert write_whole(path, "new") == path
    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o777 == 0o644
    assert _names(path.parent) == {"a.json"}


def test_a_write_that_fails_leaves_the_old_text_and_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_whole(tmp_path / "a.json", "old")
    monkeypatch.setattr("os.replace", _full_disk)
    with pytest.raises(OSError, match="disk full"):
        write_whole(path, "new")
    assert path.read_text() == "old"
    assert _names(tmp_path) == {"a.json"}


def test_several_files_are_all_written_beside_their_place_before_any_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = write_all(tmp_path / "out", {"a": "1", "b": "2"})
    assert {name: path.read_text() for name, path in written.items()} == {"a": "1", "b": "2"}

    def second_one_fails(path: Path, text: str, **options: object) -> None:
        if path.name == "b":
            _full_disk()
        path.write_bytes(text.encode())

    monkeypatch.setattr(Path, "write_text", second_one_fails)
    with pytest.raises(OSError, match="disk full"):
        write_all(tmp_path / "out", {"a": "3", "b": "4"})
    assert {path.name: path.read_text() for path in (tmp_path / "out").iterdir()} == {"a": "1", "b": "2"}
