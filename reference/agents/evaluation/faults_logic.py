"""One-token mutants: the faults that only understanding finds. Each mutated module still parses."""

from __future__ import annotations

import ast
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from reference.agents.types import Agent

from .cases import TRIES, Case, Expected, Place, built, source_modules
from .releases import Release

# A remark about missing tests is no remark about the fault.
AGENTS = frozenset({Agent.QUALITY, Agent.SECURITY, Agent.PERFORMANCE})
_COMPARE = {"==": "!=", "!=": "==", "<": "<=", "<=": "<", ">": ">=", ">=": ">", "is not": "is", "not in": "in"}
_ARITHMETIC = {"+": "-", "-": "+", "*": "+", "//": "*"}


@dataclass(frozen=True, slots=True)
class Mutant:
    """`old` at column `start` of `line` (from 1) becomes `new`; `function` is the span of lines around it."""

    operator: str
    line: int
    start: int
    old: str
    new: str
    function: tuple[int, int]

    def apply(self, text: str) -> str:
        lines = text.splitlines(keepends=True)
        line = lines[self.line - 1]
        lines[self.line - 1] = line[: self.start] + self.new + line[self.start + len(self.old) :]
        return "".join(lines)


def mutants(text: str) -> list[Mutant]:
    """Every mutant of a Python module, in the order of its lines. Only inside functions, only on ASCII lines."""
    lines = text.splitlines()
    found: list[Mutant] = []
    for function in ast.walk(ast.parse(text)):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            span = (function.lineno, int(function.end_lineno or function.lineno))
            for node in ast.walk(function):
                found += (one for one in _of(node, lines, span) if lines[one.line - 1].isascii())
    unique = {(one.line, one.start, one.operator): one for one in found}
    return [unique[key] for key in sorted(unique)]


def _of(node: ast.AST, lines: Sequence[str], span: tuple[int, int]) -> Iterator[Mutant]:
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        operator = "boundary" if isinstance(node.ops[0], ast.Lt | ast.LtE | ast.Gt | ast.GtE) else "comparison"
        yield from _between(operator, node.left, node.comparators[0], _COMPARE, lines, span)
    elif isinstance(node, ast.BoolOp):
        yield from _between("boolean", node.values[0], node.values[1], {"and": "or", "or": "and"}, lines, span)
    elif isinstance(node, ast.BinOp) and not isinstance(node.left, ast.Constant):
        yield from _between("arithmetic", node.left, node.right, _ARITHMETIC, lines, span)
    elif isinstance(node, ast.If) and isinstance(node.test, ast.Name | ast.Attribute | ast.Call):
        yield Mutant("negation", node.test.lineno, node.test.col_offset, "", "not ", span)
    elif isinstance(node, ast.Constant) and type(node.value) is int:
        old = str(node.value)
        if lines[node.lineno - 1][node.col_offset :].startswith(old):
            yield Mutant("constant", node.lineno, node.col_offset, old, str(node.value + 1), span)
    elif isinstance(node, ast.Call) and len(node.args) == 2 and all(isinstance(one, ast.Name) for one in node.args):
        first, second = node.args
        if first.lineno == second.end_lineno and ast.dump(first) != ast.dump(second):
            old = lines[first.lineno - 1][first.col_offset : second.end_col_offset]
            between = lines[first.lineno - 1][first.end_col_offset : second.col_offset]
            new = f"{ast.unparse(second)}{between}{ast.unparse(first)}"
            yield Mutant("argument swap", first.lineno, first.col_offset, old, new, span)


def _between(
    operator: str, left: ast.expr, right: ast.expr, table: dict[str, str], lines: Sequence[str], span: tuple[int, int]
) -> Iterator[Mutant]:
    if left.end_lineno != right.lineno or left.end_col_offset is None:
        return
    gap = lines[right.lineno - 1][left.end_col_offset : right.col_offset]
    token = gap.strip()
    if token in table:
        yield Mutant(operator, right.lineno, left.end_col_offset + gap.index(token), token, table[token], span)


def logic_cases(releases: Sequence[Release], count: int, seed: int = 0) -> list[Case]:
    """`count` mutants, one a change; the kinds of operator in turn where the module has them."""
    operators = ("boundary", "comparison", "boolean", "arithmetic", "constant", "negation", "argument swap")
    cases: list[Case] = []
    for number in range(TRIES * count):
        if len(cases) == count:
            break
        release, rng = releases[number % len(releases)], random.Random(f"logic/{seed}/{number}")
        modules = source_modules(release)
        if not modules:
            continue
        path = rng.choice(modules[:6])
        text = release.after[path]
        all_of_it = mutants(text)
        wanted = [one for one in all_of_it if one.operator == operators[number % len(operators)]] or all_of_it
        rng.shuffle(wanted)
        for mutant in wanted:
            mutated = mutant.apply(text)
            try:
                ast.parse(mutated)
            except SyntaxError:
                continue
            if mutated != release.before.get(path):
                place = Place(path, mutant.line, mutant.line)
                cases.append(
                    Case(
                        f"logic-{number:03d}-fault", release.repository, "logic",
                        built(release, {**release.after, path: mutated}, f"Release {release.pair.new}"),
                        (Expected((place,), AGENTS),), seed, (Place(path, *mutant.function),), mutant.operator,
                    )
                )  # fmt: skip
                break
    return cases
