"""Changed behaviour that no test of the change, or no test at all, knows."""

from __future__ import annotations

import re
from collections.abc import Sequence

from reference.agents.quality.guard import finding
from reference.agents.testing.changed_functions import ChangedFunction, behaviours_before, changed_functions, names
from reference.agents.testing.references import Tests
from reference.agents.types import Change, ChangedFile, Finding, Role

LANGUAGES = frozenset({"python", "javascript", "typescript", "tsx", "jsx", "go"})
_GLUE = re.compile(
    r"(^|/)(examples?|docs?|doc_src|scripts?|tools?|bin|benchmarks?|bench|migrations|alembic|notebooks?|demos?|samples?|figures|plots"
    r"|playground|ci|\.github|contrib|stubs|typings|fixtures|requirements)/"
    r"|(^|/)(setup|demo|conftest|noxfile|tasks|manage|fabfile|__main__|__version__|_version|version|cli|settings|config"
    r"|compat|_compat|typing|_typing|types|_types|constants)\.py$|\.d\.ts$|\.config\.[cm]?[jt]s$|\.pyi$"
)
_MOST_FILES = 2


def untested(change: Change, files: Sequence[ChangedFile]) -> list[Finding]:
    """At most one finding per file and two that may be posted per change; none where the repository has no tests.

    A file of which a coverage report knows the lines is left to `uncovered`.
    """
    tests = Tests(change)
    elsewhere = behaviours_before(change.files)
    posted: list[tuple[int, Finding]] = []
    quiet: list[Finding] = []
    for file in files:
        if file.role is not Role.SOURCE or not file.is_code or file.language not in LANGUAGES:
            continue
        if _GLUE.search(file.path) or (change.coverage and file.path in change.coverage):
            continue
        if not tests.any_in(file.language):
            continue
        changed = changed_functions(file, elsewhere)
        if not changed or tests.changed_know(file.path, (n for x in changed for n in (x.name, x.owner)), file.language):
            continue
        weight = sum(x.weight for x in changed)
        made = _judge(change, file, changed, tests)
        if made is not None and made.rule != "tests/unchanged-tests":
            posted.append((weight, made))
        elif made is not None:
            quiet.append(made)
    posted.sort(key=lambda x: (-x[0], x[1].path))
    return [x for _, x in posted[:_MOST_FILES]] + quiet


def _judge(change: Change, file: ChangedFile, changed: Sequence[ChangedFunction], tests: Tests) -> Finding | None:
    public = [x for x in changed if x.public]
    unknown = [x for x in public if not tests.existing_know(file.path, x.name, x.owner)]
    if tests.working or change.snapshot is None:
        # Tests came along, only not for this file by name: what they reach cannot be told from outside. And a bare
        # patch does not show the tests there are.
        return _made("tests/unchanged-tests", file, unknown) if unknown else None
    new = [x for x in unknown if x.new]
    # A modified function counts where a condition of it changed: a moved legend of a figure needs no test.
    decided = [x for x in unknown if x.fix_like]
    if new or (decided and not tests.existing_import(file.path)):
        return _made("tests/untested-change", file, new or decided)
    if fixes := [x for x in changed if x.fix_like]:
        return _made("tests/fix-without-test", file, fixes)
    return _made("tests/unchanged-tests", file, public) if public else None


def _made(id: str, file: ChangedFile, functions: Sequence[ChangedFunction]) -> Finding:
    return finding(file, id, functions[0].line, names=names(functions))
