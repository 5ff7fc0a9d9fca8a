"""workbook calibrate: measure an engine, so that its load can be predicted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbook.commands import Json

if TYPE_CHECKING:
    from reference.sizing.engine_model.record import CalibrationRecord


def command(
    quick: Annotated[bool, typer.Option("--quick", help="About a minute, few points: to see that it runs.")] = False,
    url: Annotated[
        str | None, typer.Option("--url", help="A vLLM server on this machine (default: the shared engine).")
    ] = None,
    model: Annotated[str | None, typer.Option("--model", help="Name of the model that the server lists.")] = None,
    max_num_seqs: Annotated[
        int | None, typer.Option("--max-num-seqs", min=1, help="With --url: what the server was started with.")
    ] = None,
    max_num_batched_tokens: Annotated[
        int | None, typer.Option("--max-num-batched-tokens", min=1, help="With --url: the same, tokens of a step.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Folder of the record (default: of the checkout, else the user's data folder)."),
    ] = None,
    key: Annotated[str | None, typer.Option("--key", help="File name without .json (default: machine, model).")] = None,
    shape: Annotated[
        str | None, typer.Option("--shape", help="Start an engine of this shape with random weights, llama-3.1-8b e.g.")
    ] = None,
    dtype: Annotated[str, typer.Option("--dtype", help="Weights of --shape: bf16, or fp8 on a GPU.")] = "bf16",
    speculation: Annotated[
        str | None, typer.Option("--speculation", help="With --shape: ngram, measured beside the engine without it.")
    ] = None,
    json: Json = False,
) -> None:
    """Measure step times, prompts and loads of an engine, and write the record that predictions are fitted to.

    Full: about 10 minutes on two cores. The machine should do nothing else meanwhile; the record says how busy it was.
    Nothing is written if the engine dies on the way.
    """
    from reference.serving.calibration import FULL, GPU, QUICK, ensure_writable
    from reference.serving.engine.spec import gpu_count
    from workbook import console
    from workbook.errors import UsageError

    if shape and (url or model):
        raise UsageError("--shape starts an engine of its own", "leave out --url and --model")
    if (speculation or dtype != "bf16") and not shape:
        raise UsageError("--dtype and --speculation belong to --shape", "name a shape, or leave them out")
    if (model or max_num_seqs or max_num_batched_tokens) and not url:
        raise UsageError(
            "--model, --max-num-seqs and --max-num-batched-tokens belong to --url",
            "set WORKBOOK_MODEL and WORKBOOK_ENGINE_ARGS for the shared engine",
        )
    folder = ensure_writable(out or default_folder())
    errors = console.stderr()

    def say(line: str) -> None:
        console.say(errors, line)

    profile = QUICK if quick else (GPU if gpu_count() else FULL)
    words = ["workbook calibrate", *(["--quick"] if quick else [])]
    words += [f"--{name} {value}" for name, value in (("url", url), ("model", model), ("shape", shape)) if value]
    given = {"--max-num-seqs": max_num_seqs, "--max-num-batched-tokens": max_num_batched_tokens}
    arguments = [str(word) for name, value in given.items() if value for word in (name, value)]
    words += [*arguments, *([f"--dtype {dtype}"] if shape else [])]
    words += [f"--speculation {speculation}"] if speculation else []
    if shape:
        from reference.serving.calibration import calibrate_shape

        record = calibrate_shape(
            _shape(shape), profile, dtype=dtype, speculation=speculation, key=key, command=" ".join(words), say=say
        )
    else:
        record = _calibrate_running(url, model, profile, key, " ".join(words), say, arguments if url else None)
    path = record.save(folder)
    if json:
        console.emit_json("calibrate", {"path": str(path), "record": record.model_dump(mode="json", exclude_none=True)})
        return
    show(record)
    out_lines = console.stdout()
    console.say(out_lines, f"\nrecord written to {path}")
    console.say(out_lines, _how_to_add(record, path))


def default_folder() -> Path:
    """The measurements of the checkout that this package lies in; without one, the user's data folder."""
    from reference.sizing.engine_model.record import FOLDER

    root = FOLDER.parents[2]
    if (root / "pyproject.toml").is_file() and (root / ".git").exists():
        return FOLDER
    import platformdirs

    return Path(platformdirs.user_data_dir("ai-design-workbook")) / "measurements"


