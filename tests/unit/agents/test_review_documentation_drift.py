"""Docs, comments and docstring sections that a change leaves behind, and the changes that leave nothing behind."""

import asyncio

import pytest

from reference.agents.documentation import DocumentationSpecialist
from reference.agents.documentation.drift import style
from reference.agents.interfaces import Context
from reference.agents.rules.registry import rule
from reference.agents.sources import from_texts


def found(before, after):
    change = from_texts(before, after)
    report = asyncio.run(DocumentationSpecialist().review(Context(change, tuple(x.path for x in change.files))))
    assert report.reason == "", report.reason
    for one in report.findings:
        rule(one.rule).filled(one.values)
        assert one.line in change.file(one.path).commentable
    return [one.rule.removeprefix("documentation/") for one in report.findings]


GOOGLE = '''def load(path):
    """Loads it.

    Args:
        path: where it lies.

    Returns:
        the text.

    Raises:
        ValueError: the path is empty.
    """
    if not path:
        raise ValueError(path)
    return read(path)
'''
NUMPY = '''def load(path):
    """Loads it.

    Parameters
    ----------
    path
        where it lies.

    Returns
    -------
    the text.

    Raises
    ------
    ValueError
        the path is empty.
    """
    if not path:
        raise ValueError(path)
    return read(path)
'''
SPHINX = '''def load(path):
    """Loads it.

    :param path: where it lies.
    :returns: the text.
    :raises ValueError: the path is empty.
    """
    if not path:
        raise ValueError(path)
    return read(path)
'''
STYLES = [(GOOGLE, "google"), (NUMPY, "numpy"), (SPHINX, "sphinx")]


@pytest.mark.parametrize(("text", "name"), STYLES)
def test_a_new_error_that_the_section_does_not_name_is_found(text, name):
    assert style(text) == name
    assert found({"a.py": text}, {"a.py": text.replace("raise ValueError", "raise KeyError")}) == ["undocumented-raise"]


@pytest.mark.parametrize(("text", "name"), STYLES)
def test_a_returns_section_without_a_return_is_found(text, name):
    assert found({"a.py": text}, {"a.py": text.replace("return read", "read")}) == ["stale-returns"]


@pytest.mark.slow
@pytest.mark.parametrize(("text", "name"), STYLES)
def test_sections_that_fit_or_never_fitted_are_left_alone(text, name):
    named = text.replace("raise ValueError", "raise KeyError")
    assert found({"a.py": named}, {"a.py": named.replace("read(path)", "read(path, 2)")}) == []
    assert found({"a.py": text}, {"a.py": named.replace("ValueError", "KeyError")}) == []


def test_a_comment_that_quotes_the_number_replaced_below_or_beside_it_is_found():
    above = "X = 1\n# wait 30 seconds at most\nTIMEOUT = 30\nY = 2\n"
    assert found({"a.py": above}, {"a.py": above.replace("= 30", "= 60")}) == ["stale-comment"]
    beside = "X = 1\nTIMEOUT = 30  # 30 seconds\nY = 2\n"
    assert found({"a.py": beside}, {"a.py": beside.replace("= 30", "= 60")}) == ["stale-comment"]
    go = "package a\n\n// wait 30 seconds\nconst wait = 30\n"
    assert found({"a.go": go}, {"a.go": go.replace("= 30", "= 60")}) == ["stale-comment"]


def test_comments_that_were_changed_too_or_speak_of_something_else_are_left_alone():
    text = "X = 1\n# wait 30 seconds at most\nTIMEOUT = 30\nY = 2\n"
    assert found({"a.py": text}, {"a.py": text.replace("30", "60")}) == []
    other = text.replace("30 seconds", "200 seconds")
    assert found({"a.py": other}, {"a.py": other.replace("= 30", "= 60")}) == []


def test_a_comment_that_names_a_function_which_is_gone_is_found():
    text = "def run(a):\n    # load_rows closes it\n    return load_rows(a)\n"
    assert found({"a.py": text}, {"a.py": text.replace("return load_rows", "return take")}) == ["stale-comment"]
    kept = text + "\n\nload_rows(1)\n"
    assert found({"a.py": kept}, {"a.py": kept.replace("return load_rows", "return take")}) == []


PAGE = "Call `load_rows()` and set `--depth`, `--width`, `--limit`; `APP_HOME` is the folder. See tools/build.py.\n"
CODE = "def load_rows(a):\n    return a\n\n\ndef keep(a):\n    return a\n"


def test_docs_that_name_a_removed_function_are_found():
    before = {"a.py": CODE, "README.md": PAGE}
    gone = CODE.replace("load_rows", "take_rows")
    assert found(before, before | {"a.py": gone}) == ["stale-reference"]
    assert found(before, before | {"a.py": gone, "README.md": PAGE.replace("load_rows", "take_rows")}) == []
    assert found(before, before | {"a.py": gone, "b.py": "def load_rows(a):\n    return a\n"}) == []
    assert found({"a.py": CODE, "CHANGELOG.md": PAGE}, {"a.py": gone, "CHANGELOG.md": PAGE}) == []


OPTIONS = "".join(f'parser.add_argument("--{x}")\n' for x in ("depth", "width", "limit"))


def test_docs_that_name_a_removed_option_variable_or_file_are_found():
    before = {"a.py": OPTIONS, "README.md": PAGE}
    assert "stale-reference" in found(before, before | {"a.py": OPTIONS.replace("--depth", "--height")})
    home = 'import os\n\nHOME = os.environ["APP_HOME"]\n'
    before = {"a.py": home, "README.md": PAGE}
    assert found(before, before | {"a.py": "HOME = 1\n"}) == ["stale-reference"]
    before = {"a.py": CODE, "README.md": PAGE, "tools/build.py": "go(1)\n"}
    after = {"a.py": CODE + "X = 1\n", "README.md": PAGE}
    assert found(before, after) == ["stale-reference"]


def test_an_option_beside_described_ones_has_to_be_described():
    before = {"a.py": OPTIONS, "README.md": PAGE}
    more = OPTIONS + 'parser.add_argument("--colour")\n'
    assert found(before, before | {"a.py": more}) == ["undocumented-option"]
    assert found(before, before | {"a.py": more, "docs/b.md": "`--colour`\n"}) == []
    assert found(before | {"README.md": "`--depth`\n"}, {"a.py": more, "README.md": "`--depth`\n"}) == []


def test_a_small_file_is_judged_by_the_docstrings_of_its_folder():
    described = "".join(f'def f{n}(a):\n    """Does {n}."""\n    return a\n\n\n' for n in range(6))
    new = "def other(a):\n    return a\n"
    before = {"p/a.py": described, "p/b.py": "X = 1\n"}
    assert found(before, before | {"p/b.py": "X = 1\n\n\n" + new}) == ["missing-docstring"]
    assert found(before, before | {"q/b.py": new}) == []
