"""Man pages from their roff source: the macros man(7) and mdoc(7), text without fonts and spacing."""

from __future__ import annotations

import re

from reference.rag.parsing.limits import Unparsable
from reference.rag.parsing.outline import Outline, clean_block, one_line, row

_NAMED = {
    "aq": "'", "dq": '"', "cq": "'", "oq": "'", "lq": '"', "rq": '"', "em": "—", "en": "–", "hy": "-", "bu": "•",
    "co": "©", "rg": "®", "tm": "™", "->": "→", "<-": "←", "<=": "≤", ">=": "≥", "!=": "≠", "mu": "×", "+-": "±",
    "ti": "~", "ha": "^", "ga": "`", "rs": "\\", "sl": "/", "ul": "_", "ba": "|", "or": "|", "sq": "□", "de": "°",
    "eq": "=", "mi": "-", "pl": "+", "lB": "[", "rB": "]", "lC": "{", "rC": "}", "la": "<", "ra": ">", "ss": "ß",
    "Do": "$", "sh": "#", "at": "@", "Fo": "«", "Fc": "»", "sc": "§", "dg": "†", "12": "½", "*p": "π",
}  # fmt: skip
_FONT = r"\\f(?:\[[^\]]*\]|\(..|.)"
_SIZE_OR_COLOUR = r"\\[smMF](?:\[[^\]]*\]|\(..|[+-]?\d{1,2}|'[^']*')"
_MOTION = r"\\[hvwlLDbo](?:'[^']*')"
_STRING = r"\\[*n](?:\[[^\]]*\]|\(..|.)"
_DROPPED = re.compile("|".join((_FONT, _SIZE_OR_COLOUR, _MOTION, _STRING, r"\\k(?:\(..|.)", r"\\[&|^/,%:dcruzp]")))
_GLYPH = re.compile(r"\\\((..)|\\\[([^\]]+)\]|\\C'([^']+)'|\\N'(\d+)'")
_FONT_MACROS = {"B", "I", "R", "SB", "SM", "BI", "BR", "IB", "IR", "RB", "RI"}
_ALTERNATING = {"BI", "BR", "IB", "IR", "RB", "RI"}
_BREAKS = {"PP", "P", "LP", "sp", "Pp", "HP", "br", "RS", "RE", "IP", "TP", "TQ", "It", "Bl", "El", "Bd", "Ed"}
_PRE_ON, _PRE_OFF = {"nf", "EX", "Vb", "CS"}, {"fi", "EE", "Ve", "CE"}
_ENCLOSED = {
    "Op": ("[", "]"), "Dq": ('"', '"'), "Sq": ("'", "'"), "Pq": ("(", ")"), "Bq": ("[", "]"), "Aq": ("<", ">"),
    "Qq": ('"', '"'), "Ql": ("'", "'"), "Brq": ("{", "}"),
}  # fmt: skip
_MDOC_INLINE = {
    "Ar", "Cm", "Dv", "Em", "Er", "Ev", "Fa", "Fn", "Ft", "Ic", "Li", "Ms", "Nm", "No", "Ns", "Pa", "Sy", "Tn", "Va",
    "Vt", "Xr", "Fl", "In", "Lb", "Lk", "Mt", "Ap", "Cd", "Ad", "An", "Nd", "Xc", "Xo", "Bc", "Bo", "Do", "Dc", "Oo",
    "Oc", "Po", "Pc", "Qo", "Qc", "So", "Sc", "St", "Bx", "Fx", "Nx", "Ox", "Ux", "At", "Tg", *_ENCLOSED,
}  # fmt: skip


def read_man(text: str, name: str) -> tuple[str, Outline]:
    """`name(section)` with what the NAME section says, and the outline. Unparsable: a mere link to another page."""
    page = _Page()
    lines = _joined(text)
    for line in lines:
        page.line(line)
    page.flush()
    if page.included and not page.has_text:
        raise Unparsable(name, f"only points to {page.included}")
    return page.title(), page.outline


