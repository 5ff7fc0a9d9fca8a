"""Text as it is: characters that hide, reorder or pile up are shown by name, so that a reviewer sees what is there."""

from __future__ import annotations

import unicodedata

_NAMES = {
    "\u202a": "LRE", "\u202b": "RLE", "\u202c": "PDF", "\u202d": "LRO", "\u202e": "RLO",
    "\u2066": "LRI", "\u2067": "RLI", "\u2068": "FSI", "\u2069": "PDI",
    "\u200e": "LRM", "\u200f": "RLM", "\u061c": "ALM",
    "\u200b": "ZWSP", "\u2060": "WJ", "\ufeff": "BOM", "\u00ad": "SHY",
}  # fmt: skip
_MOST_MARKS = 3  # combining marks on one letter; living scripts need no more


def visible(text: str) -> list[list[str]]:
    """Runs of the text as [kind, text]: `text` is shown as it is, `mark` names a character that cannot be seen.

    Zero-width joiners stay (emoji and Indic scripts need them), unless they stand between ASCII letters. Of more than
    three combining marks on one letter the rest is counted.
    """
    runs: list[list[str]] = []

    def say(kind: str, piece: str) -> None:
        if runs and kind == "text" and runs[-1][0] == "text":
            runs[-1][1] += piece
        else:
            runs.append([kind, piece])

    marks = 0
    for index, letter in enumerate(text):
        category = unicodedata.category(letter)
        if category == "Mn":
            marks += 1
            if marks <= _MOST_MARKS:
                say("text", letter)
            elif runs[-1][0] == "mark" and runs[-1][1].startswith("+"):
                runs[-1][1] = f"+{marks - _MOST_MARKS} marks"
            else:
                say("mark", "+1 marks")
            continue
        marks = 0
        if letter in _NAMES:
            say("mark", _NAMES[letter])
        elif letter in "\u200c\u200d":
            around = text[max(0, index - 1) : index] + text[index + 1 : index + 2]
            hidden = around.isascii()
            say("mark" if hidden else "text", "ZWJ" if hidden and letter == "\u200d" else "ZWNJ" if hidden else letter)
        elif letter not in "\n\t" and category in ("Cc", "Cf", "Co", "Cs", "Cn"):
            say("mark", f"U+{ord(letter):04X}")
        else:
            say("text", letter)
    return runs
