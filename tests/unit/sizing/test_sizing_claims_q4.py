"""Question 4: every figure is there, and every verdict is computed - change an assumption and it changes."""

import dataclasses
import math
from typing import Any

import pytest
from claim_checks import assert_complete, assert_moves

from reference.sizing import Q
from reference.sizing.claims import claims, judge
from reference.sizing.claims.ledger import Claim
from reference.sizing.claims.q4 import Q4Assumptions, corrected_design_q4
from reference.sizing.claims.q4.design import funnel_q4, reviewers_by_share
from reference.sizing.claims.q4.models import gpus_needed
from reference.sizing.moderation_funnel import clip_cost

pytestmark = pytest.mark.filterwarnings("ignore::reference.sizing.bands.ImplausibleWarning")
DEFAULT = {record.id: record for record in claims(4)}

# The assumptions under which the verdict of each claim must turn into another one.
FLIPS: dict[str, dict[str, Any]] = {
    "q4.posts-per-second": {"posts_per_minute": 2e6},
    "q4.shares-add-up": {"link_share": 0.05},
    "q4.text-rate": {"text_share": 0.6},
    "q4.image-rate": {"image_share": 0.3},
    "q4.video-rate": {"video_share": 0.1},
    "q4.link-rate": {"link_share": 0.04},
    "q4.tiers-add-up": {"judge_share": 0.02},
    "q4.rules-10000": {"rules_share": 0.5},
    "q4.rules-see-10000": {"posts_per_minute": 5e5},
    "q4.rules-2000-per-instance": {"tier1_posts_per_core_second": 1500.0},
    "q4.rules-5-instances": {"rules_instance_rate": 8000.0},
    "q4.rules-500-usd": {"cores_high": 2.0},
    "q4.models-5850": {"models_share": 0.4},
    "q4.models-see-5850": {"rules_share": 0.7},
    "q4.text-500-per-gpu": {"post_tokens": 400.0},
    "q4.image-200-per-gpu": {"image_gflop_high": 100.0},
    "q4.video-50-per-gpu": {"clip_seconds": 10.0},
    "q4.text-8-gpus": {"text_gpu_rate": 2000.0},
    "q4.image-7-gpus": {"media_rules_high": 0.8},
    "q4.video-10-gpus": {"media_rules_high": 0.5},
    "q4.models-25-gpus": {"text_gpu_rate": 2000.0, "image_gpu_rate": 1000.0, "video_gpu_rate": 300.0},
    "q4.models-18000-usd": {"stated_text_gpus": 16},
    "q4.judge-835": {"judge_share": 0.1},
    "q4.judge-10-per-instance": {"judge_instance_rate": 100.0},
    "q4.judge-84": {"judge_instance_rate": 20.0},
    "q4.judge-84-survive": {"stated_judges": 121},
    "q4.batch-17-calls": {"judge_batch": 50},
    "q4.batch-50-instances": {"judge_batch": 1},
    "q4.cache-30": {"stated_cache_share": 0.2},
    "q4.cache-40-share": {"repeat_high": 0.5},
    "q4.judge-50000-usd": {"stated_judge_bill": Q(300_000, "USD")},
    "q4.review-167": {"review_low": 0.000167},
    "q4.review-334": {"review_high": 0.000334},
    "q4.review-30-s": {"context_high": 0.5},
    "q4.reviewers-170-own-rate": {"seat_ceiling": 0.99},
    "q4.reviewers-on-duty": {"review_low": 0.0002},
    "q4.reviewers-around-the-clock": {
        "contract_hours": 168.0,
        "present_share": 1.0,
        "reviewing_share": 1.0,
        "exposure_hours": 8.0,
    },
    "q4.reviewers-languages": {"stated_reviewers": 240},
    "q4.appeals": {"appeal_high": 0.005},
    "q4.weekly-labels": {"languages": 10},
    "q4.wrong-removals-seen": {"fpr": 0.0003},
    "q4.fpr-0.1": {"clean_test_posts": 3000},
    "q4.fnr-1": {"violating_test_errors": 5},
    "q4.precision-95": {"prevalence_low": 0.02},
    "q4.both-targets": {"escalated_for_both_targets": 0.06},
    "q4.text-500-ms": {"network": Q(0.6, "s")},
    "q4.image-2-s": {"network": Q(3, "s")},
    "q4.video-30-s": {"clip_seconds_high": 1200.0},
}


def judged(id: str, changes: dict[str, Any]) -> Claim:
    return judge(id, dataclasses.replace(Q4Assumptions(), **changes))


def test_every_claim_of_question_4_has_a_test_that_flips_it() -> None:
    assert set(FLIPS) == set(DEFAULT)


@pytest.mark.parametrize("id", sorted(FLIPS))
def test_verdict_of_question_4_turns_with_its_assumptions(id: str) -> None:
    assert judged(id, FLIPS[id]).verdict != DEFAULT[id].verdict


@pytest.mark.parametrize("id", sorted(DEFAULT))
def test_claim_of_question_4_is_not_a_constant(id: str) -> None:
    assert_moves(DEFAULT[id], Q4Assumptions(), judged)


