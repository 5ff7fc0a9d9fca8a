"""Cases are what they say: the fault is where it is expected, the text around is the release's, nothing is typed."""

from __future__ import annotations

import ast
import io
import random
import tarfile

import pytest

from reference.agents.evaluation import archives
from reference.agents.evaluation.cases import Template, filled, is_test, names, source_modules, spliced, split_of
from reference.agents.evaluation.evaluate import COUNTS, build_cases, cases_of
from reference.agents.evaluation.faults_logic import logic_cases, mutants
from reference.agents.evaluation.faults_performance import interleaved
from reference.agents.evaluation.faults_quality import TEMPLATES as QUALITY
from reference.agents.evaluation.faults_secrets import DECOYS, SECRETS
from reference.agents.evaluation.faults_security import TEMPLATES as SECURITY
from reference.agents.evaluation.installed import installed_releases
from reference.agents.evaluation.matcher import _FAMILIES
from reference.agents.evaluation.releases import Pair, Release, chosen, pairs
from reference.agents.evaluation.removed import changed_places, documentation_cases, untested_cases
from reference.agents.evaluation.reverts import revert_cases
from reference.agents.types import ReviewError

OLD = '''"""Prices."""

import math


def price(amount, rate, limit=10):
    """Price of an amount.

    :param amount: how much.
    :param rate: of the tax.
    :param limit: least price.
    """
    value = amount * rate
    if value < limit and amount != 0:
        value = limit
    return math.ceil(value)


def both(first, second):
    """Prices of two."""
    if check(first):
        return swap(first, second)
    return price(first, 2) + price(second, 3)
'''
NEW = OLD.replace("amount * rate", "amount * rate + 1")
TEST_OLD, TEST_NEW = "def test_price():\n    assert True\n", "def test_price():\n    assert 1 + 1 == 2\n"


def release(package: str = "prices") -> Release:
    pair = Pair(package, "1.0", "1.1", "MIT", "", "", 10)
    return Release(
        pair,
        {"src/prices.py": OLD, "tests/test_prices.py": TEST_OLD},
        {"src/prices.py": NEW, "tests/test_prices.py": TEST_NEW},
    )


@pytest.mark.parametrize("template", [*interleaved(), *SECURITY, *QUALITY], ids=lambda one: one.name)
def test_templates_parse_and_the_twin_differs_from_the_fault(template: Template) -> None:
    values = names(random.Random(3))
    bad, good = filled(template.bad, values), filled(template.good, values)
    ast.parse(bad), ast.parse(good)
    assert "$" not in bad + good
    assert "#!" in bad
    assert "#!" not in good
    assert bad.replace("  #!", "") != good


def test_every_security_template_asks_for_a_known_family() -> None:
    assert all(one.families and one.families <= _FAMILIES.keys() for one in SECURITY)
    assert len(SECURITY) >= 20
    assert len({family for one in SECURITY for family in one.families}) >= 12


@pytest.mark.parametrize("seed", range(12))
def test_splicing_keeps_the_rest_and_says_where_the_fault_is(seed: int) -> None:
    block = "def added(x):\n    y = 1\n    return danger(x)  #!\n"
    text, (first, last), marked = spliced(OLD, block, ("import os",), random.Random(seed))
    lines = text.splitlines()
    assert lines[marked[0] - 1] == "    return danger(x)"
    assert lines[first - 1 : last] == ["def added(x):", "    y = 1", "    return danger(x)"]
    assert "#!" not in text
    assert "import os" in lines[: first - 1]
    assert {one.name for one in ast.parse(text).body if isinstance(one, ast.FunctionDef)} == {"price", "both", "added"}


def test_mutants_change_one_token_and_parse() -> None:
    found = mutants(OLD)
    assert {one.operator for one in found} >= {
        "boundary",
        "comparison",
        "boolean",
        "arithmetic",
        "constant",
        "negation",
        "argument swap",
    }
    for one in found:
        mutated = one.apply(OLD)
        ast.parse(mutated)
        differing = [
            n for n, (a, b) in enumerate(zip(OLD.splitlines(), mutated.splitlines(), strict=True), 1) if a != b
        ]
        assert differing == [one.line]
        assert one.function[0] <= one.line <= one.function[1]


def test_a_mutant_case_expects_the_line_that_it_changed() -> None:
    cases = logic_cases([release()], 7)
    assert len(cases) == 7
    for case in cases:
        after = case.change().file("src/prices.py").after  # type: ignore[union-attr]
        wrong = [n for n, (a, b) in enumerate(zip(NEW.splitlines(), after.splitlines(), strict=True), 1) if a != b]
        assert [case.expected[0].places[0].first] == wrong


