"""What a drill says of itself, on made-up requests: times of the rollback, and the figures drawn from them."""

import pytest

from reference.serving.rollout.drill import Asked, DrillResult
from reference.serving.rollout.gates.pipeline import GateReport
from reference.serving.rollout.types import GateResult, GateVerdict, Phase, RolloutState


def asked(ended, arm, error=False, failed=False, share=0.05):
    return Asked(ended - 0.5, ended, arm, arm, share, error, failed, not error)


def result(requests, decisions=(), phase=Phase.ROLLED_BACK, share=0.0):
    state = RolloutState("r", "m", "v1.0", "v1.1", phase, 0, share, 0.0, 2)
    audit = [{"at": 1000.0 + at, "state": {"share": share}} for at, _, _ in decisions]
    return DrillResult("r", "v1.1", state, 1000.0, list(requests), list(decisions), audit)


def test_rollback_runs_from_the_first_bad_answer_to_the_candidates_last():
    drill = result(
        [asked(2, "candidate"), asked(5, "candidate", error=True), asked(9.5, "candidate"), asked(20, "baseline")],
        [(9.0, "roll back", "harm")],
    )
    assert drill.rollback_s == pytest.approx(4.5)
    assert drill.decided_s == pytest.approx(0.5)
    assert drill.failed_requests == 0


def test_without_a_bad_answer_there_is_no_rollback_time():
    drill = result([asked(2, "candidate"), asked(3, "baseline", failed=True)])
    assert drill.rollback_s is None
    assert drill.decided_s is None
    assert drill.failed_requests == 1


def test_a_bad_version_that_got_through_has_no_time_of_a_rollback_and_is_drawn():
    from workbook.figures import q3_running

    drill = result(
        [asked(2, "candidate", error=True), asked(5, "candidate"), asked(6, "baseline")],
        [(0.0, "start", "started"), (5.5, "finish", "the last step is baked")],
        Phase.FINISHED,
        1.0,
    )
    assert drill.rollback_s is None
    assert drill.decided_s is None
    words = {text.get_text() for text in q3_running.timeline(drill, "title").axes[0].texts}
    assert words == {"finish"}


def test_answers_before_the_decision_count_no_time_after_it():
    drill = result([asked(2, "candidate", error=True)], [(9.0, "roll back", "harm")])
    assert drill.decided_s == 0.0


def test_the_figures_are_drawn_from_a_rollout_and_from_reports():
    from workbook.figures import q3_running

    drill = result(
        [
            asked(n, arm, error=arm == "candidate" and n % 5 == 0)
            for n in range(1, 30)
            for arm in ("baseline", "candidate")
        ],
        [(0.0, "start", "started"), (20.0, "roll back", "harm")],
    )
    figure = q3_running.timeline(drill, "title")
    assert [ax.get_ylabel() != "" for ax in figure.axes] == [True] * 3
    assert any("first bad answer" in text.get_text() for text in figure.axes[0].texts)
    made = GateResult("accuracy", GateVerdict.FAIL, "at most 70 %", 0.6, 0.55, 0.7, 0.75, "share", 500)
    report = GateReport("v1.1", "v1.0", (made,), 500, "0" * 64, 1.0)
    assert "fail" in q3_running.gates([report]).axes[0].get_title("left")
    assert report.verdict is GateVerdict.FAIL
    assert report.to_dict()["verdict"] == "fail"


@pytest.mark.slow
def test_every_figure_names_its_axes():
    from workbook.figures import q3_running

    looks = [1, 2, 3]
    rows = [
        {"users a day": n, "latency ratio": ratio}
        for n, ratio in ((100, None), (1000, 1.5), (10_000, 1.2), (100_000, 1.05))
    ]
    stored = [
        {"scenario": scenario, "rule": rule, "metric": metric, "median": 0.1, "p25": 0.05, "p75": 0.2}
        for scenario in ("harmless", "errors doubled")
        for rule in ("sequential", "fixed")
        for metric in ("rolled back", "stopped before 25 %")
    ]
    figures = (
        q3_running.peeking(looks, [0.1, 0.2, 0.3], [0.01, 0.01, 0.02], 0.05),
        q3_running.detectable(rows, 1.10),
        q3_running.rules(stored, ("harmless", "errors doubled")),
    )
    for figure in figures:
        assert all(ax.get_xlabel() for ax in figure.axes)
