"""Which files are taken, and what a package says about its licence."""

from __future__ import annotations

import pytest

from reference.rag.corpus import ci_packages, default_packages
from reference.rag.corpus.licences import licence_of
from reference.rag.corpus.selection import is_document, is_english


@pytest.mark.parametrize(
    "path",
    [
        "usr/share/doc/debian/FAQ/basic-defs.en.html",
        "usr/share/doc/a/manual.pdf.gz",
        "usr/share/doc/a/manual.html.gz",
        "usr/share/doc/a/en/index.html",
        "usr/share/man/man5/crontab.5.gz",
        "usr/share/doc/a/index.html.en",
        "usr/share/doc/a/is/it.html",
    ],
)
def test_english_documents_are_taken(path):
    assert is_document(path)
    assert is_english(path)


@pytest.mark.parametrize(
    "path",
    [
        "usr/share/doc/debian/FAQ/basic-defs.de.html",
        "usr/share/doc/apache2-doc/manual/pt-br/index.html",
        "usr/share/man/zh_CN/man1/ls.1.gz",
        "usr/share/doc/a/index.html.ja.utf8",
        "usr/share/doc/a/guide_fr.pdf.gz",
        "usr/share/doc/apt-doc/guide.fr.html/ch4.html",
    ],
)
def test_other_languages_are_not(path):
    assert not is_english(path)


@pytest.mark.parametrize("name", ["copyright", "changelog.Debian.gz", "changelog.html", "NEWS.gz", "a.png", "a.css"])
def test_what_is_no_documentation_is_left_out(name):
    assert not is_document(f"usr/share/doc/a/{name}")


def test_every_package_of_the_list_has_a_reason_and_the_sample_is_part_of_it():
    names = [package.name for package in default_packages()]
    assert len(set(names)) == len(names) >= 30
    assert all(len(package.reason) > 10 for package in default_packages())
    assert {package.name for package in ci_packages()} < set(names)
    assert all(package.include for package in ci_packages())


def test_a_package_without_a_machine_readable_licence_says_where_to_read_it():
    assert licence_of("This is free.", "/x/copyright") == "see /x/copyright"


def test_licences_come_in_order_once_and_without_the_packaging():
    text = (
        "Format: http://dep.debian.net/deps/dep5\n\nFiles: *\nLicense: MIT\n text\n\n"
        "Files: a\n b\nLicense: GPL-2+\n\nFiles: c\nLicense: MIT\n\nFiles: debian/*\nLicense: GPL-3\n\nLicense: Other\n"
    )
    assert licence_of(text, "/x") == "MIT; GPL-2+"
