"""The subcommands that need neither engine nor state: simulate, detect, export."""

from __future__ import annotations

from pathlib import Path


def simulate(rounds: int, users_per_s: float, policy: Path | None, as_json: bool) -> None:
    import dataclasses

    from reference.serving.rollout.simulation.rollouts import Sequential, many, summarize
    from reference.serving.rollout.simulation.scenario import Scenario
    from workbook import console
    from workbook.rollout.common import plain, read_policy

    chosen = read_policy(policy)
    base = Scenario("harmless", units_per_s=users_per_s)
    scenarios = (
        base,
        dataclasses.replace(base, name="latency +10 %", latency_ratio=1.10),
        dataclasses.replace(base, name="errors doubled", error_ratio=2.0),
    )
    window_s = min(300.0, max(chosen.bake_s))
    rows, log = [], console.stderr() if as_json else console.stdout()
    for scenario in scenarios:
        runs = many(scenario, chosen, lambda: Sequential(chosen), rounds, 1, window_s)
        one = summarize(scenario.name, "sequential", runs, chosen.steps[0])
        rows.append(one)
        console.say(
            log,
            f"{one.scenario:<16}promoted {one.promoted:.0%}, rolled back {one.rolled_back:.1%} "
            f"({one.rolled_back_low:.1%} to {one.rolled_back_high:.1%}), stopped before the second share "
            f"{one.stopped_early:.1%}, {one.hours_p50:.0f} h",
        )
    if as_json:
        console.emit_json("rollout", {"rounds": rounds, "scenarios": plain([dataclasses.asdict(one) for one in rows])})


def detect(users_per_day: float, share: float, hours: float, as_json: bool) -> None:
    import dataclasses

    from reference.sizing.ab_tests import detectable
    from workbook import console
    from workbook.errors import WorkbookError

    try:
        said = detectable(users_per_day, share, hours)
    except ValueError as error:
        raise WorkbookError(str(error), "see `workbook rollout detect --help`") from None
    if as_json:
        console.emit_json("rollout", {"detectable": dataclasses.asdict(said)})
        return
    log = console.stdout()
    for name, value in dataclasses.asdict(said).items():
        console.say(log, f"{name.replace('_', ' '):<22}{'nothing' if value is None else value}")


def export(folder: Path, model: str, policy: Path | None, as_json: bool) -> None:
    from reference.serving.rollout.delivery import export as write
    from workbook import console
    from workbook.rollout.common import read_policy

    made = write(folder, model, read_policy(policy))
    if as_json:
        console.emit_json("rollout", {"files": {name: str(path) for name, path in made.items()}})
    else:
        for path in made.values():
            console.say(console.stdout(), str(path))
