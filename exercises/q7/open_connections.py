"""Size it: what stands open while somebody waits, and what it costs to ask instead."""

from __future__ import annotations

from random import Random

from exercises.model import Ask, Exercise, Kind, Mistake, Params
from reference.sizing.inference_modes.crossings import connections_held, polling


def draw(random: Random) -> dict[str, object]:
    job_s, interval_s = random.choice([(24, 3), (36, 4), (45, 5), (60, 6), (80, 5), (90, 10), (120, 10)])
    return {
        "rate": random.choice([12, 20, 35, 50, 70]),
        "job_s": job_s,
        "interval_s": interval_s,
        "exchange_ms": random.choice([20, 40, 50, 80]),
    }


def prompt(p: Params) -> str:
    return f"""A service gets {p["rate"]} reports to write per second; each takes {p["job_s"]} seconds. Either the
client holds its connection until the report is there, or it hands in a job and asks every {p["interval_s"]} seconds
whether it is done. The end of a job falls anywhere between two polls, so on average a job is asked for as often as
its time holds the interval, and once more. A submission or a poll holds a connection for {p["exchange_ms"]} ms.

- `held_sync`: connections that stand open on average if every client waits for its report.
- `polls_per_s`: polls that the service answers, per second.
- `held_jobs`: connections that stand open on average with jobs, for submissions and polls together."""


def answers(p: Params) -> dict[str, float | str]:
    asked = polling(p["job_s"], p["interval_s"], p["rate"])
    exchanges = p["rate"] + asked.requests_per_s
    return {
        "held_sync": connections_held(p["rate"], p["job_s"]),
        "polls_per_s": asked.requests_per_s,
        "held_jobs": connections_held(exchanges, p["exchange_ms"] / 1000),
    }


def mistakes(p: Params) -> dict[str, list[Mistake]]:
    rate, polls, exchange_s = p["rate"], p["job_s"] / p["interval_s"], p["exchange_ms"] / 1000
    return {
        "held_sync": [
            Mistake("concurrency_for_throughput", rate),
            Mistake("rate_over_time", rate / p["job_s"]),
            Mistake("one_request_only", 1),
        ],
        "polls_per_s": [
            Mistake("last_poll_missing", rate * polls),
            Mistake("polls_not_per_job", rate / p["interval_s"]),
            Mistake("one_request_only", polls + 1),
        ],
        "held_jobs": [
            Mistake("submission_missing", rate * (polls + 1) * exchange_s),
            Mistake("connection_for_whole_job", rate * p["job_s"]),
            Mistake("polls_not_per_job", rate * exchange_s),
        ],
    }


EXERCISE = Exercise(
    id="q7-open-connections",
    kind=Kind.SIZE,
    title="Waiting, or asking again",
    section="2.3",
    difficulty=1,
    minutes=6,
    points=4,
    draw=draw,
    prompt=prompt,
    hints=(
        "Little's law: what is inside on average is the rate at which it comes times the time that it stays.",
        "All polls of one job first; then the jobs of a second.",
        "Polls and submissions are requests too, only very short ones: the same law holds for them.",
    ),
    asks=(
        Ask("held_sync", "", "connections while clients wait"),
        Ask("polls_per_s", "1/s", "polls per second", tolerance=0.01),
        Ask("held_jobs", "", "connections with jobs", tolerance=0.01),
    ),
    answers=answers,
    mistakes=mistakes,
)