def test_secrets_have_look_alikes_and_change_with_the_seed() -> None:
    assert len(SECRETS) == len(DECOYS) == 10
    for _, make in SECRETS:
        assert make(random.Random(1)) != make(random.Random(2))
        ast.parse(make(random.Random(1)))
    for _, make in DECOYS:
        ast.parse(make(random.Random(1)))


def test_removed_tests_leave_the_old_ones_and_the_twin_is_the_release() -> None:
    faulty, twin = untested_cases([release()], 1)
    assert faulty.change().file("tests/test_prices.py") is None
    assert twin.change().file("tests/test_prices.py") is not None
    assert twin.clean
    assert not faulty.clean
    assert [one.path for one in faulty.expected[0].places] == ["src/prices.py"]


def test_only_functions_with_another_body_ask_for_tests() -> None:
    places = changed_places(release().before, release().after)
    assert len(places) == 1
    assert places[0].first == 6
    only_docs = {**release().before, "src/prices.py": OLD.replace("Prices of two.", "Two prices.")}
    assert changed_places(release().before, only_docs) == ()


def test_documentation_cases_parse_and_only_the_twin_documents_the_change() -> None:
    cases = documentation_cases([release("a"), release("b"), release("c")], 3)
    assert len(cases) == 6
    for case in cases:
        after = case.change().file("src/prices.py").after  # type: ignore[union-attr]
        ast.parse(after)
    details = {case.detail for case in cases}
    assert {"parameter renamed in the signature only", "parameter added below a full docstring"} <= details
    renamed = [case for case in cases if case.detail == "parameter renamed in the signature only"]
    bad, good = (one.change().file("src/prices.py").after for one in renamed)  # type: ignore[union-attr]
    assert ":param limit:" in bad
    assert "limit_value=10" in bad
    assert ":param limit_value:" in good


def test_a_reversed_fix_expects_security_at_the_hunks() -> None:
    pair = Pair("werkzeug", "2.2.2", "2.2.3", "BSD", "", "", 10)
    (case,) = revert_cases([Release(pair, {"src/x.py": OLD}, {"src/x.py": NEW})])
    changed = case.change().file("src/x.py")
    assert changed is not None
    assert changed.after == OLD
    assert case.kind == "revert"
    assert case.expected[0].places[0].first == 13


def test_splits_are_by_repository_and_both_are_used() -> None:
    splits = {split_of(one.package) for one in pairs()}
    assert splits == {"tuning", "held-out"}
    assert split_of("Flask") == split_of("flask")


def test_pinned_pairs_are_enough_and_the_ci_profile_is_small() -> None:
    assert len(pairs()) >= 60
    assert len({one.package for one in pairs()}) >= 25
    assert all(len(one.old_sha256) == len(one.new_sha256) == 64 and one.licence for one in pairs())
    assert 10 <= len(chosen("ci")) <= 16
    assert sum(one.bytes for one in chosen("ci")) < 6_000_000


def test_the_same_seed_gives_the_same_cases() -> None:
    def texts() -> list[tuple[str, str]]:
        made = cases_of([release("a"), release("b")], COUNTS["ci"])
        return [(one.id, repr([(f.path, f.after) for f in one.change().files])) for one in made]

    assert texts() == texts()


def test_a_fault_can_be_put_into_installed_packages_without_a_download() -> None:
    found = installed_releases()
    assert len(found) >= 4
    assert all(source_modules(one) for one in found[:3])


def test_unknown_profile_and_split_are_named() -> None:
    with pytest.raises(ReviewError, match="profile 'huge'"):
        build_cases("huge")
    with pytest.raises(ReviewError, match="split 'train'"):
        build_cases("ci", "train")


def archive(members: dict[str, bytes], link: str = "") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
        if link:
            info = tarfile.TarInfo(link)
            info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
            tar.addfile(info)
    return out.getvalue()


def test_archives_are_read_without_links_or_ways_out() -> None:
    data = archive(
        {"p-1/a.py": b"A = 1\n", "p-1/../../b.py": b"B = 1\n", "p-1/c.so": b"\x00", "/p/d.py": b""}, "p-1/e.py"
    )
    assert archives.read_tree(data) == {"a.py": "A = 1\n"}
    with pytest.raises(ReviewError, match="not a readable source archive"):
        archives.read_tree(b"no archive")


def test_an_archive_with_its_own_build_backend_is_not_pinned() -> None:
    own = archive({"p-1/pyproject.toml": b'[build-system]\nrequires = []\nbackend-path = ["."]\nbuild-backend = "x"\n'})
    with pytest.raises(ReviewError, match="backend-path"):
        archives.check_backend(own)


def test_test_paths_are_told_from_source() -> None:
    assert is_test("tests/a.py")
    assert is_test("src/p/test_a.py")
    assert is_test("p/a_test.py")
    assert not is_test("src/testimony.py")
    assert not is_test("src/contest.py")
