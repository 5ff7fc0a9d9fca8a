"""Mutants of a room's modules, drawn by a seed: cosmic-ray's operators, one place at a time."""

from __future__ import annotations

import ast
import random
import re
from collections import Counter
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

# On floats these raise TypeError in any test that gets there; they would only flatter the rate.
TRIVIAL = re.compile(r"_(MatMul|LShift|RShift|BitOr|BitAnd|BitXor|Invert)$|NoOp$|ReplaceUnaryOperator_UAdd")
UNTOUCHED = ("string", "newline", "endmarker", "fstring_string")  # by every operator
PUNCTUATION = ("(", ")", "[", "]", "{", "}", ",", ":", ".", "=", "->")


@dataclass(frozen=True)
class Mutant:
    """path: below the root. operator, occurrence: cosmic-ray's. line: in the unmutated file."""

    path: str
    operator: str
    occurrence: int
    line: int


@cache
def operators() -> dict[str, Any]:
    """cosmic-ray's operators that take no arguments, without the trivial ones."""
    from cosmic_ray.plugins import get_operator, operator_names

    classes = {name: get_operator(name) for name in operator_names() if not TRIVIAL.search(name)}
    return {name: one() for name, one in classes.items() if not one.arguments()}


def mutated(source: str, mutant: Mutant) -> str | None:
    """The file with the mutant in it. None: only an annotation or nothing changed, which no test can see."""
    from cosmic_ray.mutating import mutate_code

    try:
        text = mutate_code(source, operators()[mutant.operator], mutant.occurrence)
        return None if text is None or _executed(text) == _executed(source) else text
    except (SyntaxError, AttributeError):  # the latter: its ExceptionReplacer knows no dotted names
        return None


def _executed(source: str) -> str:
    """The syntax tree without annotations: `from __future__ import annotations` keeps them from being evaluated."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        for name in ("annotation", "returns"):
            if getattr(node, name, None) is not None:
                setattr(node, name, ast.Constant(value=None))
    return ast.dump(tree)


def places(path: Path, name: str) -> list[Mutant]:
    """Every mutant of a file, in order of the file."""
    from cosmic_ray.ast import ast_nodes, get_ast

    seen: Counter[str] = Counter()
    found = []
    for node in ast_nodes(get_ast(path.read_text())):
        if node.type in UNTOUCHED or getattr(node, "value", None) in PUNCTUATION:
            continue
        for operator, one in operators().items():
            for begin, _ in one.mutation_positions(node):
                found.append(Mutant(name, operator, seen[operator], begin[0]))
                seen[operator] += 1
    return found


def draw(root: Path, patterns: list[str], count: int, seed: int) -> list[Mutant]:
    """`count` mutants: one of every module, the rest by size. Within a module first a line, then a mutant of it."""
    chance = random.Random(seed)
    paths = sorted({path for pattern in patterns for path in root.glob(pattern)})
    files = {str(path.relative_to(root)): places(path, str(path.relative_to(root))) for path in paths}
    files = {name: found for name, found in files.items() if found}
    lines = {name: sorted({one.line for one in found}) for name, found in files.items()}
    spare = count - len(files)
    share = {name: len(here) * max(spare, 0) / sum(map(len, lines.values())) for name, here in lines.items()}
    number = {name: 1 + int(part) for name, part in share.items()}
    for name in sorted(share, key=lambda name: share[name] % 1, reverse=True)[: max(count - sum(number.values()), 0)]:
        number[name] += 1
    drawn: list[Mutant] = []
    for name, here in lines.items():
        source = (root / name).read_text()
        chosen: set[Mutant] = set()
        for _attempt in range(20 * number[name]):
            line = chance.choice(here)
            one = chance.choice([mutant for mutant in files[name] if mutant.line == line])
            if len(chosen) < number[name] and one not in chosen and mutated(source, one) is not None:
                chosen.add(one)
        drawn += sorted(chosen, key=lambda one: (one.line, one.operator, one.occurrence))
    return drawn
