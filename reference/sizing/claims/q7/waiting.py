"""Question 7, waiting: the client blocks, 5 seconds, the first token, long tasks."""

from __future__ import annotations

from reference.sizing.claims.ledger import claim
from reference.sizing.claims.verdicts import Outcome, over_range, reaches
from reference.sizing.inference_modes import crossings, deadlines

from .assumptions import Q7Assumptions


def _service(a: Q7Assumptions, tokens: float) -> float:
    return a.first_token_s + max(0.0, tokens - 1) * a.token_s


@claim("q7.sync-5s", question=7, stated=5.0,
       statement="A synchronous answer is fit for what must be there in less than 5 seconds.")  # fmt: skip
def five_seconds(a: Q7Assumptions, stated: float) -> Outcome:
    def met(tokens: float) -> bool:
        service = _service(a, tokens)
        rate = a.load * a.slots / service
        return deadlines.late_probability(rate, service, a.service_scv, a.slots, stated) <= a.late

    return over_range(
        _service(a, a.output_chat), met, variable="output tokens", low=a.output_low, high=a.output_high,
        reason=f"{stated:g} s are a limit on the answer's length and no property of the mode: {a.output_chat:.0f} "
        f"tokens take {_service(a, a.output_chat):.1f} s at {1000 * a.token_s:.0f} ms each, and the line at a load "
        f"of {a.load:.0%} adds little",
    )  # fmt: skip


@claim("q7.sync-user-waiting", question=7, implied=True, stated=1.0,
       statement="A user who waits (chat, search) is served in time by a whole answer.")  # fmt: skip
def user_waits(a: Q7Assumptions, stated: float) -> Outcome:
    del stated
    return over_range(
        _service(a, a.output_chat), lambda tokens: _service(a, tokens) <= a.first_patience_s,
        variable="output tokens", low=a.output_low, high=a.output_high,
        reason=f"without a stream the first sign is the whole answer; {a.first_patience_s:g} s bear a label or a list, "
        f"a chat answer of {a.output_chat:.0f} tokens takes {_service(a, a.output_chat):.1f} s",
    )  # fmt: skip


@claim("q7.sync-load", question=7, implied=True, stated=0.9,
       statement="A synchronous service keeps 5 seconds up to a utilisation of 90 %.")  # fmt: skip
def load_limit(a: Q7Assumptions, stated: float) -> Outcome:
    service = _service(a, a.tokens_out)
    limit = crossings.sync_load_limit(service, a.service_scv, a.slots, a.sync_limit_s, late=a.late)
    return reaches(
        stated, limit * service / a.slots,
        f"with {a.slots} slots of {service:.1f} s the p{100 * (1 - a.late):g} passes {a.sync_limit_s:g} s at "
        f"{limit:.1f} requests/s",
    )  # fmt: skip


@claim("q7.client-blocks", question=7, stated=1.0,
       statement="A synchronous client is blocked until the answer is there, an asynchronous one is not.")  # fmt: skip
def blocks(a: Q7Assumptions, stated: float) -> Outcome:
    del stated

    def less(job: float) -> bool:
        polls = crossings.polling(job, a.poll_s).polls
        return a.submit_s * (1 + polls) < job

    held = a.submit_s * (1 + crossings.polling(a.job_long_s, a.poll_s).polls)
    return over_range(
        held, less, variable="seconds of the job", low=a.submit_s / 2, high=a.job_long_s,
        reason=f"a job of {a.job_long_s:.0f} s holds a connection for {held:.0f} s in all by polls every {a.poll_s:g} "
        f"s, for {2 * a.submit_s:g} s with a webhook; a short one is not worth its polls",
    )  # fmt: skip


@claim("q7.long-tasks", question=7, stated=1800.0,
       statement="Long-running tasks (video, documents) need the asynchronous mode.")  # fmt: skip
def long_tasks(a: Q7Assumptions, stated: float) -> Outcome:
    def cut(job: float) -> bool:
        return deadlines.service_beyond(job, a.service_scv, a.silent_s) > a.late

    share = deadlines.service_beyond(stated, a.service_scv, a.silent_s)
    return over_range(
        share, cut, variable="seconds of the task", low=a.job_short_s, high=a.job_long_s,
        reason=f"a path that cuts silent connections after {a.silent_s:g} s cuts {share:.0%} of the tasks of "
        f"{stated:.0f} s; a stream with heartbeats is not cut, but its client must stay",
    )  # fmt: skip


@claim("q7.first-token", question=7, stated=1.0,
       statement="A stream shows its first token quickly, and progress at once.")  # fmt: skip
def first_token(a: Q7Assumptions, stated: float) -> Outcome:
    del stated
    whole = _service(a, a.output_chat)
    gain = whole / a.first_token_s
    return over_range(
        a.first_token_s, lambda patience: a.first_token_s <= patience,
        variable="patience in seconds", low=a.submit_s, high=a.sync_limit_s,
        reason=f"the first token comes after {a.first_token_s:.2f} s of {whole:.1f} s at {a.slots} in flight, "
        f"{gain:.0f} times as soon; a label of {a.output_low:.0f} tokens gains "
        f"{_service(a, a.output_low) / a.first_token_s:.1f} times",
    )  # fmt: skip


@claim("q7.stream-as-read", question=7, implied=True, stated=8.0,
       statement="A stream comes faster than a person reads, so the rest of the wait is not felt.")  # fmt: skip
def as_read(a: Q7Assumptions, stated: float) -> Outcome:
    del stated
    return reaches(
        a.reading_per_s, 1 / a.token_s,
        f"{1 / a.token_s:.0f} tokens/s for each of {a.slots} against {a.reading_per_s:g} that are read",
    )  # fmt: skip


@claim("q7.best-of-both", question=7, stated=1.0,
       statement="Streaming is the best of both: responsive, and fit for long generation.")  # fmt: skip
def best_of_both(a: Q7Assumptions, stated: float) -> Outcome:
    del stated
    whole = _service(a, a.output_high)
    # What async gives beside patience: nothing held, a cheaper fleet, a client that may go away.
    return Outcome(
        whole / (2 * a.submit_s), "holds" if whole <= 2 * a.submit_s else "does-not-hold",
        f"it is responsive ({a.first_token_s:.2f} s), but holds its connection for all of {whole:.0f} s as a "
        f"call does, {whole / (2 * a.submit_s):.0f} times as long as a job with a webhook, and the "
        "fleet must stand ready for the peak",
    )  # fmt: skip