def _joined(text: str) -> list[str]:
    """Lines without comments, definitions of macros and conditional parts; a backslash at the end joins two lines."""
    kept: list[str] = []
    depth, until = 0, ""
    for line in re.sub(r"\\\n", "", text.replace("\r\n", "\n")).split("\n"):
        if until:
            if re.match(rf"[.']\s*{re.escape(until)}\s*$", line) or line.strip() == f".{until}":
                until = ""
            continue
        opened, closed = line.count("\\{"), line.count("\\}")
        if depth:
            depth = max(0, depth + opened - closed)
            continue
        macro = re.match(r"[.']\s*(de1?|am|ig|if|ie|el|while)\b\s*(\S*)\s*(\S*)", line)
        if macro and macro[1] in ("de", "de1", "am"):
            until = macro[3] or "."
        elif macro and macro[1] == "ig":
            until = macro[2] or "."
        elif macro:
            depth = max(0, opened - closed)
        elif not re.match(r"[.']\s*\\[\"#]|\\[\"#]|[.']\s*$|[.']\s*\\}", line):
            kept.append(re.sub(r"\\[\"#].*$", "", line))
    return kept


def plain(text: str) -> str:
    """Text without escapes: fonts, sizes and motions go, glyphs become characters."""
    return "\\".join(_without_escapes(part) for part in text.split("\\\\"))


def _without_escapes(text: str) -> str:
    text = _DROPPED.sub("", text)
    text = _GLYPH.sub(_glyph, text)
    text = re.sub(r"\\([ ~0])", " ", text)
    text = re.sub(r"\\([-.'`_e])", lambda match: "\\" if match[1] == "e" else match[1], text)
    text = re.sub(r"\\(?:t|a)", "\t", text)
    return re.sub(r"\\(.)", r"\1", text)


def _glyph(match: re.Match[str]) -> str:
    name = match[1] or match[2] or match[3] or ""
    if match[4]:
        return chr(int(match[4])) if 31 < int(match[4]) < 0x110000 else ""
    if point := re.fullmatch(r"u([0-9A-Fa-f]{4,6})", name):
        return chr(int(point[1], 16)) if int(point[1], 16) < 0x110000 else ""
    return _NAMED.get(name, name if len(name) == 1 else "")


def arguments(rest: str) -> list[str]:
    """A macro's arguments: separated by blanks, "in quotes" with blanks inside."""
    found = re.findall(r'"((?:[^"]|"")*)"?|((?:\\.|\S)+)', rest)
    return [bare if bare else quoted.replace('""', '"') for quoted, bare in found]


