"""Real changes with a part left out: their tests, a docstring, or the docstring's knowledge of a new parameter."""

from __future__ import annotations

import ast
import difflib
import random
import re
from collections.abc import Mapping, Sequence

from reference.agents.types import Agent

from .cases import TRIES, Case, Expected, Place, built, is_test, source_modules, spliced
from .releases import Release

TESTS = frozenset({Agent.TESTS})
DOCS = frozenset({Agent.DOCUMENTATION})
_Function = ast.FunctionDef | ast.AsyncFunctionDef


def changed_places(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[Place, ...]:
    """Functions of source files in which the change touches a line of code (no comment, no docstring)."""
    places = []
    for path in sorted(after):
        old, new = before.get(path), after[path]
        if (
            old is None
            or old == new
            or not path.endswith(".py")
            or is_test(path)
            or path.startswith(("docs/", "setup"))
        ):
            continue
        try:
            old_functions, new_functions = _code_of(old), _code_of(new)
        except (SyntaxError, ValueError):
            continue
        for name, (dump, first, last) in new_functions.items():
            if (name in old_functions and old_functions[name][0] != dump) or name not in old_functions:
                places.append(Place(path, first, last))
    return tuple(places)


def _code_of(text: str) -> dict[str, tuple[str, int, int]]:
    found: dict[str, tuple[str, int, int]] = {}

    def walk(node: ast.AST, prefix: str) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, _Function):
                body = child.body[1:] if ast.get_docstring(child) is not None else child.body
                dump = "".join(ast.dump(one) for one in body) + ast.dump(child.args)
                found[prefix + child.name] = (dump, child.lineno, int(child.end_lineno or child.lineno))
            elif isinstance(child, ast.ClassDef):
                walk(child, f"{prefix}{child.name}.")

    walk(ast.parse(text), "")
    return found


def untested_cases(releases: Sequence[Release], count: int, seed: int = 0) -> list[Case]:
    """Releases that change functions and tests: with the tests as they were before (faulty) and whole (twin).

    Remarks on the faulty one may stand at any function that changes, and at several.
    """
    cases: list[Case] = []
    for release in releases:
        tests = [path for path in release.changed() if is_test(path)]
        new_tests = [p for p in release.after if is_test(p) and p.endswith(".py") and p not in release.before]
        places = changed_places(release.before, release.after)
        if not places or not (tests or new_tests) or len(cases) >= 2 * count:
            continue
        stripped = {path: text for path, text in release.after.items() if path not in new_tests}
        stripped |= {path: release.before[path] for path in tests}
        number = len(cases) // 2
        for faulty in (True, False):
            cases.append(
                Case(
                    f"tests-{number:03d}-{'fault' if faulty else 'twin'}", release.repository, "tests",
                    built(release, stripped if faulty else release.after, f"Release {release.pair.new}"),
                    (Expected(places, TESTS, many=True),) if faulty else (), seed, (), release.pair.id,
                )
            )  # fmt: skip
    return cases


def documentation_cases(releases: Sequence[Release], count: int, seed: int = 0) -> list[Case]:
    """In turn: a documented public function arrives without its docstring; a documented parameter is renamed in the
    signature only; a parameter is added below a docstring that lists them all. Twins keep the docstring right."""
    cases: list[Case] = []
    for number in range(TRIES * count):
        if len(cases) == 2 * count:
            break
        release, rng = releases[number % len(releases)], random.Random(f"documentation/{seed}/{number}")
        way = number % 3
        made = _new_function(release, rng) if way == 0 else _new_signature(release, rng, rename=way == 1)
        made = made or _new_function(release, rng)
        if made is None:
            continue
        path, bad, good, bad_place, good_place, detail = made
        for text, place, faulty in ((bad, bad_place, True), (good, good_place, False)):
            cases.append(
                Case(
                    f"documentation-{number:03d}-{'fault' if faulty else 'twin'}", release.repository, "documentation",
                    built(release, {**release.after, path: text}, f"Release {release.pair.new}"),
                    (Expected((place,), DOCS),) if faulty else (), seed, (place,), detail,
                )
            )  # fmt: skip
    return cases


_Made = tuple[str, str, str, Place, Place, str]


