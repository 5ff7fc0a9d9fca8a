"""Every format gives titles, section paths, main text and tables as text."""

from __future__ import annotations

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference.rag.parsing import parse
from reference.rag.parsing.from_man import arguments, plain
from reference.rag.parsing.from_pod import plain as pod_plain
from reference.rag.types import PUBLIC


def paths(document) -> list[tuple[str, ...]]:
    return [section.path for section in document.sections]


PAGE = b"""<!DOCTYPE html><html><head><title>Guide</title><style>p {color: red}</style>
<script>var secret = 1;</script></head><body><nav>Home | Up</nav>
<div class="sphinxsidebar">Table of contents</div>
<h1>Guide</h1><p>Opening <b>words</b> and&nbsp;more.</p>
<h2>Install<a class="headerlink" href="#i">\xc2\xb6</a></h2><pre>make
  install</pre><script>track()</script>
<table><tr><th>Name</th><th>Size</th></tr><tr><td>a</td><td>1</td></tr></table>
<h3>On ARM</h3><ul><li>first</li><li>second</li></ul>
<h2>Use</h2><p>Run it.</p></body></html>"""


def test_html_gives_sections_without_scripts_styles_and_navigation():
    document = parse(PAGE, "guide.html")
    assert (document.kind, document.title) == ("html", "Guide")
    assert paths(document) == [("Guide",), ("Guide", "Install"), ("Guide", "Install", "On ARM"), ("Guide", "Use")]
    assert document.sections[0].text == "Opening words and more."
    for gone in ("secret", "color", "Home", "Table of contents", "track", "¶"):
        assert gone not in document.text


def test_html_keeps_the_lines_of_code_and_the_rows_of_tables():
    text = parse(PAGE, "guide.html").sections[1].text
    assert "make\n  install" in text
    assert "Name | Size\na | 1" in text


def test_a_table_that_lays_out_a_page_is_read_as_a_page():
    document = parse(b"<html><body><table><tr><td><h2>One</h2><p>text</p></td></tr></table></body></html>", "x.html")
    assert paths(document)[0][-1] == "One"
    assert "|" not in document.text


def test_html_nested_two_thousand_deep_is_read_whole():
    data = b"<html><body>" + b"<div>" * 2_000 + b"deep" + b"</div>" * 2_000 + b"<p>after</p></body></html>"
    assert parse(data, "deep.html").text == "deep\n\nafter"


def test_pages_in_the_main_element_are_taken_without_what_surrounds_it():
    body = b"<p>Around</p><main><h1>Core</h1><p>" + b"word " * 60 + b"</p></main><p>Below</p>"
    text = parse(b"<html><body>" + body + b"</body></html>", "m.html").text
    assert text.startswith("word")
    assert "Around" not in text
    assert "Below" not in text


def test_markdown_gives_its_outline_code_lists_and_tables():
    source = b"""---\ntitle: "Front"\n---\n# Top\nSome *text* and `code`.\n\n## Part\n- one\n- two\n
```\na = 1\n  b\n```\n\n| A | B |\n|---|---|\n| 1 | 2 |\n\n<div><script>x()</script>inside</div>\n"""
    document = parse(source, "a.md")
    assert (document.kind, document.title) == ("markdown", "Front")
    assert paths(document) == [("Front", "Top"), ("Front", "Top", "Part")]
    assert document.sections[0].text == "Some text and code."
    part = document.sections[1].text
    assert "- one\n- two" in part
    assert "a = 1\n  b" in part
    assert "A | B\n1 | 2" in part
    assert "inside" in part
    assert "x()" not in part


def test_text_takes_underlined_lines_as_headings_in_the_order_of_their_kinds():
    source = b"=====\nTitle\n=====\n\nIntro.\n\nOne\n---\nBody one.\n\nLow\n~~~\nBody two.\n\nTwo\n---\nEnd.\n"
    document = parse(source, "a.rst")
    assert document.kind == "text"
    assert paths(document) == [("Title",), ("Title", "One"), ("Title", "One", "Low"), ("Title", "Two")]


def test_a_table_of_dashes_is_not_a_heading():
    document = parse(b"Prose.\n\n  a   b\n  --- ---\n  1   2\n", "t.txt")
    assert len(document.sections) == 1


