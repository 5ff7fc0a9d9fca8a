"""workbook plan: the cheapest fleets that meet a set of requirements, each proven by its own simulation."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from workbook.commands import Json


def command(
    file: Annotated[str | None, typer.Option("--file", help="TOML file; options replace its fields.")] = None,
    example: Annotated[bool, typer.Option("--example", help="Print such a file with every default.")] = False,
    users: Annotated[float | None, typer.Option("--users", help="Daily users [1e6].")] = None,
    messages: Annotated[float | None, typer.Option("--messages", help="Messages of a user and day [10].")] = None,
    prompt: Annotated[float | None, typer.Option("--prompt", help="Mean prompt, tokens [1155].")] = None,
    prompt_p99: Annotated[float | None, typer.Option("--prompt-p99", help="99th percentile of it.")] = None,
    output: Annotated[float | None, typer.Option("--output", help="Mean answer, tokens [211].")] = None,
    output_p99: Annotated[float | None, typer.Option("--output-p99", help="99th percentile of it.")] = None,
    prefix: Annotated[int | None, typer.Option("--prefix", help="Tokens that all prompts share [500].")] = None,
    turns: Annotated[int | None, typer.Option("--turns", help="Requests of a session [1].")] = None,
    ttft: Annotated[float | None, typer.Option("--ttft", help="Target of the first token, ms [500].")] = None,
    ttft_percentile: Annotated[float | None, typer.Option("--ttft-percentile", help="It holds at this [95].")] = None,
    tpot: Annotated[float | None, typer.Option("--tpot", help="Target of every further token, ms [100].")] = None,
    tpot_percentile: Annotated[float | None, typer.Option("--tpot-percentile", help="It holds at this [95].")] = None,
    budget: Annotated[float | None, typer.Option("--budget", help="Dollars a month.")] = None,
    model: Annotated[str | None, typer.Option("--model", help="Key of shapes.toml [llama-3.1-70b].")] = None,
    gpu: Annotated[list[str] | None, typer.Option("--gpu", help="Allowed kind; may be repeated [all].")] = None,
    dtype: Annotated[list[str] | None, typer.Option("--dtype", help="Allowed weights; repeat [bf16, fp8].")] = None,
    price: Annotated[
        list[str] | None, typer.Option("--price", help="Dollars of a GPU and hour; repeat.", metavar="GPU=USD")
    ] = None,
    survive: Annotated[str | None, typer.Option("--survive", help="replica, zone or nothing [zone].")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Fewer and shorter simulations.")] = False,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of every draw.")] = 0,
    everything: Annotated[bool, typer.Option("--all", help="Show every design that is out.")] = False,
    html: Annotated[str | None, typer.Option("--html", help="Write a page without scripts here.")] = None,
    export: Annotated[str | None, typer.Option("--export", help="Write manifests into this folder.")] = None,
    design: Annotated[int, typer.Option("--design", min=1, help="Number of the row to export.")] = 1,
    name: Annotated[str | None, typer.Option("--name", help="Name of the exported objects.")] = None,
    keda: Annotated[bool, typer.Option("--keda", help="Export a KEDA ScaledObject in place of an HPA.")] = False,
    json: Json = False,
) -> None:
    """Plan a fleet: GPUs, replicas and dollars for a million users, or for yours.

    Every design is sized by simulating its peak with what may be gone missing; one that fails its own simulation is
    listed with the numbers it failed by and never recommended.

    Exit code 1 if nothing is feasible; the nearest miss is named.
    """
    from workbook import console
    from workbook.errors import FAILED
    from workbook.plan.asking import requirements_of

    if example:
        from reference.sizing.fleet.plan.from_toml import example as text

        print(text(), end="")
        return
    options: dict[str, Any] = {
        "users": users, "messages_per_user": messages, "prompt_mean": prompt, "prompt_p99": prompt_p99,
        "output_mean": output, "output_p99": output_p99, "shared_prefix": prefix, "turns": turns, "ttft_ms": ttft,
        "ttft_percentile": ttft_percentile, "tpot_ms": tpot, "tpot_percentile": tpot_percentile, "budget_usd": budget,
        "model": model, "gpus": tuple(gpu or ()), "dtypes": tuple(dtype or ()), "survive": survive,
    }  # fmt: skip
    wanted = requirements_of(file, options, price or ())

    from reference.sizing.fleet.plan.make import plan
    from reference.sizing.fleet.plan.size import FULL, QUICK

    errors = console.stderr()
    made = plan(
        wanted,
        effort=QUICK if quick else FULL,
        seed=seed,
        tell=None if json else lambda line: console.say(errors, line),
    )
    exported = _export(wanted, made, export, design, name, keda) if export and _choice(made, design) else {}
    if html:
        from workbook.plan.page import page

        _write(html, page(made))
    if json:
        from workbook.plan.as_json import fields_of

        console.emit_json("plan", fields_of(made, exported))
    else:
        from workbook.plan.terminal import show

        out = console.stdout()
        show(out, made, everything)
        for path in [*exported.values(), *([html] if html else [])]:
            console.say(out, f"written: {path}")
        if export and not exported:
            console.say(out, "Nothing was exported: there is no feasible design.")
    if made.recommended is None:
        raise typer.Exit(FAILED)


def _choice(made: Any, design: int) -> bool:
    """Whether there is something to export; a wrong number is an error only where there is a right one."""
    over = design <= len(made.rows) and made.rows[design - 1].status == "over budget"
    return made.recommended is not None or over


def _export(wanted: Any, made: Any, folder: str, design: int, name: str | None, keda: bool) -> dict[str, str]:
    from reference.serving.deploy import DeployError, deployed, export
    from workbook.errors import UsageError

    if design > len(made.rows):
        raise UsageError(f"--design {design}: the plan has {len(made.rows)} rows", "name one of the table")
    try:
        spec = deployed(wanted, made.rows[design - 1], name=name, scaler="keda" if keda else "hpa")
        return {file: str(path) for file, path in export(folder, spec).items()}
    except DeployError as error:
        raise UsageError(str(error)) from None


def _write(target: str, text: str) -> None:
    """All of it or nothing."""
    import os
    import tempfile
    from pathlib import Path

    from workbook.errors import UsageError

    path = Path(target)
    if path.is_dir() or not path.absolute().parent.is_dir():
        raise UsageError(f"{target} cannot be written", "name a file in a folder that exists")
    with tempfile.TemporaryDirectory(dir=path.absolute().parent, prefix=".plan-") as folder:
        whole = Path(folder) / "page.html"
        whole.write_text(text, encoding="utf-8")
        os.replace(whole, path)
