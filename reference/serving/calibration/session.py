"""One calibration: facts, client, then rounds of steps, prompts and loads, and the record of it all."""

from __future__ import annotations

import datetime as dt
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reference.serving.calibration import facts
from reference.serving.calibration.errors import CalibrationError
from reference.serving.calibration.loads import closed_point, open_point
from reference.serving.calibration.probes import (
    Target,
    cached_prompts,
    decode_steps,
    in_rotation,
    lone_prompts,
)
from reference.serving.calibration.profiles import FULL, Profile
from reference.serving.calibration.samples import Samples
from reference.serving.load import calibrate_client, provenance
from reference.serving.load.calibration import ClientCalibration
from reference.serving.load.generator import LoadGenerator, LoadGeneratorError
from reference.sizing.engine_model.record import CalibrationRecord, Limits, LoadPoint

if TYPE_CHECKING:
    from reference.serving.engine import Engine

Say = Callable[[str], None]


def calibrate(
    engine: Engine,
    profile: Profile = FULL,
    *,
    limits: Limits | None = None,
    arguments: Sequence[str] | None = None,
    model: str | None = None,
    folder: Path | None = None,
    key: str | None = None,
    weight_dtype: str = "bf16",
    weights: str = "trained",
    command: str = "workbook calibrate",
    roofs: bool = True,
    generator: LoadGenerator | None = None,
    seed: int = 0,
    say: Say = print,
) -> CalibrationRecord:
    """Measure `engine` and return the record; nothing is written. Minutes: see `profiles`.

    engine: anything with base_url, api_key and model; root_url and a vLLM server behind it unless `limits` are given.
    arguments: what the server was started with, where it is not the shared engine: it does not say it itself.
    model: key in shapes.toml, found by the model's `folder` or name if left out. key: name of the record.
    Raises CalibrationError with what to do, also when the engine dies on the way: there is no half of a record.
    """
    begun, load_before, ticks = time.monotonic(), os.getloadavg()[0], _cpu_ticks()
    machine = provenance.machine()
    if limits is None:
        limits, origin = facts.limits_of(engine, arguments)
    else:
        origin = dict.fromkeys(Limits.model_fields, "given by the caller")
    profile = profile.within(limits)
    target = Target(engine.base_url, engine.model, engine.api_key, generator)
    measured = {}
    if roofs:
        say("roofs of this machine ...")
        measured = facts.roofs_of_this_machine()
    try:
        clients = [_client(profile, generator, say)]

        def again() -> ClientCalibration:
            clients.append(_client(profile, generator, say))
            return clients[-1]

        samples, idle = Samples(), os.getloadavg()[0]
        say("warm-up ...")
        target.replay(concurrency=2, prompt_tokens=32, output_tokens=8, requests=6)
        for number in range(profile.rounds):
            _round(target, profile, samples, number, seed, clients[-1], again, say)
    except LoadGeneratorError as error:
        raise CalibrationError(f"the load generator failed, nothing was recorded: {error}") from error
    found = model or facts.model_key(engine.model, folder)
    saturation = samples.saturation(profile.n_in, profile.n_out)
    served = _server_version(engine)
    conditions: dict[str, Any] = {
        "profile": profile.name,
        "rounds": profile.rounds,
        "load_average_before": round(load_before, 2),
        "load_average_at_first_round": round(idle, 2),
        "cpu_steal_share": _steal_share(ticks),
        "seconds": round(time.monotonic() - begun, 1),
        "saturation_request_s": float(f"{saturation:.4g}"),
        "limits_from": origin,
        "client_error_ms": _client_errors(clients[-1]),
        "client_calibrations": len(clients),
        "roofs_spread": measured.pop("spread", "not measured"),
        "client": f"vllm bench serve {provenance.versions(('vllm',)).get('vllm', '?')}, on the same machine",
        "prompts": "random tokens, new in every request",
        "seed": seed,
    }
    return CalibrationRecord(
        key=key or facts.record_key(machine, found, weight_dtype),
        machine=provenance.describe(machine),
        hardware=facts.hardware_key(machine),
        gpus=max(1, len(machine["gpus"])),
        engine=f"vllm {served}" if served else "unknown",
        model=found,
        weight_dtype=weight_dtype,
        weights=weights,  # type: ignore[arg-type]  # checked by the record
        versions=provenance.versions() | ({"server": served} if served else {}),
        command=command,
        date=dt.datetime.now(dt.UTC).date(),
        conditions=conditions,
        start_up_s=getattr(engine, "ready_after_s", None),
        limits=limits,
        steps=samples.step_points(),
        prefills=samples.prefill_points(),
        points=samples.points,
        spread=samples.spread(),
        **measured,
    )


