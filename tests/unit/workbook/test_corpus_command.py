"""workbook corpus: what it prints and how it ends."""

from __future__ import annotations

import pytest
from test_cli_json import compare, printed

from reference.rag.corpus import samples
from reference.rag.corpus.debian import Fetched
from reference.rag.types import Document, Section


class TwoDocuments:
    name = "two"
    problems = [("alpha/x.pdf", "is encrypted")]  # noqa: RUF012

    def documents(self):
        for n in range(3):
            section = Section(("T",), "same" if n else "text é")
            yield Document(f"alpha/{n}", "T", "html", "s", (section,), "0", collection="alpha", licence="MIT")


def sample(unfetched=()):
    record = Fetched("alpha", "1.0", "all", "ab" * 32, 1000, "alpha.deb", "MIT")
    return samples.Sample(samples.Unique(TwoDocuments()), "debian", "", {"alpha": record}, list(unfetched))


@pytest.fixture
def full(monkeypatch):
    made = []
    monkeypatch.setattr("reference.rag.corpus.full_corpus", lambda **options: made.append(options) or made_sample[0])
    made_sample = [sample([("beta", "not fetched")])]
    return made


def test_corpus_prints_the_documented_names(cli, full):
    result = cli("corpus", "--profile", "full", "--json")
    assert result.exit_code == 0, result.output
    record = printed(result)
    assert record["total"] == {"documents": 2, "bytes": 7 + 4}
    assert record["duplicates"] == 1
    compare("corpus", record)


def test_a_package_that_cannot_be_fetched_ends_with_exit_code_1(cli, full):
    result = cli("corpus", "--profile", "full", "--fetch")
    assert result.exit_code == 1
    assert "missing: beta: not fetched" in result.output
    assert full[0]["fetch"] is True


def test_an_unknown_profile_is_refused_with_those_that_exist(cli):
    result = cli("corpus", "--profile", "huge", "--json")
    assert result.exit_code == 2
    assert "ci, full" in printed(result)["error"]["mend"]