class _Page:
    def __init__(self) -> None:
        self.outline = Outline()
        self.name, self.number, self.about = "", "", ""
        self.paragraph: list[str] = []
        self.preformatted = self.in_table = self.in_name = False
        self.awaits_tag = False  # the line after .TP is the term of a list
        self.awaits_heading = 0  # level of a heading whose title is the next line
        self.table_head = False  # the options and formats before a table's rows
        self.table_rows: list[str] = []
        self.included = ""
        self.has_text = False

    def title(self) -> str:
        head = f"{self.name}({self.number})" if self.name and self.number else self.name
        return f"{head}: {self.about}" if head and self.about else head or self.about

    def line(self, line: str) -> None:
        macro = re.match(r"[.']\s*([A-Za-z][A-Za-z0-9]*)\s*(.*)$", line)
        if macro:
            self.macro(macro[1], macro[2].strip())
        elif self.in_table:
            self.table_line(line)
        elif self.awaits_heading:
            self.heading(self.awaits_heading, plain(line))
        elif not line.strip() and not self.preformatted:
            self.flush()
        else:
            self.text(plain(line))

    def text(self, text: str) -> None:
        self.has_text = self.has_text or bool(text.strip())
        self.paragraph.append(text)
        if self.awaits_tag and text.strip():
            self.awaits_tag = False
            self.paragraph.append("\n")

    def flush(self) -> None:
        if self.preformatted:
            block = clean_block("\n".join(self.paragraph))
        else:
            # A term stands on its own line, what it means below.
            joined = " ".join(self.paragraph)
            block = "\n".join(line for line in (one_line(part) for part in joined.split("\n")) if line)
        self.paragraph = []
        if self.in_name and not self.about and (said := re.split(r"\s[-—–]+\s", block, maxsplit=1))[1:]:
            self.about = one_line(said[1])
        if block:
            self.outline.block(block)

    def heading(self, level: int, title: str) -> None:
        self.awaits_heading = 0
        self.flush()
        title = one_line(title)
        self.in_name = title.upper() == "NAME"
        self.outline.heading(level, title.capitalize() if title.isupper() and len(title) > 3 else title)

    def macro(self, name: str, rest: str) -> None:
        given = arguments(rest)
        if name in ("TH", "Dt"):
            written = plain(given[0]) if given else ""
            self.name = written.lower() if written.isupper() else written
            self.number = plain(given[1]) if len(given) > 1 else ""
        elif name in ("SH", "SS", "Sh", "Ss"):
            level = 1 if name in ("SH", "Sh") else 2
            if given:
                self.heading(level, plain(" ".join(given)))
            else:
                self.awaits_heading = level
        elif name == "so":
            self.included = rest
        elif name == "TS":
            self.flush()
            self.in_table, self.table_head = True, True
            self.table_rows.clear()
        elif name == "TE" and self.in_table:
            self.in_table = False
            self.outline.block("\n".join(self.table_rows))
        elif self.in_table:
            pass
        elif name in _PRE_ON or (name == "Bd" and "-literal" in rest):
            self.flush()
            self.preformatted = True
        elif name in _PRE_OFF or name == "Ed":
            self.flush()
            self.preformatted = False
        elif name in _BREAKS:
            self.break_before(name, given)
        elif name in _FONT_MACROS:
            self.text(plain(("" if name in _ALTERNATING else " ").join(given)))
        elif name in ("UR", "MT"):
            self.text(plain(rest))
        elif name == "Nd":
            self.about = one_line(plain(rest))
            self.text("- " + plain(rest))
        elif name in _MDOC_INLINE:
            self.text(self.inline([name, *given]))

    def break_before(self, name: str, given: list[str]) -> None:
        if self.preformatted and name not in ("Bl", "El"):
            self.paragraph.append("")
            return
        if name == "br":
            self.paragraph.append("\n")
            return
        self.flush()
        if name in ("TP", "TQ"):
            self.awaits_tag = True
        elif name == "IP" and given:
            self.text(plain(given[0]))
            self.paragraph.append("\n" if len(given[0]) > 2 else "")
        elif name == "It":
            self.text(self.inline(given))
            self.paragraph.append("\n")

    def inline(self, given: list[str]) -> str:
        """mdoc's line: macros of the list are called wherever they stand."""
        out, closing, index = "", "", 0
        while index < len(given):
            word = given[index]
            index += 1
            if word == "Fl":
                follows = index < len(given) and given[index] not in _MDOC_INLINE
                out += (" " if out and out[-1] not in "[(<{" else "") + "-" + (plain(given[index]) if follows else "")
                index += follows
            elif word == "Nm" and (index >= len(given) or given[index] in _MDOC_INLINE):
                out += (" " if out else "") + self.name
            elif word in _ENCLOSED:
                opening, end = _ENCLOSED[word]
                out += (" " if out and out[-1] not in "[(<{" else "") + opening
                closing = end + closing
            elif word == "Xr" and index + 1 < len(given):
                out += f" {plain(given[index])}({plain(given[index + 1])})"
                index += 2
            elif word not in _MDOC_INLINE:
                tight = word in ".,:;)]" or not out or out[-1] in "[(<{"
                out += ("" if tight else " ") + plain(word)
        return out.strip() + closing

    def table_line(self, line: str) -> None:
        """tbl(1): options and formats end with a line that ends in a full stop; rows hold tabs."""
        if self.table_head:
            self.table_head = not line.rstrip().endswith(".")
            return
        if line.strip() in ("_", "=", "") or re.fullmatch(r"[_=\s]+", line):
            return
        text = row(plain(cell) for cell in re.sub(r"T[{}]", "", line).split("\t"))
        if text:
            self.has_text = True
            self.table_rows.append(text)