def _client(profile: Profile, generator: LoadGenerator | None, say: Say) -> ClientCalibration:
    say("the client against a stub of known latency (the first start of the client takes about 20 s) ...")
    return calibrate_client(
        list(profile.client),
        prompt_tokens=profile.n_in,
        output_tokens=16,
        requests=None if profile.rounds > 1 else 24,
        generator=generator,
    )


def _round(
    target: Target,
    profile: Profile,
    samples: Samples,
    number: int,
    seed: int,
    client: ClientCalibration,
    again: Callable[[], ClientCalibration],
    say: Say,
) -> None:
    """Everything once, into `samples`.

    Where every closed loop is void, something may have held the client up just while it was calibrated: it is
    calibrated once more (`again`) and the loops are sent once more. The void points stay in the record.
    """
    name, base = f"round {number + 1} of {profile.rounds}", 1000 * (seed + 1) + 100 * number
    say(f"{name}: decode steps ...")
    # Prompts short enough that a batch of them is read in few steps.
    for batch, prompt in in_rotation([*((b, 16) for b in profile.batches), *profile.contexts], number):
        gaps, context = decode_steps(target, batch, prompt, profile.step_tokens)
        if gaps:
            samples.steps[(batch, prompt)].append((context, gaps))
    say(f"{name}: lone prompts, fresh and cached ...")
    for length, times in lone_prompts(target, profile.prompts, profile.trials, base).items():
        samples.prefills[(length, 0)].append(times)
    for shared in in_rotation(profile.shared, number):
        cold, warm = cached_prompts(target, shared, profile.trials)
        samples.prefills[(shared + 16, 0)].append(cold)
        samples.prefills[(shared + 16, shared)].append(warm)
    size: dict[str, Any] = {"spread": profile.output_spread, "client": client}

    def closed_loops(seed: int) -> None:
        for place, concurrency in in_rotation(list(enumerate(profile.concurrencies)), number):
            requests = max(8, round(profile.waves * concurrency))
            point = closed_point(
                target, concurrency, profile.n_in, profile.n_out, requests=requests, seed=seed + place, **size
            )
            samples.points.append(point)
            say(f"{name}: {_shown(point)}")

    closed_loops(base)
    if reason := samples.why_void(profile.n_in, profile.n_out):
        say(f"{name}: every closed loop is void ({reason}); the client is calibrated again and they are sent again")
        size["client"] = again()
        closed_loops(base + 80)
    for place, (concurrency, n_in, n_out) in enumerate(in_rotation(profile.others, number)):
        requests = max(8, round(profile.waves * concurrency))
        point = closed_point(target, concurrency, n_in, n_out, requests=requests, seed=base + 30 + place, **size)
        samples.points.append(point)
        say(f"{name}: {_shown(point)}")
    top = samples.saturation(profile.n_in, profile.n_out)
    for place, share in in_rotation(list(enumerate(profile.open_shares)), number):
        point = open_point(
            target, share * top, profile.n_in, profile.n_out, seconds=profile.open_s, seed=base + 60 + place, **size
        )
        samples.points.append(point)
        say(f"{name}: {_shown(point)}")


def _shown(point: LoadPoint) -> str:
    load = f"{point.concurrency} users" if point.concurrency else f"{point.rate:.2f} requests/s offered"
    void = f" (void: {point.void})" if point.void else ""
    return (
        f"{load}, {point.n_in}/{point.n_out} tokens: {point.output_tok_s:.0f} tokens/s, first token "
        f"{point.ttft_p50_ms:.0f} ms, per token {point.tpot_p50_ms:.1f} ms{void}"
    )


def _client_errors(client: ClientCalibration) -> dict[str, list[float]]:
    """In flight -> [error of TTFT, error of TPOT] in ms."""
    return {
        f"{p.in_flight:.0f}": [round(p.ttft_error_ms, 2), round(p.tpot_error_ms, 3)]
        for p in client.points
        if not p.void_reason
    }


def _server_version(engine: Engine) -> str | None:
    from reference.serving.load.runs import server_version

    try:
        return server_version(engine.base_url)
    except ValueError as error:
        raise CalibrationError(f"the engine is gone, nothing was recorded: {error}") from error


def _cpu_ticks() -> list[int]:
    """Counters of /proc/stat; empty where there is none."""
    try:
        return [int(word) for word in Path("/proc/stat").read_text("ascii").splitlines()[0].split()[1:9]]
    except (OSError, ValueError):
        return []


def _steal_share(before: list[int]) -> float | None:
    """Share of CPU time that the host gave to others since `before`; None where nothing says it."""
    passed: list[int] = [now - then for now, then in zip(_cpu_ticks(), before, strict=False)]
    total = float(sum(passed))
    return round(passed[7] / total, 4) if len(passed) == 8 and total else None
