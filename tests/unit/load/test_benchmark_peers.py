"""The comparison with the peers: what it may say, what it leaves out with a reason, and what the report makes of it."""

from __future__ import annotations

import json
import sys
import types
from pathlib import Path

import pytest

from benchmarks import __main__ as command
from benchmarks import common, peers, report
from benchmarks.peers import comparing, grading, guard_scanners, guards
from benchmarks.peers.own_environment import python_of


def test_nobody_is_ahead_where_the_interval_of_the_ratio_holds_one():
    ours, theirs = [1.0] * 6, [0.9, 1.2, 1.3, 1.4, 1.5, 1.6]
    row = comparing.paired_ratio("time", "ms", "other", ours, theirs)
    assert row["low"] < 1 < row["p25"]
    assert row["ahead"] == comparing.NOBODY
    assert comparing.paired_ratio("time", "ms", "other", ours, [1.1, *theirs[1:]])["ahead"] == comparing.WORKBOOK
    assert comparing.paired_ratio("rate", "1/s", "other", ours, [1.1, *theirs[1:]], more_is_better=True)[
        "ahead"
    ] == comparing.PEER  # fmt: skip


def test_ratios_are_paired_within_a_round():
    row = comparing.paired_ratio("time", "ms", "other", [1.0, 10.0, 2.0], [2.0, 20.0, 4.0])
    assert (row["p25"], row["median"], row["p75"]) == (2.0, 2.0, 2.0)


def test_too_few_rounds_put_nobody_ahead():
    row = comparing.paired_ratio("time", "ms", "other", [1.0] * 5, [9.0] * 5)
    assert row["low"] is None
    assert row["ahead"] == comparing.NOBODY


def test_the_interval_of_the_median_is_the_sign_tests():
    # Six values: the range misses the median with 2 / 2**6; nine: the second smallest and largest with 20 / 2**9.
    assert comparing.median_interval([3, 1, 2, 6, 5, 4]) == (1, 6)
    assert comparing.median_interval(list(range(9))) == (1, 7)


def test_unequal_rounds_and_figures_that_are_not_above_zero_are_refused():
    with pytest.raises(ValueError, match="pair them"):
        comparing.paired_ratio("time", "ms", "other", [1.0], [1.0, 2.0])
    with pytest.raises(ValueError, match="above 0"):
        comparing.paired_ratio("time", "ms", "other", [-1.0], [1.0])


def test_shares_put_somebody_ahead_only_where_their_intervals_do_not_overlap():
    assert comparing.shares("recall", "other", (90, 100), (50, 100), more_is_better=True)["ahead"] == comparing.WORKBOOK
    assert comparing.shares("alarms", "other", (90, 100), (50, 100), more_is_better=False)["ahead"] == comparing.PEER
    assert comparing.shares("recall", "other", (60, 100), (50, 100), more_is_better=True)["ahead"] == comparing.NOBODY


def test_a_comparison_that_fails_leaves_a_reason_and_the_others_go_on(monkeypatch):
    def broken(quick: bool) -> comparing.Part:
        raise RuntimeError("no luck")

    def works(quick: bool) -> comparing.Part:
        row = comparing.paired_ratio("time", "ms", "other", [1.0], [2.0])
        return comparing.Part(rows=[row], versions={"other": "1"})

    for name, compare in {"gateway": broken, "canary": works}.items():
        module = types.ModuleType(name)
        module.compare = compare  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, f"benchmarks.peers.{name}", module)
    record = peers.run(True, ("gateway", "canary")).to_dict(1.0)
    assert record["missing"][0]["reason"] == "failed: RuntimeError: no luck"
    assert [row["part"] for row in record["rows"]] == ["canary"]
    assert record["peers"] == {"other": "1"}
    assert "not measured: failed: RuntimeError: no luck" in report.markdown([record], {})


def test_a_peer_without_its_environment_is_left_out_with_the_variable_that_names_one(monkeypatch):
    monkeypatch.setattr(grading, "python_of", lambda variable, name: "")
    part = grading.compare(quick=True)
    assert not part.rows
    assert grading.VARIABLE in part.missing[0]["reason"]


def test_a_named_python_wins_over_the_one_that_was_made_and_a_wrong_name_is_said(tmp_path, monkeypatch):
    monkeypatch.delenv("ONE", raising=False)
    made = tmp_path / "peer" / "bin" / "python"
    made.parent.mkdir(parents=True)
    made.touch()
    assert python_of("ONE", "peer", tmp_path) == "", "its set-up did not end"
    (tmp_path / "peer" / ".made-from").touch()
    assert python_of("ONE", "peer", tmp_path) == str(made)
    assert python_of("ONE", "other", tmp_path) == ""
    monkeypatch.setenv("ONE", sys.executable)
    assert python_of("ONE", "peer", tmp_path) == sys.executable
    monkeypatch.setenv("ONE", str(tmp_path / "gone"))
    with pytest.raises(ValueError, match=r"ONE=.*gone: no such file"):
        python_of("ONE", "peer", tmp_path)