def _shape(name: str) -> Any:
    from reference.sizing.shapes import BadShape, from_hf_config, shape, shape_keys
    from workbook.errors import UsageError

    if Path(name).is_dir() or name.endswith(".json"):
        try:
            return from_hf_config(name)
        except BadShape as error:
            raise UsageError(str(error), "give the folder of a Llama-like model") from None
    if name not in shape_keys():
        known = ", ".join(shape_keys())
        raise UsageError(f"no shape {name}", f"known: {known}; or the folder of a model's config.json")
    return shape(name)


def _calibrate_running(
    url: str | None, model: str | None, profile: Any, key: str | None, line: str, say: Any, arguments: list[str] | None
) -> CalibrationRecord:
    import os

    from reference.serving.calibration import calibrate
    from reference.serving.engine import shared_engine
    from reference.serving.models import chosen_model

    if url:
        os.environ["WORKBOOK_ENGINE_URL"] = url
        if model:
            os.environ["WORKBOOK_MODEL"] = model
    engine = shared_engine(say)
    folder = chosen_model().folder if engine.ours else None
    return calibrate(engine, profile, arguments=arguments, folder=folder, key=key, command=line, say=say)


def show(record: CalibrationRecord) -> None:
    """Tables for a person: steps, prompts, loads, and how far repetitions lie apart."""
    from rich.table import Table

    from workbook import console

    out = console.stdout()

    def table(title: str, columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
        made = Table(title=title, title_justify="left")
        for column in columns:
            made.add_column(column, justify="right")
        for row in rows:
            made.add_row(*row)
        out.print(made)

    def quartiles(ms: Any) -> str:
        return f"{ms.p25:.1f} - {ms.p75:.1f}"

    table(
        "Decode step",
        ("batch", "context", "ms", "quartiles", "n"),
        [
            (str(s.batch), str(s.context), f"{s.ms.median:.1f}", quartiles(s.ms), str(s.ms.n))
            for s in sorted(record.steps, key=lambda s: (s.context > 200, s.batch, s.context))
        ],
    )
    table(
        "First token of a lone prompt",
        ("tokens", "cached", "ms", "quartiles", "n"),
        [(str(p.prompt), str(p.cached), f"{p.ms.median:.1f}", quartiles(p.ms), str(p.ms.n)) for p in record.prefills],
    )
    table(
        "Load",
        ("users or requests/s", "in/out", "tokens/s", "requests/s", "TTFT p50 ms", "TPOT p50 ms", "void"),
        [
            (
                f"{p.concurrency} users" if p.concurrency else f"{p.rate:.2f}/s",
                f"{p.n_in}/{p.n_out}",
                f"{p.output_tok_s:.0f}",
                f"{p.request_s:.2f}",
                f"{p.ttft_p50_ms:.0f}",
                f"{p.tpot_p50_ms:.1f}",
                p.void or "",
            )
            for p in record.points
        ],
    )
    for line in summary(record):
        console.say(out, line)


def summary(record: CalibrationRecord) -> list[str]:
    """Saturation, what a cached prefix saves, spread, and how busy the machine was otherwise."""
    lines = [f"saturation: {record.conditions['saturation_request_s']} requests/s of the size of the load points"]
    fresh = {p.prompt: p.ms.median for p in record.prefills if not p.cached}
    for point in record.prefills:
        if point.cached and point.prompt in fresh:
            lines.append(
                f"prefix: {point.cached} of {point.prompt} tokens cached, first token after {point.ms.median:.0f} ms "
                f"instead of {fresh[point.prompt]:.0f} ms"
            )
    for row in record.speculation:
        lines.append(
            f"speculation ({row['method']}), {row['concurrency']} users: {row['output_tok_s']:.0f} tokens/s instead of "
            f"{row['plain_output_tok_s']:.0f}, {row['acceptance']:.0%} of the drafts accepted"
        )
    lines.append(f"spread: {record.spread}")
    before = record.conditions["load_average_before"]
    lines.append(f"load average before: {before}" + (", the machine was busy: measure again" if before > 0.7 else ""))
    return lines


def _how_to_add(record: CalibrationRecord, path: Path) -> str:
    inside = path.parent.name == "measurements" and path.parent == default_folder()
    copy = "" if inside else " copy it to reference/sizing/measurements/ of a checkout,"
    return (
        f"to add it for everybody:{copy} run `pytest tests/unit/sizing/engine_model`, and open a pull request with "
        f"{record.key}.json alone"
    )
