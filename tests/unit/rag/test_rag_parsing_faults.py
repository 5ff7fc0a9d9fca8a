"""Broken and hostile files: each is refused with a reason, or read as far as it makes sense."""

from __future__ import annotations

import gzip
import io
import random
import zipfile
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rag_pdf_files import pdf

from reference.rag.parsing import Limits, Unparsable, parse, parse_file, sniffing

TWO_PAGES = [["Chapter One", "alpha beta", "Chapter Two", "gamma"], ["delta", "Chapter Three", "epsilon"]]
MARKS = [("Chapter One", 0), ("Chapter Two", 0), ("Chapter Three", 1)]
STARTS = ["", "%PDF-1.4\n", "<html>", "\x1f\u008b", ".TH A 1\n", "=head1 A\n\n"]
NAMES = ["a.txt", "a.pdf", "a.html", "a.md", "a.1", "a.gz", "a.pod", "a"]


def reason(data: bytes, name: str, **options) -> str:
    with pytest.raises(Unparsable) as error:
        parse(data, name, **options)
    assert name.removesuffix(".gz") in str(error.value)
    return error.value.reason


def test_an_empty_file_is_refused():
    assert "0 bytes" in reason(b"", "a.txt")
    assert "no text" in reason(b" \n\t ", "a.html")


def test_a_text_of_100_mb_is_refused_with_both_numbers():
    said = reason(b"a" * 100_000_000, "big.txt")
    assert "100.0 MB" in said
    assert "20.0 MB" in said


def test_a_file_over_the_limit_is_refused_before_it_is_read(tmp_path, monkeypatch):
    path = tmp_path / "big.txt"
    with path.open("wb") as file:
        file.truncate(100_000_000)
    monkeypatch.setattr(type(path), "read_bytes", lambda self: pytest.fail("was read"))
    with pytest.raises(Unparsable, match=r"100\.0 MB.*20\.0 MB"):
        parse_file(path)


def test_an_unreadable_file_is_refused(tmp_path):
    with pytest.raises(Unparsable, match="cannot be read"):
        parse_file(tmp_path / "absent.txt")
    with pytest.raises(Unparsable, match="cannot be read"):
        parse_file(tmp_path)


@pytest.mark.slow
def test_a_gzip_bomb_is_refused_without_inflating_it(monkeypatch):
    bomb = gzip.compress(bytes(500_000_000), compresslevel=1)
    inflated = []
    real = zlib.decompressobj

    class Counting:
        def __init__(self, **options):
            self.inner = real(**options)

        def decompress(self, data, most):
            piece = self.inner.decompress(data, most)
            inflated.append(len(piece))
            return piece

        def __getattr__(self, name):
            return getattr(self.inner, name)

    monkeypatch.setattr(sniffing.zlib, "decompressobj", Counting)
    assert "limit of 20.0 MB" in reason(bomb, "bomb.txt.gz")
    assert sum(inflated) <= 20_000_001


def test_a_bomb_in_many_members_is_refused_too():
    member = gzip.compress(bytes(300_000))
    assert "limit of 1.0 MB" in reason(member * 10, "many.gz", limits=Limits(bytes=1_000_000))


def test_truncated_broken_and_nested_gzip_are_refused():
    whole = gzip.compress(b"words " * 1000)
    assert "truncated" in reason(whole[:-20], "a.txt.gz")
    assert "broken" in reason(whole[:12] + b"\xff" * 40, "b.txt.gz")
    assert "inside gzip" in reason(gzip.compress(whole), "c.txt.gz")


def test_a_zip_bomb_is_refused_by_its_first_bytes():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(50_000_000))
    assert "ZIP" in reason(buffer.getvalue(), "bomb.docx")
    assert "ZIP" in reason(buffer.getvalue(), "innocent.txt")


def test_an_encrypted_pdf_is_refused_with_what_to_do():
    assert "encrypted" in reason(pdf(TWO_PAGES, locked=True), "locked.pdf")


@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.9])
def test_a_truncated_pdf_is_refused(share):
    data = pdf(TWO_PAGES)
    assert "truncated" in reason(data[: int(len(data) * share)], "cut.pdf")


def test_a_pdf_with_its_inside_damaged_is_refused():
    assert "damaged" in reason(b"%PDF-1.4\n" + b"x" * 3000 + b"\n%%EOF\n", "damaged.pdf")