@pytest.mark.parametrize("id", sorted(DEFAULT))
def test_claim_of_question_4_carries_figures_reason_and_evidence(id: str) -> None:
    assert_complete(DEFAULT[id])


def test_stated_arithmetic_comes_out_as_the_source_has_it() -> None:
    assert DEFAULT["q4.posts-per-second"].computed == pytest.approx(16_666.7, abs=0.1)
    assert DEFAULT["q4.link-rate"].computed == pytest.approx(500)
    assert DEFAULT["q4.judge-84"].computed == pytest.approx(83.333, abs=0.001)
    assert DEFAULT["q4.cache-30"].computed == pytest.approx(30)
    assert {record.verdict for record in DEFAULT.values()} == {"holds", "does-not-hold", "depends"}


def test_slips_of_the_source_are_found() -> None:
    # 5 % of 16,667/s in fives are 167 calls/s, not 17; 1 % of a million a minute is 10,000 a minute, not 167.
    assert DEFAULT["q4.batch-17-calls"].computed == pytest.approx(1e6 / 60 * 0.05 / 5)
    assert DEFAULT["q4.review-167"].computed == pytest.approx(10_000)
    assert DEFAULT["q4.review-334"].computed == pytest.approx(20_000)
    assert DEFAULT["q4.reviewers-on-duty"].computed == math.ceil(10_000 / 60 * 30 / 0.85)
    # Tier 2 sees what tier 1 leaves open, tier 1 sees everything.
    assert DEFAULT["q4.models-see-5850"].computed == pytest.approx(0.4 * 1e6 / 60)
    assert DEFAULT["q4.rules-5-instances"].computed == math.ceil(1e6 / 60 / 2000 / 0.7) + 1
    assert DEFAULT["q4.text-8-gpus"].computed == math.ceil(0.75 * 0.4 * 1e6 / 60 / 500 / 0.7) + 1


def test_bill_of_the_gpus_by_hand() -> None:
    assert DEFAULT["q4.models-18000-usd"].computed == pytest.approx(25 * 1.006 * 730)


def test_gpus_of_text_follow_the_share_of_texts_and_links() -> None:
    a = dataclasses.replace(Q4Assumptions(), text_share=0.2, link_share=0.1)
    seen = a.rate * 0.3 * a.left_by_rules
    assert gpus_needed(a)["text"] == math.ceil(seen / (a.text_gpu_rate * a.utilisation_ceiling)) + a.spare


def test_precision_threshold_solves_bayes() -> None:
    p = DEFAULT["q4.precision-95"].threshold
    assert p * 0.99 / (p * 0.99 + (1 - p) * 0.001) == pytest.approx(0.95, rel=1e-4)


def test_length_of_video_at_which_the_limit_is_spent() -> None:
    per_second = (1 / 8.3 + 10 / 43.5) / 20
    assert DEFAULT["q4.video-30-s"].threshold == pytest.approx((30 - 0.06) / per_second, rel=1e-4)


def test_every_assumption_of_question_4_says_where_it_comes_from() -> None:
    assert all(row["why"] for row in Q4Assumptions().describe())


def test_funnel_gives_the_judge_and_people_their_stated_shares() -> None:
    a = Q4Assumptions()
    for as_text in (False, True):
        funnel = funnel_q4(a, media_as_text=as_text)
        assert funnel.seen["judge"] / a.rate == pytest.approx(0.05)
        assert funnel.seen["people"] / a.rate == pytest.approx(0.01)
    assert funnel.seen["models"] == pytest.approx(0.4 * a.rate)


def test_corrected_design_has_room_and_survives_one_failure() -> None:
    a = Q4Assumptions()
    design = corrected_design_q4(a)
    for name in ("with-room", "corrected"):
        for stage in design.plan(name).needs:
            assert stage.utilisation <= a.utilisation_ceiling
            assert stage.utilisation_when_one_fails <= 1
    stated = design.plan("stated")
    assert {stage.work.name for stage in stated.needs if stage.utilisation >= 1} == {n.work.name for n in stated.needs}
    assert design.affordable_review_share == pytest.approx(170 * 0.85 / 30 / a.rate)
    assert design.plan("corrected").people_usd > 100 * design.plan("corrected").machines_usd
    with pytest.raises(KeyError, match="stated, with-room, corrected"):
        design.plan("other")


def test_corrected_design_follows_measured_rates() -> None:
    fast = dataclasses.replace(Q4Assumptions(), image_model_images_per_core_second=435.0)
    before, after = (corrected_design_q4(a).plan("corrected") for a in (Q4Assumptions(), fast))
    assert after.need("image model").servers < before.need("image model").servers / 8
    assert after.need("video").servers < before.need("video").servers
    assert after.need("rules").servers == before.need("rules").servers
    clip = clip_cost(20, 8.3, 20, 10, 43.5)
    assert before.need("video").work.each == pytest.approx(clip.clips_per_second)


def test_reviewers_grow_with_the_share_that_they_see() -> None:
    rows = reviewers_by_share(Q4Assumptions(), (0.001, 0.01, 0.02))
    assert [round(staff.seats / rows[0][1].seats) for _, staff in rows] == [1, 10, 20]
