"""Question 3, the way back: how long a rollback takes, and what standing by costs."""

from __future__ import annotations

from reference.sizing.claims.ledger import claim
from reference.sizing.claims.verdicts import Outcome, enough
from reference.sizing.units import Q, Quantity

from .assumptions import Q3Assumptions


@claim("q3.rollback-5min", question=3, stated=Q(5, "minute"),
       statement="A rollback takes less than 5 minutes, as the model is loaded in standby.")  # fmt: skip
def rollback(a: Q3Assumptions, stated: Quantity) -> Outcome:
    standby = a.poll_s + a.longest_answer_s
    return enough(
        stated, Q(standby, "s").to("minute"),
        f"{standby:.0f} s from the switch to the last answer of the bad version; one that is not loaded adds "
        f"up to {a.load_s:.0f} s",
    )  # fmt: skip


@claim("q3.rollback-from-first-error", question=3, implied=True, stated=Q(5, "minute"),
       statement="Users meet the bad version for less than 5 minutes.")  # fmt: skip
def detection(a: Q3Assumptions, stated: Quantity) -> Outcome:
    from reference.sizing import ab_tests

    needed = ab_tests.users_for_rate(a.error_rate, 2 * a.error_rate, a.share, sides=1)
    seconds = needed / a.users * 86_400
    return enough(
        stated, Q(seconds + a.poll_s + a.longest_answer_s, "s").to("minute"),
        f"doubled errors need {needed:,} users to show, {seconds / 3600:.1f} h at {a.users:,.0f} a day: noticing takes "
        "longer than switching",
    )  # fmt: skip


@claim("q3.keep-three-loaded", question=3, implied=True, stated=3,
       statement="Production and the previous three versions stay loaded on the same GPU.")  # fmt: skip
def kept(a: Q3Assumptions, stated: float) -> Outcome:
    weights = a.parameters * 2 / 1e9
    room = int((a.gpu_gb * a.usable - a.kv_least_gb) // weights) - 1
    return Outcome(
        room, "holds" if room >= stated else "does-not-hold",
        f"{weights:.0f} GB each and {a.kv_least_gb:.0f} GB for the KV cache leave room for {max(room, 0)} beside "
        f"production in {a.gpu_gb * a.usable:.0f} GB; as adapters of one base all {a.versions_kept} fit",
    )  # fmt: skip
