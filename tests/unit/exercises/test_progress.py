"""What was tried is kept, privately and whatever else goes on, and comes up again when it is likely to be forgotten."""

from __future__ import annotations

import multiprocessing
import os
import sqlite3
import stat
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from exercises import practice, progress
from exercises.catalogue import exercises_of
from exercises.model import Kind
from exercises.progress import database, repetition, store
from exercises.progress.store import Attempt, InterviewKept

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
SIZE, OTHER = "q1-kv-per-token", "q1-replica-review"
DESIGN = next(one.id for one in exercises_of("q1") if one.kind is Kind.DESIGN)
private = pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")


@pytest.fixture
def file(tmp_path, monkeypatch):
    path = tmp_path / "mine" / "progress.sqlite3"
    monkeypatch.setenv("WORKBOOK_PROGRESS", str(path))
    monkeypatch.setattr(store, "_said", set())
    return path


def tried(share, days=0.0, exercise=SIZE, hints=0, slips=(), take=1):
    return Attempt(exercise, NOON + timedelta(days=days), share, tuple(slips), hints, 60.0, take)


# ---- the file --------------------------------------------------------------------------------------------------------
def test_what_is_kept_is_read_again(file):
    store.keep_attempt(SIZE, 0.5, ["gib_for_gb", "forgot_layers"], 2, 61.5, 3)
    store.keep_interview("q2", 30, {"names a number": 1.5}, 12.5, 20, "/notes.md")
    (attempt,), (interview,) = store.attempts(), store.interviews()
    assert (attempt.exercise, attempt.share, attempt.slips) == (SIZE, 0.5, ("gib_for_gb", "forgot_layers"))
    assert (attempt.hints, attempt.seconds, attempt.take) == (2, 61.5, 3)
    assert abs(datetime.now(UTC) - attempt.at) < timedelta(minutes=1)
    assert (interview.question, interview.minutes, interview.points) == ("q2", 30, {"names a number": 1.5})
    assert (interview.total, interview.of, interview.notes) == (12.5, 20, "/notes.md")
    assert store.attempts("q9-none") == ()
    assert store.interviews("q1") == ()


def test_a_check_in_a_notebook_is_an_attempt_with_its_slip_and_hints(file):
    kv = practice(SIZE)
    kv.check(kv_kib_per_token=None)
    assert store.attempts() == ()  # nothing was answered
    kv.hint()
    kv.check(kv_kib_per_token=2 * kv.p.layers * kv.p.heads * kv.p.head_dim * 2 / 1024)
    (attempt,) = store.attempts(SIZE)
    assert attempt.slips == ("query_heads_for_kv_heads",)
    assert (attempt.hints, attempt.take) == (1, 1)
    assert 0 < attempt.share < 1


@private
def test_only_the_owner_can_read_the_file_and_the_folder_made_for_it(file):
    store.keep_attempt(SIZE, 1.0, [], 0, 5.0, 1)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


@private
def test_a_copy_that_others_may_read_is_closed_again(file):
    store.keep_attempt(SIZE, 1.0, [], 0, 5.0, 1)
    file.chmod(0o644)
    store.keep_attempt(SIZE, 1.0, [], 0, 5.0, 1)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_folder_in_place_of_the_file_is_refused_and_left_as_it_is(tmp_path, monkeypatch, capsys):
    tmp_path.chmod(0o755)
    monkeypatch.setenv("WORKBOOK_PROGRESS", str(tmp_path))
    store.keep_attempt(SIZE, 1.0, [], 0, 5.0, 1)
    assert "is a folder" in capsys.readouterr().err
    with pytest.raises(store.ProgressError, match="is a folder"):
        store.attempts()
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755


@pytest.mark.parametrize("word", ["off", " OFF "])
def test_switched_off_nothing_is_written_and_nothing_read(tmp_path, monkeypatch, word):
    monkeypatch.setenv("WORKBOOK_PROGRESS", word)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    store.keep_attempt(SIZE, 1.0, [], 0, 5.0, 1)
    assert store.path() is None
    assert store.attempts() == ()
    assert store.forget() == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform != "linux", reason="XDG is Linux's")
