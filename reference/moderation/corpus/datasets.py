"""Readers of public labelled sets that a user has as CSV files. The sets themselves are not part of this project.

Every function takes a path and returns labelled posts; the label is "hate" for what the set calls hateful or toxic, and
empty otherwise. A file without the needed columns gives a ModerationError that names them.
"""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from reference.moderation.corpus.labelled import LabelledPost
from reference.moderation.types import ModerationError, Post

_LANGUAGES = {
    "arabic": "ar", "dutch": "nl", "english": "en", "french": "fr", "german": "de", "hindi": "hi", "italian": "it",
    "mandarin": "zh", "polish": "pl", "portuguese": "pt", "spanish": "es",
}  # fmt: skip


def _rows(path: Path | str, needed: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    path = Path(path)
    csv.field_size_limit(1 << 24)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            missing = [name for name in needed if name not in (reader.fieldnames or [])]
            if missing:
                raise ModerationError(
                    f"{path}: no column {', '.join(missing)}; found {', '.join(reader.fieldnames or ['nothing'])}"
                )
            for line, row in enumerate(reader, 2):
                if any(row[name] is None for name in needed):
                    raise ModerationError(f"{path}: row {line} is cut off; fetch the file again")
                yield line, row
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ModerationError(f"{path} cannot be read as a CSV file in UTF-8: {error}") from error


def _row(key: str, text: str, bad: bool, functionality: str, template: str, language: str = "en") -> LabelledPost:
    return LabelledPost(
        Post(key, text, language=language), "hate" if bad else "", functionality, template, language, ""
    )


def _complete(rows: list[LabelledPost], path: Path | str) -> list[LabelledPost]:
    if not rows:
        raise ModerationError(f"{path} holds no rows")
    return rows


def _label(value: str, labels: dict[str, bool], path: Path | str, line: int) -> bool:
    try:
        return labels[value.strip().casefold()]
    except KeyError:
        raise ModerationError(f"{path}: row {line}: label {value!r}; expected {', '.join(labels)}") from None


def davidson(path: Path | str) -> list[LabelledPost]:
    """labeled_data.csv: columns class (0 hate, 1 offensive, 2 neither) and tweet. 0 and 1 count as violating."""
    found, names = [], ("hate_speech", "offensive", "neither")
    for line, row in _rows(path, ("class", "tweet")):
        bad = _label(row["class"], {"0": True, "1": True, "2": False}, path, line)
        found.append(_row(f"davidson-{line}", row["tweet"], bad, names[int(row["class"])], f"davidson-{line}"))
    return _complete(found, path)


def hatecheck(path: Path | str) -> list[LabelledPost]:
    """HateCheck or one file of Multilingual HateCheck: functionality, test_case, label_gold, and templ_id if there."""
    found = []
    for line, row in _rows(path, ("functionality", "test_case", "label_gold")):
        bad = _label(row["label_gold"], {"hateful": True, "non-hateful": False}, path, line)
        template = row.get("templ_id") or row.get("case_templ") or str(line)
        language = _LANGUAGES.get((row.get("language") or "english").casefold(), "")
        found.append(_row(f"hatecheck-{line}", row["test_case"], bad, row["functionality"], f"hc-{template}", language))
    return _complete(found, path)


def multilingual_hatecheck(folder: Path | str) -> list[LabelledPost]:
    """Every *.csv of a folder, language taken from the file's name (e.g. hatecheck_cases_final_german.csv)."""
    files = sorted(Path(folder).glob("*.csv"))
    if not files:
        raise ModerationError(f"{folder} holds no CSV files of Multilingual HateCheck")
    found = []
    for path in files:
        code = next((code for name, code in _LANGUAGES.items() if name in path.stem.casefold()), None)
        if code is None:
            raise ModerationError(f"{path.name} names none of the languages {', '.join(_LANGUAGES)}")
        for row in hatecheck(path):
            post = Post(f"{path.stem}-{row.post.id}", row.post.text, language=code)
            found.append(
                LabelledPost(post, row.category, row.functionality, f"{code}-{row.template}", code, row.transform)
            )
    return found


def surge(path: Path | str) -> list[LabelledPost]:
    """toxicity_en.csv: columns text and is_toxic (Toxic, Not Toxic)."""
    labels = {"toxic": True, "not toxic": False}
    return _complete(
        [
            _row(f"surge-{line}", row["text"], _label(row["is_toxic"], labels, path, line), "surge", f"surge-{line}")
            for line, row in _rows(path, ("text", "is_toxic"))
        ],
        path,
    )


def openai_1680(path: Path | str) -> list[LabelledPost]:
    """samples-1680.jsonl(.gz): prompt and the marks S, H, V, HR, SH, H2, V2, S3. Rows marked S3 are dropped unread."""
    path = Path(path)
    found = []
    try:
        with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as file:
            for line, text in enumerate(file, 1):
                row = json.loads(text)
                if row.get("S3") or not isinstance(row.get("prompt"), str):
                    continue
                bad = any(row.get(mark) for mark in ("S", "H", "V", "HR", "SH", "H2", "V2"))
                found.append(_row(f"openai-{line}", row["prompt"], bad, "openai", f"openai-{line}"))
    except (OSError, EOFError, ValueError, AttributeError) as error:
        raise ModerationError(f"{path} cannot be read as JSON lines: {error}") from error
    return _complete(found, path)
