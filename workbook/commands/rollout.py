"""workbook rollout: gates, canary, rollback and audit of model versions from the shell; one subcommand each."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from workbook.commands import Json

app = typer.Typer(no_args_is_help=True, help="Release a model version: gates, canary, rollback, audit.")

Model = Annotated[str, typer.Option("--model", help="Registered model.")]
Reason = Annotated[str, typer.Option("--reason", help="Stands in the audit log.")]
PolicyFile = Annotated[Path | None, typer.Option("--policy", help="JSON file, as `export` writes it.")]
MODEL = "intent-router"


@app.command()
def versions(
    model: Model = MODEL,
    register: Annotated[bool, typer.Option("--register", help="Register the shipped versions first.")] = False,
    production: Annotated[str | None, typer.Option("--production", help="Point this alias at a version.")] = None,
    json: Json = False,
) -> None:
    """Registered versions, their aliases, and which must stay deployable."""
    from workbook.rollout import registry_views

    registry_views.versions(model, register, production, json)


@app.command()
def gates(
    candidate: Annotated[str, typer.Argument(help="Version to judge: registered, or shipped as v1.1 is.")],
    model: Model = MODEL,
    adapter: Annotated[Path | None, typer.Option("--adapter", help="Folder of an adapter that is not shipped.")] = None,
    cases: Annotated[int, typer.Option("--cases", min=1, help="Test cases [640 there are].")] = 500,
    json: Json = False,
) -> None:
    """Judge a version before release: artefact, accuracy, regression, unsafe answers, latency, cost.

    Exit code 1 unless every gate passed; "not enough data" is no pass. Starts an engine (50 s) if none is named.
    """
    from workbook.rollout import running

    running.gates(candidate, model, adapter, cases, json)


@app.command()
def start(
    rollout: Annotated[str, typer.Argument(help="A new id.")],
    candidate: Annotated[str, typer.Argument(help="Registered version.")],
    model: Model = MODEL,
    policy: PolicyFile = None,
    json: Json = False,
) -> None:
    """Load the candidate and serve the first share; `watch` then goes on. Needs WORKBOOK_ROLLOUT_ENGINE_URL."""
    from workbook.rollout import control

    control.start(rollout, candidate, model, policy, json)


@app.command()
def watch(
    rollout: Annotated[str | None, typer.Argument(help="Id [default: the running one of the model].")] = None,
    model: Model = MODEL,
    every: Annotated[float, typer.Option("--every", min=0.1, help="Seconds between two looks.")] = 5.0,
    looks: Annotated[int, typer.Option("--looks", min=0, help="Stop after so many; 0: when it is over.")] = 0,
    follow: Annotated[bool, typer.Option("--follow", help="Never end: wait for the model's next rollout.")] = False,
    json: Json = False,
) -> None:
    """The controller: looks, decides, promotes or rolls back. Run it twice: the lease lets one of them work.

    Exit code 1 if the rollout ended without a winner.
    """
    from workbook.rollout import control

    if follow:
        control.follow(model, every, looks)
    else:
        control.watch(rollout, model, every, looks, json)


@app.command()
def status(
    rollout: Annotated[str | None, typer.Argument(help="Id [default: the last one of the model].")] = None,
    model: Model = MODEL,
    json: Json = False,
) -> None:
    """Phase, share and the reason for both."""
    from workbook.rollout import control

    control.status(rollout, model, json)


def _by_hand(name: str, text: str) -> None:
    def command(
        rollout: Annotated[str, typer.Argument(help="Id.")], reason: Reason = "by hand", json: Json = False
    ) -> None:
        from workbook.rollout import control

        control.by_hand(name, rollout, reason, json)

    command.__doc__ = text
    app.command(name=name)(command)


_by_hand("rollback", "Everybody back to the baseline, now, whoever holds the lease.")
_by_hand("abort", "End without a verdict; users go back to the baseline.")
_by_hand("pause", "Nothing moves until `resume`; harm still rolls back.")
_by_hand("resume", "Go on after a pause, which does not count as bake time.")
_by_hand("promote", "To the next share, or to the end: a person's decision where the statistics have none.")


@app.command()
def audit(rollout: Annotated[str, typer.Argument(help="Id.")], json: Json = False) -> None:
    """Every decision with its evidence; exit code 1 if the chain of hashes is broken."""
    from workbook.rollout import control

    control.audit(rollout, json)


@app.command()
def drill(
    candidate: Annotated[str, typer.Argument(help="Shipped version, such as v1.1 or v1.2-unsafe.")],
    production: Annotated[str, typer.Option("--production", help="What serves before.")] = "v1.0",
    users: Annotated[int, typer.Option("--users", min=1, help="Concurrent users.")] = 8,
    out: Annotated[Path | None, typer.Option("--out", help="Write every request and decision here (JSON).")] = None,
    json: Json = False,
) -> None:
    """A whole rollout in minutes, under load, on an engine of its own; exit code 1 if a request failed."""
    from workbook.rollout import running

    running.drill(candidate, production, users, out, json)


@app.command()
def simulate(
    rounds: Annotated[int, typer.Option("--rounds", min=1, help="Rollouts for each scenario.")] = 100,
    users_per_s: Annotated[float, typer.Option("--users-per-s", min=0.01, help="Traffic over both versions.")] = 5.0,
    policy: PolicyFile = None,
    json: Json = False,
) -> None:
    """How often your policy stops a harmless release, and how early a harmful one; no engine is needed."""
    from workbook.rollout import planning

    planning.simulate(rounds, users_per_s, policy, json)


@app.command()
def detect(
    users_per_day: Annotated[float, typer.Argument(help="Distinct users a day.", min=0)],
    share: Annotated[float, typer.Option("--share", help="On the candidate.")] = 0.05,
    hours: Annotated[float, typer.Option("--hours", help="Duration.")] = 24.0,
    json: Json = False,
) -> None:
    """What a share for some hours can and cannot find at your traffic."""
    from workbook.rollout import planning

    planning.detect(users_per_day, share, hours, json)


@app.command()
def export(
    folder: Annotated[Path, typer.Argument(help="Where the files go.")],
    model: Model = MODEL,
    policy: PolicyFile = None,
    json: Json = False,
) -> None:
    """A GitHub workflow, Argo Rollouts and Kubernetes manifests of one policy."""
    from workbook.rollout import planning

    planning.export(folder, model, policy, json)


@app.command()
def engine() -> None:
    """An engine with hot-loaded adapters in the foreground; prints the address and key that other commands need."""
    from workbook.rollout import running

    running.engine()