def test_a_pdf_without_text_is_refused_as_scanned():
    assert "OCR" in reason(pdf([[], []]), "scan.pdf")


def test_a_file_that_only_calls_itself_pdf_is_refused():
    assert "no PDF header" in reason(b"\x00\x01\x02" * 100, "a.pdf")


def test_a_pdf_is_cut_at_its_bookmarks():
    document = parse(pdf(TWO_PAGES, MARKS, title="Book"), "book.pdf")
    assert (document.kind, document.title) == ("pdf", "Book")
    assert [(s.path[1:], s.text) for s in document.sections] == [
        (("Chapter One",), "alpha beta"),
        (("Chapter Two",), "gamma\n\ndelta"),
        (("Chapter Three",), "epsilon"),
    ]


def test_a_pdf_without_bookmarks_has_its_pages_as_sections():
    document = parse(pdf(TWO_PAGES), "book.txt")  # a wrong extension
    assert [s.path[1:] for s in document.sections] == [("page 1",), ("page 2",)]


def test_a_pdf_of_500_pages_is_read_whole_and_without_running_heads():
    pages = [["Running Head", f"unique{n} content", f"Page {n}"] for n in range(500)]
    document = parse(pdf(pages), "long.pdf")
    assert len(document.sections) == 500
    assert all(f"unique{n} content" == section.text for n, section in enumerate(document.sections))


def test_a_pdf_over_the_page_limit_is_refused_with_both_numbers():
    said = reason(pdf([["a"]] * 12), "long.pdf", limits=Limits(pages=10))
    assert "12" in said
    assert "10" in said


def test_binary_data_is_refused():
    junk = random.Random(1).randbytes(50_000)
    for name in ("a.txt", "a.html", "a.md", "a.1"):
        assert "binary" in reason(junk, name)
    assert "PNG" in reason(b"\x89PNG\r\n\x1a\n" + junk, "a.txt")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"])
def test_encodings_are_recognised(encoding):
    text = "Die Größe der Datei überschreitet die zulässige Länge. " * 20
    assert "Größe der Datei überschreitet" in parse(text.encode(encoding), "a.txt").text


def test_a_file_of_two_encodings_loses_neither():
    data = "UTF-8: naïve Größe\n".encode() + "Latin: café Maß\n".encode("latin-1") + "Ende €\n".encode()
    text = parse(data, "mixed.txt").text
    for word in ("naïve", "Größe", "café", "Maß", "€"):
        assert word in text


def test_an_html_page_is_decoded_as_it_declares():
    page = '<html><head><meta charset="koi8-r"></head><body><p>Привет, мир</p></body></html>'
    assert parse(page.encode("koi8-r"), "a.html").text == "Привет, мир"
    wrong = '<html><head><meta charset="no-such"></head><body><p>naïve text, café and more words</p></body></html>'
    assert "café" in parse(wrong.encode("cp1252"), "a.html").text


def test_html_nested_ten_thousand_deep_is_refused_instead_of_losing_its_rest():
    data = b"<html><body><p>before</p>" + b"<div>" * 10_000 + b"deep" + b"</div>" * 10_000 + b"<p>after</p></html>"
    assert "deep" in reason(data, "deep.html")


def test_html_that_is_only_a_script_has_no_text():
    assert "no text" in reason(b"<html><script>alert('a')</script></html>", "a.html")


def test_a_man_page_that_only_points_elsewhere_is_refused():
    assert "only points to man3/printf.3" in reason(b".so man3/printf.3\n", "fprintf.3")


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300), st.sampled_from(STARTS), st.sampled_from(NAMES))
def test_no_bytes_raise_anything_but_the_documented_error(data, start, name):
    try:
        document = parse(start.encode("latin-1") + data, name)
    except Unparsable as error:
        said = error.reason
    else:
        said = document.sections
        assert all(s.text.strip() and s.path[0] == document.title for s in document.sections)
    assert said


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 1500), st.integers(0, 255))
def test_a_flipped_byte_in_a_pdf_raises_nothing_else(at, value):
    data = bytearray(pdf(TWO_PAGES, MARKS))
    data[at % len(data)] = value
    try:
        outcome = parse(bytes(data), "flipped.pdf").sections
    except Unparsable as error:
        outcome = error.reason
    assert outcome