def test_without_a_name_it_lies_in_the_users_data_folder(tmp_path, monkeypatch):
    monkeypatch.delenv("WORKBOOK_PROGRESS", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    store.keep_attempt(SIZE, 1.0, [], 0, 5.0, 1)
    assert store.path() == tmp_path / "ai-design-workbook" / "progress.sqlite3"
    assert len(store.attempts()) == 1


def test_reading_makes_no_file(file):
    assert store.attempts() == ()
    assert progress.summary(NOON).attempts == ()
    assert not file.parent.exists()


def _write_many(path, word, times):
    os.environ["WORKBOOK_PROGRESS"] = str(path)
    for number in range(times):
        store.keep_attempt(f"{SIZE}", 1.0, [word], number, 1.0, 1)


@pytest.mark.slow
def test_several_kernels_that_write_at_once_lose_nothing(file):
    context = multiprocessing.get_context("spawn")
    kernels = [context.Process(target=_write_many, args=(file, f"kernel {n}", 15)) for n in range(3)]
    for kernel in kernels:
        kernel.start()
    for kernel in kernels:
        kernel.join(60)
    kept = {(one.slips[0], one.hints) for one in store.attempts()}
    assert kept == {(f"kernel {n}", number) for n in range(3) for number in range(15)}


@pytest.mark.slow
def test_the_very_first_attempts_of_several_at_once_are_all_kept(tmp_path, monkeypatch):
    for number in range(10):
        monkeypatch.setenv("WORKBOOK_PROGRESS", str(tmp_path / f"{number}.sqlite3"))
        together = threading.Barrier(6)

        def first(hints, together=together):
            together.wait()
            store.keep_attempt(SIZE, 1.0, [], hints, 1.0, 1)

        threads = [threading.Thread(target=first, args=(hints,)) for hints in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert {one.hints for one in store.attempts()} == set(range(6))


# ---- what goes wrong -------------------------------------------------------------------------------------------------
@pytest.mark.slow
@pytest.mark.parametrize("content", [b"not a database, and long enough to be read as one" * 100, None])
def test_a_damaged_file_is_set_aside_and_the_attempt_is_kept_anew(file, capsys, content):
    for _ in range(200):
        store.keep_attempt(SIZE, 0.5, [], 0, 5.0, 1)
    whole = file.read_bytes()
    # None: the header is sound, and a page in the middle is not.
    broken = content or whole[:4096] + b"\xff" * 4096 + whole[8192:]
    file.write_bytes(broken)
    store.keep_attempt(OTHER, 1.0, [], 0, 5.0, 1)
    (kept,) = store.attempts()
    assert kept.exercise == OTHER
    (aside,) = database.aside(file)
    assert aside.read_bytes() == broken
    assert "damaged" in capsys.readouterr().err


def test_two_that_find_the_damage_set_only_the_damaged_file_aside(file):
    file.parent.mkdir()
    file.write_bytes(b"rubbish" * 1000)
    assert database.set_aside(file)
    store.keep_attempt(SIZE, 1.0, [], 0, 5.0, 1)
    assert database.set_aside(file) is None  # the second, too late
    assert len(store.attempts()) == 1
    assert len(database.aside(file)) == 1


def test_a_newer_file_is_left_as_it_is_and_a_check_goes_on(file, capsys):
    store.keep_attempt(SIZE, 1.0, [], 0, 5.0, 1)
    with sqlite3.connect(file) as connection:
        connection.execute(f"PRAGMA user_version = {database.VERSION + 1}")
    before = file.read_bytes()
    store.keep_attempt(SIZE, 1.0, [], 0, 5.0, 1)
    assert file.read_bytes() == before
    assert "newer workbook" in capsys.readouterr().err
    with pytest.raises(progress.ProgressError, match="newer workbook"):
        store.attempts()


def test_the_database_of_another_program_is_left_as_it_is(file, capsys):
    file.parent.mkdir()
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE bookmarks (url TEXT)")
    connection.close()
    before = file.read_bytes()
    store.keep_attempt(SIZE, 1.0, [], 0, 5.0, 1)
    assert file.read_bytes() == before
    assert "another program" in capsys.readouterr().err


@pytest.mark.parametrize("where", ["/proc/nowhere/progress.sqlite3", "."])
def test_a_check_does_not_fail_where_nothing_can_be_written_and_says_so_once(monkeypatch, capsys, where):
    monkeypatch.setenv("WORKBOOK_PROGRESS", where)
    monkeypatch.setattr(store, "_said", set())
    kv = practice(SIZE)
    assert "right" in repr(kv.check(**right_answers(kv)))
    kv.check(**right_answers(kv))
    assert capsys.readouterr().err.count("not kept") == 1


@pytest.mark.parametrize(
    "odd", [{"share": float("nan")}, {"seconds": float("inf")}, {"share": "much"}, {"hints": None}, {"slips": 7}]
)
def test_odd_arguments_do_not_fail_a_check_and_leave_no_row(file, capsys, odd):
    given = {"exercise": SIZE, "share": 1.0, "slips": [], "hints": 0, "seconds": 1.0, "take": 1, **odd}
    store.keep_attempt(**given)
    assert store.attempts() == ()
    assert "not kept" in capsys.readouterr().err


def test_a_row_that_no_workbook_wrote_is_named(file):
    store.keep_attempt(SIZE, 1.0, [], 0, 5.0, 1)
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE attempts SET at = 'yesterday'")
    with pytest.raises(progress.ProgressError, match="no workbook wrote"):
        store.attempts()


def test_forgetting_deletes_the_file_and_what_was_set_aside_and_nothing_else(file):
    file.parent.mkdir()
    notes = file.with_name("notes.md")
    notes.write_text("mine")
    file.write_bytes(b"rubbish" * 1000)
    store.keep_attempt(SIZE, 1.0, [], 0, 5.0, 1)
    assert {file, *database.aside(file)} <= set(store.forget())
    assert list(file.parent.iterdir()) == [notes]
    assert store.attempts() == ()


def right_answers(one):
    answers = one.exercise.answers(one.params)
    return {ask.name: int(answers[ask.name]) if ask.whole else answers[ask.name] for ask in one.exercise.asks}


# ---- what to repeat --------------------------------------------------------------------------------------------------
def days_until_due(*kept):
    """Days from the last attempt until the exercise comes up again."""
    one = next(one for one in exercises_of("q1") if one.id == kept[0].exercise)
    return (repetition.card_of(one, kept).due - kept[-1].at) / timedelta(days=1)


def test_what_was_known_comes_up_later_than_what_was_not():
    wrong, half, hinted, right = tried(0.2), tried(0.5), tried(1.0, hints=1), tried(1.0)
    assert days_until_due(wrong) <= days_until_due(half) == days_until_due(hinted) < days_until_due(right)


def test_right_again_and_again_comes_up_more_and_more_rarely():
    first = days_until_due(tried(1.0))
    second = days_until_due(tried(1.0), tried(1.0, days=first, take=2))
    third = days_until_due(tried(1.0), tried(1.0, days=first, take=2), tried(1.0, days=first + second, take=3))
    assert 1 <= first < second < third


def test_a_notebook_that_is_run_again_recalls_nothing():
    one = next(one for one in exercises_of("q1") if one.id == SIZE)
    solved = [tried(0.0), tried(1.0, days=1)]
    again = [*solved, tried(1.0, days=20), tried(1.0, days=21)]
    assert repetition.card_of(one, again) == repetition.card_of(one, solved)
    other_numbers = [*solved, tried(1.0, days=20, take=2)]
    assert repetition.card_of(one, other_numbers).due > repetition.card_of(one, solved).due
    written = [tried(0.0, exercise=DESIGN), tried(0.0, days=20, exercise=DESIGN)]
    assert len(repetition.first_time(next(e for e in exercises_of("q1") if e.id == DESIGN), written)) == 1


def test_what_was_solved_comes_up_with_other_numbers_and_what_was_not_with_the_same():
    kept = [tried(1.0, take=2), tried(0.5, exercise=OTHER, take=3)]
    takes = {one.exercise.id: one.take for one in progress.due(NOON + timedelta(days=40), kept)}
    assert takes == {SIZE: 3, OTHER: 3}


def test_the_first_answer_of_a_sitting_decides():
    minute = 1 / 24 / 60
    after_three = [tried(0.0), tried(0.5, days=minute), tried(1.0, days=2 * minute)]
    assert days_until_due(*after_three) == pytest.approx(days_until_due(tried(0.0)), abs=0.01)
    much_later = [tried(0.0), tried(1.0, days=2)]
    assert days_until_due(*much_later) > days_until_due(tried(0.0))


def test_nothing_is_due_at_once_and_the_weakest_comes_first():
    kept = [tried(1.0), tried(0.0, exercise=OTHER, slips=["forgot_spare"])]
    assert progress.due(NOON, kept) == []
    later = progress.due(NOON + timedelta(days=40), kept)
    assert [one.exercise.id for one in later] == [OTHER, SIZE]
    assert later[0].recall < later[1].recall < 1
    soon = progress.due(NOON + timedelta(days=1, minutes=1), kept)
    assert [one.exercise.id for one in soon] == [OTHER]


def test_the_reason_says_the_slip_and_when():
    kept = [
        tried(0.0, exercise=OTHER, slips=["forgot_spare"]),
        tried(0.5, days=1),
        tried(1.0, hints=2, exercise=DESIGN),
    ]
    reasons = {one.exercise.id: one.reason for one in progress.due(NOON + timedelta(days=30, hours=1), kept)}
    assert reasons[OTHER] == "wrong 30 days ago: one may fail: what serves its share then?"
    assert reasons[SIZE] == "50% right 29 days ago"
    assert reasons[DESIGN] == "written 30 days ago"


def test_an_open_answer_that_nobody_marks_is_no_failure():
    assert days_until_due(tried(0.0, exercise=DESIGN)) == days_until_due(tried(1.0))


def test_the_same_attempts_give_the_same_day():
    kept = [tried(0.3), tried(1.0, days=3), tried(0.7, days=9)]
    assert len({days_until_due(*kept) for _ in range(5)}) == 1


def test_an_exercise_that_is_gone_is_left_out():
    assert progress.due(NOON + timedelta(days=99), [tried(0.0, exercise="q1-was-renamed")]) == []


# ---- where somebody stands -------------------------------------------------------------------------------------------
def test_a_summary_counts_by_question_and_leaves_open_answers_out_of_shares():
    kept = [
        tried(0.5, slips=["forgot_layers"]), tried(1.0, days=1), tried(1.0, exercise=OTHER),
        tried(0.0, exercise=DESIGN), tried(0.0, exercise="q1-was-renamed"),
    ]  # fmt: skip
    held = [InterviewKept("q1", NOON, 30, {}, 9, 20, ""), InterviewKept("q1", NOON, 30, {}, 15, 20, "")]
    found = progress.summary(NOON + timedelta(days=1, hours=1), kept, held)
    row = found.rows[0]
    assert (row.question, row.tried, row.marked, row.right_first) == ("q1", 3, 2, 1)
    assert row.exercises == len(exercises_of("q1"))
    assert row.best == 1.0
    assert row.interview == 0.75
    assert all(other.best is None and not other.tried for other in found.rows[1:])


def test_a_slip_counts_once_per_sitting():
    minute = 1 / 24 / 60
    kept = [
        tried(0.0, slips=["forgot_layers"]), tried(0.0, days=minute, slips=["forgot_layers", "gib_for_gb"]),
        tried(0.0, days=5, slips=["forgot_layers"]),
    ]  # fmt: skip
    assert [(key, times) for key, _, times in progress.summary(NOON, kept, []).slips] == [
        ("forgot_layers", 2), ("gib_for_gb", 1),
    ]  # fmt: skip


def test_what_to_do_next_is_what_is_due_and_then_what_is_new():
    fresh = progress.summary(NOON, [], [])
    assert [name for name, _ in fresh.next] == [one.id for one in exercises_of("q1")][:3]
    failed = progress.summary(NOON + timedelta(days=9), [tried(0.0, exercise="q7-calls-or-batch")], [])
    assert failed.next[0][0] == "q7-calls-or-batch"
    assert all(name.startswith("q7-") for name, _ in failed.next)


def test_importing_the_progress_loads_no_scheduler_and_no_plots():
    import subprocess

    code = "import exercises.progress, sys; print([m for m in ('fsrs', 'matplotlib', 'pandas') if m in sys.modules])"
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
