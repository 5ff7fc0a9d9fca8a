"""Size it: a burst comes within a minute, a new replica within several."""

from __future__ import annotations

from random import Random

from exercises.model import Ask, Exercise, Kind, Mistake, Params
from reference.sizing import Q, cold_start_time, magnitude
from reference.sizing.traffic import average_rate, diurnal_factor, messages_per_day, peak_rate


def draw(random: Random) -> dict[str, object]:
    """Never a standby within a hair of a whole number: float noise would decide it."""
    while True:
        drawn = _draw(random)
        if 0.03 < float(answers(drawn)["standby"]) % 1 < 0.97:
            return drawn


def _draw(random: Random) -> dict[str, object]:
    share, hours = random.choice([(0.8, 10), (0.7, 8), (0.75, 9), (0.85, 12), (0.6, 6)])
    return {
        "users": random.choice([500_000, 800_000, 1_000_000, 1_500_000, 2_500_000]),
        "messages": random.choice([6, 8, 10, 12]),
        "busy_share": share,
        "busy_hours": hours,
        "burst": random.choice([1.4, 1.6, 1.8, 2.2]),
        "replica_rpm": random.choice([240, 360, 420, 500]),
        "weights_gb": random.choice([70, 72, 140, 145]),
        "link_gbit": random.choice([8, 10, 16, 20]),
        "machine_s": random.choice([90, 120, 150, 180]),
        "pull_s": random.choice([40, 60, 80]),
        "warm_s": random.choice([45, 60, 75]),
    }


def prompt(p: Params) -> str:
    return f"""A support chatbot has {p["users"]:,} users a day who send {p["messages"]} messages each, one request per
message. {p["busy_share"]:.0%} of them come in the {p["busy_hours"]} busy hours of the day. Within a minute the rate can
jump to {p["burst"]:g} times the mean of those hours. A replica serves {p["replica_rpm"]} requests per **minute**; the
running replicas are just enough for the mean of the busy hours.

To start another one, four things happen one after the other: {p["machine_s"]} s to get the machine, {p["pull_s"]} s to
pull the image, {p["weights_gb"]} GB of weights over a link of {p["link_gbit"]} **Gbit/s**, {p["warm_s"]} s to warm up.

- `busy_per_second`: the mean rate of the busy hours, in requests per second.
- `cold_start_s`: from the decision to the first request that is served, in seconds.
- `backlog`: how many requests are waiting when a cold start that was decided at the jump ends, if the rate stays up,
  nothing was standing by, and nobody gives up?
- `standby`: how many replicas must stand by so that nothing waits (a whole number)?"""


def answers(p: Params) -> dict[str, float | str]:
    day = messages_per_day(Q(p["users"], "user"), Q(p["messages"], "message/user/day"))
    mean, diurnal = average_rate(day, Q(1, "request/message")), diurnal_factor(p["busy_share"], p["busy_hours"])
    busy = magnitude(mean * diurnal, "request/s")
    more = magnitude(peak_rate(mean, diurnal, p["burst"]), "request/s") - busy
    start = cold_start_time(
        provision=Q(p["machine_s"], "s"),
        image_pull=Q(p["pull_s"], "s"),
        weights=Q(p["weights_gb"], "GB"),
        load_bandwidth=Q(p["link_gbit"], "Gbit/s"),
        warm_up=Q(p["warm_s"], "s"),
    )
    cold = magnitude(start, "s")
    replica = magnitude(Q(p["replica_rpm"], "rpm"), "request/s")
    return {"busy_per_second": busy, "cold_start_s": cold, "backlog": more * cold, "standby": more / replica}


def mistakes(p: Params) -> dict[str, list[Mistake]]:
    right = answers(p)
    busy, cold = float(right["busy_per_second"]), float(right["cold_start_s"])
    mean = p["users"] * p["messages"] / 86_400
    replica = p["replica_rpm"] / 60
    transfer = p["weights_gb"] * 8 / p["link_gbit"]
    as_bytes = cold - transfer + p["weights_gb"] / p["link_gbit"]
    more = busy * (p["burst"] - 1)
    return {
        "busy_per_second": [
            Mistake("average_for_peak", mean),
            Mistake("busy_share_over_a_day", mean * p["busy_share"]),
        ],
        "cold_start_s": [
            Mistake("link_bits_for_bytes", as_bytes),
            Mistake("forgot_start_up_part", transfer),
            Mistake("forgot_start_up_part", cold - transfer),
            Mistake("forgot_start_up_part", cold - p["warm_s"]),
            Mistake("forgot_start_up_part", cold - p["machine_s"]),
        ],
        "backlog": [
            Mistake("whole_burst", busy * p["burst"] * cold),
            Mistake("average_for_peak", mean * (p["burst"] - 1) * cold),
            Mistake("link_bits_for_bytes", more * as_bytes),
        ],
        "standby": [
            Mistake("whole_burst", busy * p["burst"] / replica),
            Mistake("average_for_peak", mean * (p["burst"] - 1) / replica),
        ],
    }


EXERCISE = Exercise(
    id="q1-burst-and-cold-start",
    kind=Kind.SIZE,
    title="A burst outruns a cold start",
    section="5.8",
    difficulty=2,
    minutes=8,
    points=6,
    draw=draw,
    prompt=prompt,
    hints=(
        "The busy share of the messages comes in the busy hours only: divide by the seconds of those.",
        "Links are sold in bits, weights are counted in bytes.",
        "Only what comes on top of the mean of the busy hours is carried by nobody.",
        "A backlog is a rate times a time.",
    ),
    asks=(
        Ask("busy_per_second", "request/s", "mean rate of the busy hours"),
        Ask("cold_start_s", "s", "time of a cold start"),
        Ask("backlog", "request", "requests that wait at the end of a cold start"),
        Ask("standby", "", "replicas that stand by", whole="up"),
    ),
    answers=answers,
    mistakes=mistakes,
)