def test_scanners_that_are_not_installed_say_which_module_is_missing():
    with guards.worker(sys.executable) as ask:
        said = ask("secrets", ["text"])
        assert said == {"missing": "no module llm_guard in this environment"}
        assert ask("versions")["versions"].get("llm-guard") is None


def test_a_hub_out_of_reach_is_the_reason_that_a_scanner_gives(monkeypatch):
    def unreachable(*arguments: object) -> None:
        raise OSError(-2, "Name or service not known")

    def no_model() -> None:
        raise OSError("no files in the cache")

    guard_scanners._made.cache_clear()
    monkeypatch.setenv("HF_HUB_OFFLINE", "")  # so that what is set below goes with the test
    monkeypatch.setattr(guard_scanners.socket, "getaddrinfo", unreachable)
    monkeypatch.setitem(guard_scanners.SCANNERS, "prompt_injection", no_model)
    said = guard_scanners.answer({"scanner": "prompt_injection", "texts": []})
    guard_scanners._made.cache_clear()
    assert said == {"missing": "needs a model from huggingface.co, which this machine does not reach "
                    "(Name or service not known)"}  # fmt: skip


def test_precision_and_recall_are_counted_by_text():
    flags, labels = [True, True, False, False], [True, False, True, False]
    assert guards.counts(flags, labels) == {"precision": (1, 2), "recall": (1, 2)}


def test_a_record_is_stale_where_a_version_differs_and_records_of_gpus_never_are():
    record = {"versions": {"redis": "8.1.0", "vllm": "0.32.0+cpu"}, "peers": {"litellm": "1.0"}}
    today = {"redis": "8.1.0", "vllm": "0.32.0", "litellm": "1.1", "unused": "3"}
    assert report.stale(record, today) == ["litellm 1.0 -> 1.1"]
    assert report.stale({**record, "machine": {"gpus": ["H100"]}}, today) == []


def test_a_file_that_is_no_record_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(common, "RESULTS", tmp_path)
    (tmp_path / "odd.json").write_text("[]")
    with pytest.raises(ValueError, match=r"odd\.json"):
        report.records()


def test_the_committed_report_is_what_the_records_say():
    said = report.markdown(report.records(), report.pins())
    assert report.MARKDOWN.read_text(encoding="utf-8") == said, "run `python -m benchmarks report`"


def test_the_page_asks_nothing_of_other_machines_and_escapes_what_records_say():
    record = {"name": "made_up", "question": "<script>alert(1)</script>", "rows": [], "command": "x"}
    page = report.page([*report.records(), record], {})
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert not [word for word in ("src=", "@import", "<link", "url(") if word in page]


def test_what_runs_without_a_name_is_said_before_it_starts(tmp_path, monkeypatch):
    monkeypatch.setattr(common, "RESULTS", tmp_path)
    (tmp_path / "peers.json").write_text(json.dumps({"name": "peers", "seconds": 600}))
    said = command._announced(["peers", "redis_ops"], quick=False)
    assert said.startswith("runs peers, redis_ops: about 10 min when last recorded (without redis_ops, never recorded)")


def test_the_report_alone_measures_nothing(tmp_path, monkeypatch, capsys):
    page, table = tmp_path / "index.html", tmp_path / "benchmarks.md"
    monkeypatch.setattr(report, "PAGE", page)
    monkeypatch.setattr(report, "MARKDOWN", table)
    assert command.main(["report"]) == 0
    assert "nothing to measure" in capsys.readouterr().err
    assert page.exists()
    assert Path(table).read_text() == report.markdown(report.records(), report.pins())


def test_a_run_that_is_stopped_keeps_what_it_has(monkeypatch, tmp_path):
    def measured(quick: bool) -> comparing.Part:
        return comparing.Part([comparing.paired_ratio("time", "ms", "other", [1.0] * 6, [2.0] * 6)])

    def stopped(quick: bool) -> comparing.Part:
        raise KeyboardInterrupt

    for name, compare in (("gateway", measured), ("retrieval", stopped)):
        monkeypatch.setitem(sys.modules, f"benchmarks.peers.{name}", types.SimpleNamespace(compare=compare))
    monkeypatch.setattr(common, "RESULTS", tmp_path)
    with pytest.raises(KeyboardInterrupt):
        peers.run(False, ("gateway", "retrieval", "canary"))
    kept = json.loads((tmp_path / "peers.json").read_text())
    assert [row["part"] for row in kept["rows"]] == ["gateway"]
    assert {one["part"]: one["reason"] for one in kept["missing"]} == dict.fromkeys(
        ("retrieval", "canary"), "the run was stopped before it"
    )
