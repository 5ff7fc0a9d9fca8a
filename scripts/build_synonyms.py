"""Makes the synonyms of the semantic cache's wording guard from WordNet 3.0: ``python scripts/build_synonyms.py DIR``.

DIR holds WordNet's `data.*`, `index.*` and `*.exc` files (Debian: package wordnet-base, /usr/share/wordnet). A pair of
words is kept if they share a meaning that is among the first three of each and at least one of them was met in
WordNet's tagged texts; "deliver, delivery" come from its links between derived forms. `known` are words that were met
there or are in MiniLM's vocabulary: they are no slips of the pen. WordNet's licence goes into the file, as it asks.
"""

from __future__ import annotations

import json
import re
import sys
import textwrap
from collections import defaultdict
from pathlib import Path

from reference.rag.embedding.choice import default_query_embedder

SENSES = 3
KINDS = ("noun", "verb", "adj", "adv")
TARGET = Path(__file__).parents[1] / "reference/serving/semantic_cache/data/wordnet.json"
_PLAIN = re.compile(r"[a-z]+(?:_[a-z]+)?")


def main(folder: Path) -> None:
    common = set(default_query_embedder().tokenizer.get_vocab())
    first: dict[tuple[str, str], list[str]] = {}
    tagged: set[tuple[str, str]] = set()
    usual: set[str] = set()
    for kind in KINDS:
        for line in (folder / f"index.{kind}").read_text("ascii").splitlines():
            if line.startswith(" "):
                continue
            fields = line.split()
            count = int(fields[2])
            met = int(fields[-count - 1]) > 0
            if not _PLAIN.fullmatch(fields[0]):
                continue
            if met or fields[0] in common:
                usual.add(fields[0])
            first[fields[0], kind] = fields[-count:][:SENSES]
            if met:
                tagged.add((fields[0], kind))
    words: dict[tuple[str, str], list[str]] = {}
    links: list[tuple[str, str, int, str, str, int, bool]] = []
    letter = {"n": "noun", "v": "verb", "a": "adj", "s": "adj", "r": "adv"}
    licence = []
    for kind in KINDS:
        for line in (folder / f"data.{kind}").read_text("latin-1").splitlines():
            if line.startswith("  "):
                if kind == "noun":
                    licence.append(re.sub(r"^\s+\d+ ", "", line).strip())
                continue
            fields = line.split(" | ")[0].split()
            size = int(fields[3], 16)
            words[kind, fields[0]] = [re.sub(r"\(.*\)", "", w).lower() for w in fields[4 : 4 + 2 * size : 2]]
            at = 4 + 2 * size
            for number in range(int(fields[at])):
                sign, offset, other, ends = fields[at + 1 + 4 * number : at + 5 + 4 * number]
                if sign == "&" and kind == letter[other]:  # adjectives that WordNet calls similar
                    links.append((kind, fields[0], 1, kind, offset, 1, True))
                if sign == "+" and ends != "0000":
                    links.append((kind, fields[0], int(ends[:2], 16), letter[other], offset, int(ends[2:], 16), False))
    groups, pairs = set(), set()
    for (kind, offset), members in words.items():
        kept = [w for w in members if offset in first.get((w, kind), ())]
        if len(kept) > 1 and any((w, kind) in tagged for w in kept):
            groups.add(" ".join(sorted(set(kept))))
    for kind, offset, one, other_kind, other_offset, two, similar in links:
        a, b = words[kind, offset][one - 1], words[other_kind, other_offset][two - 1]
        near = offset in first.get((a, kind), ()) and other_offset in first.get((b, other_kind), ())
        met = ((a, kind) in tagged) + ((b, other_kind) in tagged)
        if near and a < b and met >= 1 + similar:
            pairs.add(f"{a} {b}")
    forms: dict[str, str] = {}
    for kind in ("noun", "verb", "adj"):
        for line in (folder / f"{kind}.exc").read_text("ascii").splitlines():
            form, base = line.split()[:2]
            if _PLAIN.fullmatch(form) and any((base, k) in tagged for k in KINDS):
                forms.setdefault(form, base)
    by_base: dict[str, list[str]] = defaultdict(list)
    for form, base in sorted(forms.items()):
        if form != base:
            by_base[base].append(form)
    made = {
        "source": f"WordNet 3.0, by scripts/build_synonyms.py, first {SENSES} senses",
        "licence": " ".join(licence),
        "synonyms": "\n".join(sorted(g for g in groups if " " in g)),
        "derived": "\n".join(sorted(pairs - groups)),
        "known": "\n".join(textwrap.wrap(" ".join(sorted(w for w in usual if "_" not in w)), 118)),
        "forms": "\n".join(f"{base} {' '.join(some)}" for base, some in sorted(by_base.items())),
    }
    TARGET.write_text(json.dumps(made, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print({name: len(text) for name, text in made.items()}, TARGET.stat().st_size)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