def test_text_without_headings_is_titled_by_its_first_line_or_its_name():
    assert parse(b"A short line\n\nand the rest", "x.txt").title == "A short line"
    assert parse(b"several lines\nin one paragraph", "dir/my_notes.txt").title == "my notes"


MAN = rb""".\" a comment with words
.de XX
hidden in a macro
..
.if n .ad l
.TH LS 1 "2020-01-01"
.SH NAME
ls \- list directory
contents
.SH SYNOPSIS
.B ls
[\fIOPTION\fR]... \(aqx\(aq
.SH "SEE ALSO"
.BR cat (1)
.SS Sub part
.TP
.B \-a
all of them
.nf
keep   this
  shape
.fi
.TS
l l.
A	B
1	2
.TE
"""


def test_man_pages_give_sections_without_roff():
    document = parse(MAN, "ls.1")
    assert (document.kind, document.title) == ("man", "ls(1): list directory contents")
    assert [path[1:] for path in paths(document)] == [("Name",), ("Synopsis",), ("See also",), ("See also", "Sub part")]
    assert document.sections[1].text == "ls [OPTION]... 'x'"
    assert document.sections[2].text == "cat(1)"
    sub = document.sections[3].text
    assert "-a\nall of them" in sub
    assert "keep   this\n  shape" in sub
    assert "A | B\n1 | 2" in sub
    assert "hidden" not in document.text
    assert "comment" not in document.text


def test_man_pages_are_read_compressed_and_by_content():
    assert parse(gzip.compress(MAN), "ls.1.gz").text == parse(MAN, "ls.1").text
    assert parse(MAN, "page.txt").kind == "man"


def test_bsd_man_pages_are_read():
    source = b".Dd 1\n.Dt ECHO 1\n.Os\n.Sh NAME\n.Nm echo\n.Nd write words\n.Sh SYNOPSIS\n.Nm\n.Op Fl n\n.Ar word\n"
    document = parse(source, "echo.1")
    assert document.title == "echo(1): write words"
    assert document.sections[1].text == "echo [-n] word"


@given(st.text(alphabet=st.characters(blacklist_characters="\\", blacklist_categories=("Cs",)), max_size=80))
def test_text_without_backslashes_passes_the_roff_reader_unchanged(text):
    assert plain(text) == text


@given(st.lists(st.text(alphabet="ab \t,.-", min_size=1, max_size=8), min_size=1, max_size=5))
def test_quoted_arguments_come_back_as_given(given_arguments):
    assert arguments(" ".join(f'"{a}"' for a in given_arguments)) == given_arguments


POD = b"""package X;
my $hidden = 1;

=encoding utf8

=head1 NAME

X - does B<things>

=head2 How do I E<lt>goE<gt>? X<index entry>

Use C<< a->b >> and L<perlop/"Or">, see L<http://a.b/c>.

    code  here

=cut

my $also_hidden;
"""


def test_pod_gives_its_text_without_the_code_around_it():
    document = parse(POD, "X.pm")
    assert (document.kind, document.title) == ("pod", "X - does things")
    assert paths(document)[1] == ("X - does things", "NAME", "How do I <go>?")
    assert document.sections[1].text == "Use a->b and perlop Or, see http://a.b/c.\n\n    code  here"
    assert "hidden" not in document.text


def test_formatting_codes_may_be_nested():
    assert pod_plain("B<a I<b> C<<< c > d >>>>") == "a b c > d"


def test_ids_names_and_tenants_are_as_asked():
    document = parse(b"text here", "a/b.txt", collection="pkg", licence="MIT")
    assert (document.id, document.source, document.tenant) == ("pkg/a/b.txt", "a/b.txt", PUBLIC)
    other = parse(b"text here", "b.txt", id="own", source="https://x", tenant="acme")
    assert (other.id, other.source, other.tenant) == ("own", "https://x", "acme")
    assert document.sha256 == other.sha256


@pytest.mark.parametrize(
    ("name", "data", "kind"),
    [
        ("page.txt", PAGE, "html"),
        ("page.pdf", PAGE, "html"),
        ("notes.html", b"just words, no markup", "text"),
        ("notes.pdf.txt", b"just words", "text"),
        ("readme.md", b"# T\n\nQuotes `<html>` in prose", "markdown"),
        ("list.1", b"1. one\n2. two\n", "text"),
    ],
)
def test_content_wins_over_a_wrong_extension(name, data, kind):
    assert parse(data, name).kind == kind
