"""POD, the documentation format of Perl: headings, items, verbatim blocks; formatting codes give their text."""

from __future__ import annotations

import re

from reference.rag.parsing.outline import Outline, clean_block, one_line

_ENTITIES = {"lt": "<", "gt": ">", "verbar": "|", "sol": "/", "amp": "&", "quot": '"', "nbsp": " ", "eacute": "é"}
# C< x > with two to five brackets holds text with brackets of its own; with one it ends at the first.
_LONG = "|".join(rf"<{{{n}}}(?!<)\s+(?P<long{n}>.*?)\s+>{{{n}}}" for n in range(2, 6))
_CODE = re.compile(rf"([BCEFILSXZ])(?:{_LONG}|<(?P<short>[^<>]*)>)", re.DOTALL)


def read_pod(text: str) -> tuple[str, Outline]:
    """The NAME section's line (`name - what it is`) as the title, and the outline. Perl code around POD is left out."""
    outline = Outline()
    title, after_name = "", False
    begins_with_pod = bool(re.match(r"\s*=[a-z]", text))
    in_pod, ignored = begins_with_pod, ""
    for paragraph in re.split(r"\n[ \t]*\n+", text.replace("\r\n", "\n")):
        paragraph = paragraph.strip("\n")
        command = re.match(r"=([a-zA-Z]\w*)\s*(.*)", paragraph, re.DOTALL)
        if command:
            word, rest = command[1], one_line(plain(command[2]))
            in_pod = word != "cut"
            if word == "begin":
                ignored = rest.split(" ")[0]
            elif word == "end":
                ignored = ""
            elif word.startswith("head") and word[4:].isdigit():
                outline.heading(int(word[4:]), rest)
                after_name = rest.upper() == "NAME"
            elif word == "item":
                outline.block(rest if rest not in ("*", "") else "")
        elif in_pod and not ignored and paragraph.strip():
            if paragraph[0] in " \t":
                outline.block(clean_block(paragraph))
                continue
            block = one_line(plain(paragraph))
            if after_name and not title:
                title = block
            outline.block(block)
    return title[:200], outline


def plain(text: str) -> str:
    """Text without formatting codes; L<text|target> gives the text, X<> (index entries) and Z<> nothing."""
    for _ in range(20):  # innermost first
        replaced = _CODE.sub(_resolved, text)
        if replaced == text:
            break
        text = replaced
    return text.replace("\x01", "<").replace("\x02", ">")


def _resolved(match: re.Match[str]) -> str:
    letter, inner = match[1], next((found for found in match.groups()[1:] if found is not None), "")
    if letter in "XZ":
        return ""
    if letter == "E":
        value = _ENTITIES.get(inner)
        if value is None:
            number = re.fullmatch(r"(0x[0-9a-fA-F]+|\d+)", inner)
            value = chr(int(inner, 0)) if number and int(inner, 0) < 0x110000 else inner
        return value.replace("<", "\x01").replace(">", "\x02")
    if letter == "L":
        shown, _, target = inner.rpartition("|")
        inner = shown or (target if "://" in target else target.replace("/", " ").replace('"', ""))
    # Angle brackets of the text itself must not be read as another code.
    return inner.replace("<", "\x01").replace(">", "\x02")
