"""`workbook progress`: what it shows, writes, prints as JSON, and what it deletes only after a question."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from test_cli_json import compare, printed
from typer.testing import CliRunner

from exercises.progress import Attempt, InterviewKept, store, summary
from workbook.figures import progress as figures
from workbook.progress import show

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture
def file(tmp_path, monkeypatch):
    path = tmp_path / "progress.sqlite3"
    monkeypatch.setenv("WORKBOOK_PROGRESS", str(path))
    return path


@pytest.fixture
def kept(file, monkeypatch):
    """A failure of ten days ago, something right today, an interview."""
    at = datetime.now(UTC) - timedelta(days=10)
    monkeypatch.setattr(store, "_now", lambda: at.isoformat())
    store.keep_attempt("q1-kv-per-token", 0.25, ["query_heads_for_kv_heads"], 0, 60.0, 1)
    store.keep_interview("q2", 30, {"sizes first": 2.0}, 13, 20)
    monkeypatch.undo()
    monkeypatch.setenv("WORKBOOK_PROGRESS", str(file))
    store.keep_attempt("q7-open-connections", 1.0, [], 0, 60.0, 1)
    return file


def row_of(text, question):
    (line,) = [line for line in text.splitlines() if f"│ {question} " in line]
    return [cell.strip() for cell in line.strip("│").split("│")]


def test_the_table_the_slips_and_what_is_next(cli, kept):
    result = cli("progress")
    assert result.exit_code == 0, result.output
    assert row_of(result.stdout, "q1")[2:] == ["0 of 1", "25%", "1", ""]
    assert row_of(result.stdout, "q7")[2:] == ["1 of 1", "100%", "", ""]
    assert row_of(result.stdout, "q2")[2:] == ["", "", "", "65%"]
    assert "1 time: this counts query heads" in result.stdout
    assert "q1-kv-per-token: 25% right 10 days ago: this counts query heads" in result.stdout
    assert str(kept) in result.stdout


def test_before_the_first_attempt_it_says_where_to_begin_and_writes_nothing(cli, file):
    result = cli("progress")
    assert result.exit_code == 0
    assert "not tried yet" in result.stdout
    assert not file.exists()


@pytest.mark.slow
def test_json_prints_the_documented_names(cli, kept, tmp_path):
    shown = cli("progress", "--json", "--plot", str(tmp_path / "a.png"))
    assert shown.exit_code == 0, shown.output
    forgotten = cli("progress", "--forget", "--yes", "--json")
    compare("progress", printed(shown), printed(forgotten))
    assert printed(shown)["due"][0]["exercise"] == "q1-kv-per-token"
    assert str(kept) in printed(forgotten)["forgotten"]


def test_it_forgets_only_after_a_yes(kept):
    from workbook.cli import app

    refused = CliRunner().invoke(app, ["progress", "--forget"], input="n\n")
    assert refused.exit_code == 1
    assert len(store.attempts()) == 2
    agreed = CliRunner().invoke(app, ["progress", "--forget"], input="y\n")
    assert agreed.exit_code == 0
    assert not kept.exists()
    assert store.attempts() == ()


@pytest.mark.parametrize(
    "args", [["--yes"], ["--forget", "--json"], ["--forget", "--plot", "a.png"], ["--plot", "a.docx"]]
)
def test_a_command_line_that_makes_no_sense_deletes_and_writes_nothing(cli, kept, args, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = kept.read_bytes()
    assert cli("progress", *args).exit_code == 2
    assert kept.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == [kept.name]


@pytest.mark.slow
def test_a_plot_is_written_whole_or_a_reason_is_given(cli, kept, tmp_path):
    target = tmp_path / "progress.svg"
    assert cli("progress", "--plot", str(target)).exit_code == 0
    assert "<svg" in target.read_text()
    nowhere = cli("progress", "--plot", str(tmp_path / "no" / "a.png"))
    assert nowhere.exit_code == 3
    assert "cannot be written" in nowhere.output
    assert not list(tmp_path.glob(".*part"))


def test_a_disk_that_is_full_leaves_no_half_a_plot(cli, kept, tmp_path, monkeypatch):
    class Half:
        def savefig(self, file, **options):
            file.write_bytes(b"half")
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(figures, "over_time", lambda found: Half())
    result = cli("progress", "--plot", str(tmp_path / "a.png"))
    assert result.exit_code == 3
    assert "No space left" in result.output
    assert [one.name for one in tmp_path.iterdir()] == [kept.name]


def test_without_an_attempt_there_is_nothing_to_plot(cli, file, tmp_path):
    result = cli("progress", "--plot", str(tmp_path / "a.png"))
    assert result.exit_code == 2
    assert "nothing to plot" in result.output


def test_a_file_that_cannot_be_used_is_named_with_what_to_do(cli, file):
    import sqlite3

    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE bookmarks (url TEXT)")
    result = cli("progress")
    assert result.exit_code == 3
    assert "another program" in result.output


def test_the_figure_draws_the_shares_and_totals_with_named_axes():
    kept = [
        Attempt("q1-kv-per-token", NOON, 0.0, (), 0, 1.0, 1),
        Attempt("q1-replica-review", NOON + timedelta(days=1), 1.0, (), 0, 1.0, 1),
        Attempt("q1-kv-per-token", NOON + timedelta(days=2), 1.0, (), 0, 1.0, 1),
        Attempt("q1-budget-cut", NOON + timedelta(days=3), 0.0, (), 0, 1.0, 1),
    ]
    held = [
        InterviewKept("q2", NOON, 30, {}, 8, 20, ""),
        InterviewKept("q2", NOON + timedelta(days=5), 30, {}, 16, 20, ""),
    ]
    found = summary(NOON + timedelta(days=9), kept, held)
    left, right = figures.over_time(found).axes
    (line,) = left.lines
    assert line.get_label() == "q1"
    assert list(line.get_ydata()) == [0.0, 50.0, 100.0]
    (totals,) = right.lines
    assert list(totals.get_ydata()) == [40.0, 80.0]
    assert "%" in left.get_ylabel()
    assert "UTC" in left.get_xlabel()
    assert "UTC" in right.get_xlabel()


@pytest.mark.parametrize("held", [(), (InterviewKept("q1", NOON, 30, {}, 5, 20, ""),)])
def test_one_point_and_an_empty_panel_can_be_drawn(held):
    found = summary(NOON, [Attempt("q1-kv-per-token", NOON, 0.5, (), 0, 1.0, 1)], list(held))
    figure = figures.over_time(found)
    figure.canvas.draw()
    assert figures.drawable(found)
    assert not figures.drawable(summary(NOON, [], []))


def test_in_a_notebook_it_is_a_table_with_a_figure_that_is_described(kept):
    page = show()._repr_html_()
    assert "<td>25%</td>" in page
    assert "q1-kv-per-token: 25% right" in page
    assert "data:image/png;base64," in page
    assert "2 attempts at 2 exercises" in page
    assert "25%" in repr(show())


def test_in_a_notebook_without_attempts_there_is_a_table_and_no_figure(file):
    page = show()._repr_html_()
    assert "<table>" in page
    assert "<img" not in page
