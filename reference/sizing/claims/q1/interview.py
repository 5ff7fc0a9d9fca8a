"""Question 1, what is asked: whether the answer fits into its minutes, and which sizes of a model are possible."""

from __future__ import annotations

from reference.sizing.claims.ledger import claim
from reference.sizing.claims.verdicts import Outcome, over_choices, over_range
from reference.sizing.units import Q, Quantity, magnitude

from .assumptions import Q1Assumptions

PHASES = ("clarify", "picture", "parts", "trade-offs", "operations")


@claim(
    "q1.interview-minutes",
    question=1,
    statement="An answer in phases of 2, 5, 15, 5 and 3 minutes fits into 30 minutes.",
    stated=Q(30, "min"),
    implied=True,
)
def interview_minutes(a: Q1Assumptions, stated: Quantity) -> Outcome:
    room = {
        name: minutes * 60 / points
        for name, minutes, points in zip(PHASES, a.phase_minutes, a.phase_points, strict=True)
    }
    tightest = min(room, key=lambda name: room[name])
    return over_range(
        Q(sum(a.phase_points) * a.point_seconds / 60, "min"),
        lambda seconds: seconds <= room[tightest],
        variable="seconds for one point",
        low=a.point_seconds_low,
        high=a.point_seconds_high,
        unit="s",
        reason=f"the {sum(a.phase_points)} points of the answer take {sum(a.phase_points) * a.point_seconds / 60:.0f} "
        f"of {sum(a.phase_minutes):g} minutes at {a.point_seconds:g} s each, but phases run over alone: {tightest} has "
        f"the least room, {room[tightest]:.0f} s a point",
    )


@claim(
    "q1.model-sizes",
    question=1,
    statement="A model of 7, 70 or 175 billion parameters: the stated instance serves whichever is asked for.",
    stated=175,
    implied=True,
)
def model_sizes(a: Q1Assumptions, stated: float) -> Outcome:
    granted = magnitude((a.gpus_per_instance * a.device.memory * a.gpu_memory_utilization).to("GB"), "GB")
    most = granted / 2  # two bytes a parameter, nothing left for a request yet
    return over_choices(
        most,
        {f"{size:g}B ({2 * size:,.0f} GB in 16 bits)": size <= most for size in a.sizes_asked},
        variable="size of the model",
        reason=f"of {a.gpus_per_instance} x {a.device.name} the engine gets {granted:.0f} GB, the weights of at most "
        f"{most:.1f}B",
    )