def _new_function(release: Release, rng: random.Random) -> _Made | None:
    """A documented public function of one module, copied into another under a new name."""
    modules = source_modules(release)
    rng.shuffle(modules)
    for source in modules:
        text = release.after[source]
        for node in ast.parse(text).body:
            if not isinstance(node, ast.FunctionDef) or node.name.startswith("_") or node.decorator_list:
                continue
            docstring = ast.get_docstring(node)
            if (
                not docstring
                or len(node.body) < 3
                or node.returns is not None
                or int(node.end_lineno or 0) - node.lineno > 40
            ):
                continue
            lines = text.splitlines()[node.lineno - 1 : node.end_lineno]
            lines[0] = lines[0].replace(f"def {node.name}", f"def {node.name}_again", 1)
            first, last = node.body[0].lineno - node.lineno, int(node.body[0].end_lineno or 0) - node.lineno
            bare = lines[:first] + lines[last + 1 :]
            target = source
            state = rng.getstate()
            bad, bad_span, _ = spliced(release.after[target], "\n".join(bare) + "\n", (), rng)
            rng.setstate(state)
            good, good_span, _ = spliced(release.after[target], "\n".join(lines) + "\n", (), rng)
            places = Place(target, *bad_span), Place(target, *good_span)
            return target, bad, good, *places, "docstring left out"
    return None


def _new_signature(release: Release, rng: random.Random, *, rename: bool) -> _Made | None:
    modules = source_modules(release)
    rng.shuffle(modules)
    for path in modules:
        text = release.after[path]
        for node in ast.walk(ast.parse(text)):
            if not isinstance(node, ast.FunctionDef) or (made := _resigned(text, node, rename)) is None:
                continue
            bad, good, detail = made
            if bad == text or good == text:
                continue
            try:
                ast.parse(bad), ast.parse(good)
            except SyntaxError:
                continue
            first, last = _changed_lines(text, bad)
            whole = Place(path, min(first, node.lineno), max(last, int(node.body[0].end_lineno or last)))
            return path, bad, good, whole, Place(path, whole.first, whole.last + 2), detail
    return None


def _resigned(text: str, node: ast.FunctionDef, rename: bool) -> tuple[str, str, str] | None:
    docstring = ast.get_docstring(node, clean=False)
    plain = [one for one in node.args.args if one.arg not in ("self", "cls")]
    if not docstring or node.name.startswith("_") or not plain or node.args.vararg or node.args.kwonlyargs:
        return None
    documented = re.findall(r":param (?:\w+ )?(\w+):", docstring)
    if not documented or {one.arg for one in plain} != set(documented) or node.args.kwarg:
        return None
    lines = text.splitlines(keepends=True)
    doc_first, doc_last = node.body[0].lineno - 1, int(node.body[0].end_lineno or 0)
    doc = "".join(lines[doc_first:doc_last])
    last = plain[-1]
    if rename:
        new_name = f"{last.arg}_value"
        body = "".join(lines[doc_last : node.end_lineno])
        head = re.sub(rf"\b{last.arg}\b", new_name, "".join(lines[node.lineno - 1 : doc_first]))
        body = re.sub(rf"(?<![.\w]){last.arg}\b(?!\s*=[^=])", new_name, body)
        right = re.sub(rf"\b{last.arg}\b", new_name, doc)
        detail = "parameter renamed in the signature only"
    else:
        head = "".join(lines[node.lineno - 1 : doc_first])
        if not re.search(r"\)(\s*->[^:]+)?:\s*$", head) or head.count("\n") != 1:
            return None
        closing = head.rindex(")") if "->" not in head else head[: head.index("->")].rindex(")")
        head = head[:closing].rstrip(", ") + ", strict=False" + head[closing:]
        indent = re.match(r"\s*", lines[doc_first])
        body = f"{indent[0] if indent else ''}if strict and {last.arg} is None:\n"
        body += f'{indent[0] if indent else ""}    raise ValueError("{last.arg} is missing")\n'
        body += "".join(lines[doc_last : node.end_lineno])
        right = re.sub(
            r"(?m)^(\s*):param ",
            r"\1:param strict: raise an error if the last one is missing.\n\1:param ",
            doc,
            count=1,
        )
        detail = "parameter added below a full docstring"
    before, after = "".join(lines[: node.lineno - 1]), "".join(lines[node.end_lineno or 0 :])
    return before + head + doc + body + after, before + head + right + body + after, detail


def _changed_lines(old: str, new: str) -> tuple[int, int]:
    matcher = difflib.SequenceMatcher(None, old.splitlines(), new.splitlines(), autojunk=False)
    changed = [(j1 + 1, max(j2, j1 + 1)) for tag, _, _, j1, j2 in matcher.get_opcodes() if tag != "equal"]
    return changed[0][0], changed[-1][1]
