"""Does a function do something else than before? Comments, annotations, names of locals and log lines aside."""

from __future__ import annotations

import ast
import copy
from collections import Counter
from collections.abc import Sequence

from reference.agents.quality.definitions import FunctionNode, dotted, last_name

_LOGGERS = {"log", "logger", "logging", "_log", "_logger", "LOG", "LOGGER", "warnings"}
_BRANCHES = (
    ast.If, ast.For, ast.AsyncFor, ast.While, ast.Try, ast.Match, ast.IfExp, ast.BoolOp, ast.comprehension, ast.TryStar,
)  # fmt: skip


def behaviour(node: FunctionNode) -> str:
    """A text that is equal for two functions if they do the same, as far as their syntax shows."""
    return ast.dump(_bare(node), annotate_fields=False)


def conditions(node: FunctionNode) -> Counter[str]:
    """The function's tests and comparisons: a fix nearly always changes one of them."""
    found: Counter[str] = Counter()
    bare = _bare(node)
    # What an assert says is a note to developers: it decides nothing that a test would have to keep.
    noted = {id(x) for one in ast.walk(bare) if isinstance(one, ast.Assert) for x in ast.walk(one)}
    for one in ast.walk(bare):
        if id(one) in noted:
            continue
        if isinstance(one, ast.If | ast.While | ast.IfExp):
            found[ast.dump(one.test, annotate_fields=False)] += 1
        elif isinstance(one, ast.comprehension):
            found.update(ast.dump(x, annotate_fields=False) for x in one.ifs)
        elif isinstance(one, ast.Compare | ast.BoolOp | ast.ExceptHandler | ast.match_case):
            head = one if isinstance(one, ast.Compare | ast.BoolOp) else one.type if isinstance(
                one, ast.ExceptHandler) else one.pattern  # fmt: skip
            found[ast.dump(head, annotate_fields=False) if head is not None else "except"] += 1
    return found


def is_trivial(node: FunctionNode) -> bool:
    """No branch, no loop, and under four statements: few teams test it on its own."""
    bare = _bare(node)
    if any(isinstance(x, _BRANCHES) for x in ast.walk(bare)):
        return False
    return sum(isinstance(x, ast.stmt) for x in ast.walk(bare)) - 1 < 4


def _bare(node: FunctionNode) -> FunctionNode:
    made = copy.deepcopy(node)
    made.name = "f"
    made.returns = None
    made.decorator_list = [x for x in made.decorator_list if last_name(x) not in {"override", "final"}]
    made = _Bare().visit(made)
    names: dict[str, str] = {}
    parameters = {x.arg for x in ast.walk(made) if isinstance(x, ast.arg)}
    shared = {x for one in ast.walk(made) if isinstance(one, ast.Global | ast.Nonlocal) for x in one.names}
    for one in ast.walk(made):
        if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store) and one.id not in parameters | shared:
            names.setdefault(one.id, f"v{len(names)}")
    for one in ast.walk(made):
        if isinstance(one, ast.Name) and one.id in names:
            one.id = names[one.id]
    return made


class _Bare(ast.NodeTransformer):
    """Without what does not change a result."""

    def visit_arg(self, node: ast.arg) -> ast.arg:
        node.annotation = None
        node.type_comment = None
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST | None:
        self.generic_visit(node)
        if node.value is None:
            return None
        return ast.Assign(targets=[node.target], value=node.value)

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        if isinstance(node.value, ast.Constant):
            return None
        if isinstance(node.value, ast.Call) and isinstance(node.value.func, ast.Attribute):
            base = dotted(node.value.func.value).split(".")
            if base[-1] in _LOGGERS:
                return None
        return self.generic_visit(node)

    def visit_Assert(self, node: ast.Assert) -> ast.AST | None:
        # `assert x is not None` and `assert isinstance(...)` are written for type checkers.
        text = ast.unparse(node.test)
        return None if text.endswith("is not None") or text.startswith("isinstance(") else self.generic_visit(node)

    def visit_Raise(self, node: ast.Raise) -> ast.AST:
        if isinstance(node.exc, ast.Call):  # the words of a message
            node.exc = ast.Call(func=node.exc.func, args=[], keywords=[])
        return self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        if last_name(node.func) == "cast" and len(node.args) == 2:
            return node.args[1]
        return node

    def visit_If(self, node: ast.If) -> ast.AST | None:
        if last_name(node.test) == "TYPE_CHECKING":
            return None
        return self.generic_visit(node)

    def visit_Import(self, node: ast.Import) -> None:
        return None

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        return None


def statements(nodes: Sequence[ast.stmt]) -> int:
    """How many statements, at any depth."""
    return sum(isinstance(x, ast.stmt) for node in nodes for x in ast.walk(node))
