from __future__ import annotations

from pathlib import Path

import pytest

from reference.moderation.retraining.drill import new_slang
from reference.moderation.retraining.gate import McNemarGate, Verdict
from reference.moderation.retraining.registry import Versions
from reference.moderation.rules.lexicon import categories, tokens
from reference.moderation.types import ModerationError


def _judge(better: int, worse: int, false_more: int = 0, bad: int = 200, clean: int = 1000):
    truth = [True] * bad + [False] * clean
    old = [k < worse for k in range(bad)] + [False] * clean
    new = [worse <= k < worse + better for k in range(bad)] + [k < false_more for k in range(clean)]
    return McNemarGate().judge(old, new, truth)


def test_a_clear_gain_is_promoted_and_a_loss_is_not() -> None:
    assert _judge(20, 2).verdict is Verdict.PROMOTE
    assert _judge(2, 20).verdict is Verdict.KEEP
    assert _judge(10, 10).verdict is Verdict.KEEP


def test_a_gain_that_is_paid_with_false_alarms_is_not_promoted() -> None:
    assert _judge(40, 0, false_more=4).verdict is Verdict.PROMOTE
    assert _judge(40, 0, false_more=5).verdict is Verdict.KEEP


def test_too_few_posts_or_pairs_decide_nothing() -> None:
    assert _judge(5, 0).verdict is Verdict.NOT_ENOUGH_DATA
    assert _judge(6, 0).verdict is Verdict.PROMOTE
    assert _judge(20, 0, bad=99).verdict is Verdict.NOT_ENOUGH_DATA
    assert _judge(20, 0, clean=499).verdict is Verdict.NOT_ENOUGH_DATA


def test_models_must_be_judged_on_the_same_posts() -> None:
    with pytest.raises(ModerationError, match="same posts"):
        McNemarGate().judge([True], [True, False], [True])


def _save(folder: Path) -> None:
    folder.mkdir()
    (folder / "model").write_text(folder.name)


def test_the_last_three_versions_are_kept_and_one_can_go_back(tmp_path: Path) -> None:
    versions = Versions(tmp_path)
    for name in ("a", "b", "c", "d"):
        versions.promote(name, _save)
    assert versions.history() == ["b", "c", "d"]
    assert not (tmp_path / "a").exists()
    assert versions.current().name == "d"
    assert versions.rollback().name == "c"
    assert Versions(tmp_path).current() == tmp_path / "c"
    versions.rollback()
    with pytest.raises(ModerationError, match="no earlier version"):
        versions.rollback()
    assert versions.current().name == "b"


def test_a_model_that_cannot_be_saved_leaves_the_old_one_in_use(tmp_path: Path) -> None:
    versions = Versions(tmp_path)
    versions.promote("a", _save)

    def full_disk(folder: Path) -> None:
        folder.mkdir()
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space"):
        versions.promote("b", full_disk)
    assert versions.current().name == "a"
    versions.promote("b", _save)
    assert (versions.current() / "model").read_text() == "b"


@pytest.mark.parametrize("name", ["", "..", "a/b", ".hidden", "versions.json"])
def test_a_version_name_stays_inside_the_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(ModerationError, match="plain folder name"):
        Versions(tmp_path).promote(name, _save)


def test_a_version_is_never_overwritten_and_a_damaged_state_is_named(tmp_path: Path) -> None:
    versions = Versions(tmp_path)
    with pytest.raises(ModerationError, match="no version"):
        versions.current()
    versions.promote("a", _save)
    with pytest.raises(ModerationError, match="exists already"):
        versions.promote("a", _save)
    (tmp_path / "versions.json").write_text('{"promoted": 3}')
    with pytest.raises(ModerationError, match=r"versions\.json"):
        versions.history()


def test_new_slang_is_in_no_lexicon() -> None:
    known = {token for category in categories() for token in tokens(category)}
    words = new_slang(20, 3)
    assert len(set(words)) == 20
    assert not known & set(words)
