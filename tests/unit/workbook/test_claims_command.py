"""`workbook claims` beside its ledger: how much of the answers is judged, and what is furthest off."""

from __future__ import annotations

import json

import pytest

from reference.sizing.claims import figure_counts, most_surprising, questions, stated_figures


def test_claims_say_how_many_figures_there_are_and_have_a_verdict(cli):
    result = cli("claims", "--question", "6")
    assert result.exit_code == 0, result.output
    counts = figure_counts(6)
    [line] = [line for line in result.stdout.splitlines() if "figures of the usual answers" in line]
    assert line.startswith(f"{counts['figures']} figures of the usual answers, {counts['with-verdict']} with a verdict")
    assert f"{counts['does-not-hold']} does-not-hold" in line
    assert f"{counts['given']} given" in line


@pytest.mark.slow
def test_surprising_shows_one_row_for_each_question_with_its_reason(cli):
    result = cli("claims", "--surprising")
    assert result.exit_code == 0, result.output
    words = " ".join(result.stdout.replace("│", " ").split())
    for question in questions():
        found = most_surprising(question)
        assert found is not None
        assert found.claim.id in result.stdout
        if found.factor is not None:
            assert f"{found.claim.stated_text} {found.claim.computed_text} {found.factor:,.1f}x" in words
            assert set(found.says.split()) <= set(words.split())
    assert sum(line.startswith("│ q") for line in result.stdout.splitlines()) == len(questions())


def test_figures_lists_every_figure_with_what_judges_it(cli):
    result = cli("claims", "--question", "6", "--figures")
    assert result.exit_code == 0, result.output
    for figure in stated_figures(6):
        assert figure.id in result.stdout
        assert (figure.records or (figure.field,))[0] in result.stdout


def test_json_of_one_question_holds_its_figures_and_its_surprise_only(cli):
    record = json.loads(cli("claims", "--question", "6", "--json").stdout)
    assert [one["id"] for one in record["figures"]] == [figure.id for figure in stated_figures(6)]
    assert [one["question"] for one in record["surprising"]] == [6]
    assert record["coverage"] == figure_counts(6)
