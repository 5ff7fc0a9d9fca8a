"""Question 6: the solutions against parts that were written apart from them: scipy, git, the second reader of diffs."""

from __future__ import annotations

import subprocess
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.builds import draw_cases
from exercises.catalogue import exercise, solution
from exercises.drawing import variant
from exercises.q6 import diff_lines, hard_stop
from exercises.q6._diff_lines_wrong import read
from reference.agents.github.diff_lines import lines_of
from reference.agents.orchestrator.budget import Ledger


def solved(name, **params):
    space = dict(params)
    exec(compile(solution(name).code, name, "exec"), space)
    return space


@pytest.mark.slow
@given(st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.floats(0.5, 0.999))
@settings(max_examples=80, deadline=None)
def test_the_solution_of_the_interval_is_that_of_scipy(counts, level):
    from scipy.stats import binomtest, norm

    hits, n = counts
    found = solved("q6-wilson-interval")["wilson"](hits, n, float(norm.ppf(0.5 + level / 2)))
    ends = binomtest(hits, n).proportion_ci(level, method="wilson")
    assert found == pytest.approx([ends.low, ends.high], rel=1e-6, abs=1e-9)
    assert 0 <= found[0] <= hits / n <= found[1] + 1e-12
    assert found[1] <= 1


def patches():
    one = exercise("q6-diff-lines")
    for number in range(12):
        yield from (case.arguments["patch"] for case in draw_cases(one, variant(one, f"person {number}")))


def test_the_solution_names_the_lines_that_the_second_reader_names():
    commentable = solved("q6-diff-lines")["commentable"]
    seen = 0
    for patch in patches():
        found = commentable(patch)
        assert found == read(patch)
        other = lines_of(patch)
        for path, lines in found.items():
            assert [number for number, _ in lines] == sorted(set().union(*other.get((path, "RIGHT"), [set()])))
            seen += len(lines)
    assert seen > 1000


def test_the_drawn_diffs_apply_with_git_and_their_added_lines_are_in_the_new_text(tmp_path):
    random = Random(5)
    old = diff_lines._text(random, 40)
    new = diff_lines._edited(random, old, 2, 14)
    patch = diff_lines.diff("shop/cart.py", old, new, 3)
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop/cart.py").write_text("\n".join(old) + "\n")
    subprocess.run(["git", "apply", "-"], input=patch, text=True, cwd=tmp_path, check=True)
    assert (tmp_path / "shop/cart.py").read_text().splitlines() == new
    shown = solved("q6-diff-lines")["commentable"](patch)["shop/cart.py"]
    texts = [line[1:] for line in patch.splitlines()[3:] if line[:1] in "+ " and not line.startswith("+++")]
    assert [new[number - 1] for number, _ in shown] == texts


part = st.integers(-2, 40).map(lambda sixtyfourths: sixtyfourths / 64)
steps = st.lists(st.tuples(st.sampled_from(["reserve", "settle"]), st.sampled_from(["tests 1", "quality 2"]), part))


@pytest.mark.slow
@given(steps, st.sampled_from([0.25, 0.5, 1.0]))
@settings(max_examples=150, deadline=None)
def test_the_solution_keeps_the_account_of_the_reference_on_any_steps(played, total):
    arguments = {"total": total, "steps": [list(step) for step in played]}
    theirs = hard_stop.drive(solved("q6-hard-stop")["Ledger"], arguments)
    assert theirs == hard_stop.drive(Ledger, arguments)
