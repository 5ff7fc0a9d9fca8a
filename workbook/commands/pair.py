"""workbook pair: notebooks and their py:percent sources."""

from __future__ import annotations

from typing import Annotated

import typer

from workbook.commands import Json


def command(
    write: Annotated[bool, typer.Option("--write/--check", help="Write the .ipynb files, or only compare.")] = False,
    json: Json = False,
) -> None:
    """Compare every notebook with its .py source (--check), or write the .ipynb anew from it (--write)."""
    from workbook import console, pairing, paths
    from workbook.errors import FAILED
    from workbook.quick import skip_slow_format_check

    skip_slow_format_check()
    out = console.stdout()
    sources = pairing.pairs(paths.notebooks_dir())
    if write:
        written = [source.with_suffix(".ipynb").name for source in sources if pairing.write(source)]
        differences = []
    else:
        written = []
        differences = [found for source in sources if (found := pairing.check(source))]
    if json:
        rows = [{"name": d.name, "cell": d.cell, "what": d.what} for d in differences]
        console.emit_json("pair", {"pairs": len(sources), "written": written, "differences": rows})
    else:
        for line in differences:
            console.say(out, str(line))
        if write:
            console.say(out, f"{len(sources)} pairs, written: {', '.join(written) or 'none, all were equal'}")
        elif differences:
            console.say(out, "the .py is the source: `workbook pair --write` writes the .ipynb from it")
        else:
            console.say(out, f"{len(sources)} pairs agree")
    if differences:
        raise typer.Exit(FAILED)
