"""Question 7, the choice: which mode the decision table takes for the uses that the source names."""

from __future__ import annotations

import dataclasses

from reference.sizing.claims.ledger import claim
from reference.sizing.claims.verdicts import Outcome, over_choices, over_range
from reference.sizing.inference_modes.decision import Decision, Platform, Requirements, decide

from .assumptions import Q7Assumptions


def _platform(a: Q7Assumptions) -> Platform:
    return Platform(
        slots=a.slots, usd_per_hour=a.usd_per_hour, cold_start_s=a.cold_start_s, linger_s=a.linger_s,
        spot_factor=a.spot_factor, batch_factor=a.batch_factor, batch_window_s=a.batch_wait_high_s,
        callers_at_once=a.at_once, tell_s=a.poll_s,
    )  # fmt: skip


def _chat(a: Q7Assumptions, tokens: float) -> Decision:
    service = a.first_token_s + max(0.0, tokens - 1) * a.token_s
    asked = Requirements(
        "chat", rate=a.live_per_s / 2, burst=a.peak_over_mean, service_s=service, first_part_s=a.first_token_s,
        service_scv=a.service_scv, first_sign_s=a.first_patience_s, whole_s=30 * a.sync_limit_s, late=a.late,
        silent_s=a.silent_s,
    )  # fmt: skip
    return decide(asked, _platform(a))


@claim("q7.stream-chat", question=7, stated=1.0,
       statement="Streaming is the mode for chat with a language model.")  # fmt: skip
def stream_chat(a: Q7Assumptions, stated: float) -> Outcome:
    del stated
    taken = _chat(a, a.output_chat)
    others = [one.late for mode, one in taken.assessments.items() if mode == "sync"]
    return over_range(
        others[0], lambda tokens: _chat(a, tokens).recommended == "stream",
        variable="output tokens", low=a.output_low, high=a.output_high,
        reason=f"with {a.output_chat:.0f} tokens a synchronous call shows nothing within {a.first_patience_s:g} s in "
        f"{others[0]:.0%} of cases and the table takes {taken.recommended or 'none'}",
    )  # fmt: skip


@claim("q7.async-uses", question=7, stated=4.0,
       statement="Bulk work, long tasks, work that must be cheap and mails are for the asynchronous mode.")  # fmt: skip
def async_uses(a: Q7Assumptions, stated: float) -> Outcome:
    platform = _platform(a)
    base = Requirements("bulk", rate=1.0, burst=a.day_peak, burst_s=a.busy_s, service_s=a.item_s, first_part_s=a.item_s,
                        whole_s=8 * 3600.0, items=int(10 * a.batch_items), silent_s=a.silent_s)  # fmt: skip
    uses = [
        base,
        dataclasses.replace(base, name="long tasks", rate=0.01, service_s=a.job_long_s, first_part_s=1.0, items=1),
        dataclasses.replace(base, name="mails", items=1, whole_s=a.deadline_high_s),
        dataclasses.replace(base, name="mails while somebody waits", items=1, whole_s=a.sync_limit_s),
    ]
    taken = {one.name: decide(one, platform) for one in uses}
    apart = {name: one.recommended in ("async", "batch") for name, one in taken.items()}
    words = "; ".join(f"{name}: {one.recommended or 'none'}" for name, one in taken.items())
    return over_choices(
        sum(apart.values()), apart, variable="use",
        reason=f"the table, with {int(10 * a.batch_items):,} items, {a.job_long_s:.0f} s, {a.deadline_high_s:.0f} s, "
        f"takes {words}",
    )  # fmt: skip
