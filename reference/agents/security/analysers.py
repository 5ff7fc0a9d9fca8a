"""bandit and ruff's S rules on copies of the changed files, mapped to rules of ours; the change cannot silence them."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator, Mapping

from reference.agents.tools.isolation import installed_script, python_module, run_isolated

from .fault import Fault

# Only what is worth a comment. Left out on purpose: asserts, subprocess without shell, imports, try/except/pass, bind
# to all interfaces, hard-coded passwords (secrets.py knows more), SQL (sinks.py follows values), random in general
# (sinks.py looks at what it makes).
_BANDIT: Mapping[str, str] = {
    "B102": "dynamic-code", "B103": "loose-permissions", "B201": "debug-server", "B202": "archive-extraction",
    "B301": "unsafe-deserialisation", "B302": "unsafe-deserialisation", "B303": "weak-hash", "B304": "weak-cipher",
    "B305": "weak-cipher", "B306": "temporary-file", "B307": "dynamic-code", "B308": "cross-site-scripting",
    "B314": "unsafe-xml", "B318": "unsafe-xml", "B319": "unsafe-xml", "B320": "unsafe-xml", "B323": "tls-unchecked",
    "B324": "weak-hash", "B501": "tls-unchecked", "B502": "tls-unchecked", "B506": "unsafe-deserialisation",
    "B602": "shell-command", "B605": "shell-command", "B614": "unsafe-deserialisation",
    "B701": "cross-site-scripting", "B703": "cross-site-scripting",
}  # fmt: skip
_RUFF: Mapping[str, str] = {
    "S102": "dynamic-code", "S103": "loose-permissions", "S201": "debug-server", "S202": "archive-extraction",
    "S301": "unsafe-deserialisation", "S302": "unsafe-deserialisation", "S304": "weak-cipher", "S305": "weak-cipher",
    "S306": "temporary-file", "S307": "dynamic-code", "S323": "tls-unchecked", "S324": "weak-hash",
    "S501": "tls-unchecked", "S502": "tls-unchecked", "S506": "unsafe-deserialisation",
}  # fmt: skip
_SETTINGS = "skips: []\ntests: [" + ", ".join(sorted(_BANDIT)) + "]\n"
_CONFIDENCE = {"HIGH": 0.75, "MEDIUM": 0.6, "LOW": 0.3}


def bandit(files: Mapping[str, str], timeout_s: float) -> dict[str, list[Fault]]:
    """path -> faults. Raises ToolFailed."""
    done = run_isolated(
        "bandit",
        [*python_module("bandit"), "-f", "json", "-q", "--ignore-nosec", "-c", "{folder}/ours.yaml", "{files}"],
        files, timeout_s=timeout_s, extra={"ours.yaml": _SETTINGS},
    )  # fmt: skip
    found: dict[str, list[Fault]] = {}
    for one in json.loads(done.stdout or "{}").get("results", []):
        rule = _BANDIT.get(one["test_id"])
        path = done.names.get(one["filename"].removeprefix("./"))
        sure = _CONFIDENCE.get(one["issue_confidence"], 0.3)
        if rule is None or path is None:
            continue
        if rule == "shell-command" and one["issue_severity"] == "LOW":
            continue  # a constant command
        line = int(one["line_number"])
        lines = [int(n) for n in one.get("line_range") or [line]]
        fault = _fault(rule, line, max(lines), f"bandit {one['test_id']}", sure, files[path])
        if fault is not None:
            found.setdefault(path, []).append(fault)
    return found


def ruff(files: Mapping[str, str], timeout_s: float) -> dict[str, list[Fault]]:
    """path -> faults. Raises ToolFailed."""
    done = run_isolated(
        "ruff",
        [installed_script("ruff"), "check", "--isolated", "--no-cache", "--ignore-noqa", "--output-format", "json",
         "--select", ",".join(sorted(_RUFF)), "{files}"],
        files, timeout_s=timeout_s,
    )  # fmt: skip
    found: dict[str, list[Fault]] = {}
    for one in json.loads(done.stdout or "[]"):
        rule = _RUFF.get(one["code"] or "")
        path = done.names.get(one["filename"].rsplit("/", 1)[-1])
        if rule is None or path is None:
            continue
        first, last = one["location"]["row"], one["end_location"]["row"]
        fault = _fault(rule, first, last, f"ruff {one['code']}", 0.6, files[path])
        if fault is not None:
            found.setdefault(path, []).append(fault)
    return found


def _fault(rule: str, line: int, end: int, tool: str, confidence: float, text: str) -> Fault | None:
    lines = text.split("\n")
    code = lines[line - 1].strip() if 0 < line <= len(lines) else ""
    if rule == "weak-hash" and "usedforsecurity" in "".join(lines[line - 1 : end]):
        return None
    if rule == "archive-extraction" and "filter=" in "".join(lines[line - 1 : end]):
        return None
    return Fault(rule, line, max(line, end), {"sink": next(_calls(code), code[:40] or "this line")}, tool, confidence)


def _calls(code: str) -> Iterator[str]:
    """Names of the calls in one line of code, first the outermost; nothing where it is no whole statement."""
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield f"{ast.unparse(node.func)[:50]}()"
