"""The subcommands around a running rollout: start, watch, status, by hand, audit."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from reference.serving.rollout.control.controller import Controller
    from reference.serving.rollout.types import RolloutState


def _controller(rollout: str, model: str) -> Controller:
    from reference.serving.rollout.control.controller import Controller
    from workbook.rollout.common import named_engine, registry, stores

    store, outcomes = stores()
    return Controller(rollout, store, outcomes, registry(model, store), named_engine())


def _show(state: RolloutState, as_json: bool, **more: Any) -> None:
    from workbook import console
    from workbook.rollout.common import plain

    if as_json:
        console.emit_json("rollout", {"rollout": plain(state), **more})
        return
    pending = f"; {state.pending} still to do" if state.pending else ""
    console.say(
        console.stdout(),
        f"{state.rollout_id}: {state.model} {state.baseline} -> {state.candidate}  {state.phase}  "
        f"{state.share:.0%}  {state.reason}{pending}",
    )


def _find(rollout: str | None, model: str) -> RolloutState:
    from reference.serving.rollout.types import RolloutError
    from workbook.rollout.common import stores

    store = stores()[0]
    found = store.load(rollout) if rollout else None
    state = found[0] if found else store.active(model) if not rollout else None
    if state is None:
        raise RolloutError(f"{rollout or model}: no such rollout; `workbook rollout start` makes one")
    return state


def start(rollout: str, candidate: str, model: str, policy: Path | None, as_json: bool) -> None:
    from workbook.rollout.common import read_policy

    chosen = read_policy(policy)
    controller = _controller(rollout, model)
    try:
        _show(controller.start(model, candidate, chosen), as_json)
    finally:
        controller.release()


def watch(rollout: str | None, model: str, every: float, looks: int, as_json: bool) -> None:
    from reference.serving.rollout.types import Phase
    from workbook import console
    from workbook.errors import FAILED

    state = _find(rollout, model)
    controller, log, said, done = _controller(state.rollout_id, state.model), console.stderr(), "", 0
    try:
        while True:
            controller.tick()
            state = _find(state.rollout_id, model)
            if (line := f"{state.phase} {state.share:.0%}: {controller.reason}") != said:
                said = line
                console.say(log, f"{time.strftime('%H:%M:%S')}  {line}")
            done += 1
            if (state.over and not state.pending) or done == looks:
                break
            time.sleep(every)
    finally:
        controller.release()
    _show(state, as_json, looks=done)
    if state.over and state.phase is not Phase.FINISHED:
        raise typer.Exit(FAILED)


def follow(model: str, every: float, looks: int) -> None:
    """A service: works on whichever rollout of the model runs, and waits where none does."""
    from workbook import console
    from workbook.rollout.common import stores

    store, log = stores()[0], console.stderr()
    controller: Controller | None = None
    said, done = "", 0
    try:
        while True:
            state = store.active(model)
            if state and (not state.over or state.pending):
                if controller is None or controller.rollout_id != state.rollout_id:
                    controller = _controller(state.rollout_id, model)
                controller.tick()
                line = f"{state.rollout_id}: {state.phase} {state.share:.0%}: {controller.reason}"
            else:
                line = f"{model}: no rollout runs"
            if line != said:
                said = line
                console.say(log, f"{time.strftime('%H:%M:%S')}  {line}")
            done += 1
            if done == looks:
                break
            time.sleep(every)
    finally:
        if controller:
            controller.release()


def status(rollout: str | None, model: str, as_json: bool) -> None:
    _show(_find(rollout, model), as_json)


def by_hand(name: str, rollout: str, reason: str, as_json: bool) -> None:
    controller = _controller(rollout, _find(rollout, "").model)
    command = {"rollback": controller.roll_back}.get(name) or getattr(controller, name)
    _show(command(reason), as_json)


def audit(rollout: str, as_json: bool) -> None:
    from reference.serving.rollout.control.store import verify
    from workbook import console
    from workbook.errors import FAILED
    from workbook.rollout.common import stores

    _find(rollout, "")
    store = stores()[0]
    entries = store.audit(rollout)
    fault = verify(entries, store.head(rollout))
    if as_json:
        console.emit_json("rollout", {"audit": entries, "fault": fault, "head": store.head(rollout)})
    else:
        log = console.stdout()
        for one in entries:
            at = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(one["at"]))
            said = one["evidence"].get("decision", "")
            console.say(log, f"{at}  {one['state']['share']:4.0%}  {said:<10}{one['state']['reason']}")
        console.say(log, fault or f"the log is whole; its last hash is {store.head(rollout)}")
    if fault:
        raise typer.Exit(FAILED)
