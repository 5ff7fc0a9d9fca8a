"""Build it: which lines of the new text a review comment may name, read from a unified diff."""

from __future__ import annotations

import difflib
from random import Random

from exercises.model import Build, Case, Exercise, Kind, Params, Wrong
from exercises.q6 import _diff_lines_wrong as wrong
from reference.agents.diff import parse_patch

FOLDERS = ("shop", "billing", "search", "accounts")
WORDS = ("load", "total", "price", "user", "cart", "stock", "order", "limit", "token", "page", "query", "mail")


def draw(random: Random) -> dict[str, object]:
    return {"folder": random.choice(FOLDERS), "context": random.choice([1, 2, 3])}


def prompt(p: Params) -> str:
    return f"""GitHub answers 422 to a whole review if one of its comments names a line that the diff does not show.
Write `commentable(patch)`: from the text of a unified diff, as git writes it, for every file the lines of the *new*
text that it shows, as `[number, kind]` with kind `"added"` or `"context"`, in their order. Removed lines have no number
in the new text.

    diff --git a/{p["folder"]}/cart.py b/{p["folder"]}/cart.py
    --- a/{p["folder"]}/cart.py
    +++ b/{p["folder"]}/cart.py
    @@ -4,3 +4,4 @@ def total(cart):
         lines = cart.lines
    -    return sum(lines)
    +    paid = [line.price for line in lines]
    +    return sum(paid)
         # rounding is left to the caller

This gives a dictionary with one entry, `"{p["folder"]}/cart.py"`, whose value is
`[[4, "context"], [5, "added"], [6, "added"], [7, "context"]]`.

What real diffs hold besides: several hunks and files; `@@ -7 +7 @@`, where a length of 1 is left out; lengths of 0; a
new file (`--- /dev/null`); a deleted one (`+++ /dev/null`), which is named by its old path and has no lines; the remark
`\\ No newline at end of file`, which is no line; and lines of text that look like a file header: a removed `-- a/x.py`
is written `--- a/x.py`, an added `++ b/x.py` is written `+++ b/x.py`. A header's lengths say where its hunk ends."""


STUB = '''def commentable(patch: str) -> dict[str, list[list]]:
    """Path (without a/ or b/) -> [[number, kind], ...] of the new text's lines that the diff shows, in order.

    kind: "added" or "context". Numbers count from 1 and start, in each hunk, at the header's second start:
    `@@ -old_start,old_length +new_start,new_length @@ ...`. A deleted file has []; an empty patch gives {}.
    """
    raise NotImplementedError
'''


def reference(patch: str) -> dict[str, list[list[object]]]:
    return {
        file.path: [[line.new, line.kind] for hunk in file.hunks for line in hunk.lines if line.new is not None]
        for file in parse_patch(patch.encode()).files
    }


def _text(random: Random, lines: int) -> list[str]:
    return [f"{random.choice(WORDS)}_{random.randint(10, 99)} = {random.choice(WORDS)}" for _ in range(lines)]


def _edited(random: Random, old: list[str], places: int, apart: int) -> list[str]:
    """The text with `places` edits, so far apart that each becomes a hunk; every edit moves the lines behind it."""
    new = list(old)
    for number in reversed(range(places)):
        at = 2 + number * apart + random.randint(0, 1)
        new[at : at + random.randint(1, 2)] = _text(random, random.randint(3, 5))
    return new


def diff(path: str, old: list[str] | None, new: list[str] | None, context: int) -> str:
    """One file of a patch as git writes it; None for a file that does not exist on that side."""
    before, after = f"a/{path}" if old is not None else "/dev/null", f"b/{path}" if new is not None else "/dev/null"
    mode = "" if old is not None else "new file mode 100644\n"
    mode = mode if new is not None else "deleted file mode 100644\n"
    body = list(difflib.unified_diff(old or [], new or [], before, after, n=context, lineterm=""))
    return f"diff --git a/{path} b/{path}\n{mode}" + "".join(f"{line}\n" for line in body)


def cases(p: Params, random: Random) -> list[Case]:
    context = p["context"]

    def path(ending: str = "py") -> str:
        return f"{p['folder']}/{random.choice(WORDS)}_{random.randint(10, 99)}.{ending}"

    def changed(places: int, n: int = context) -> str:
        old = _text(random, 14 * places + 6)
        return diff(path(), old, _edited(random, old, places, 14), n)

    made = [Case("one hunk", {"patch": changed(1, n=3)}) for _ in range(3)]
    made += [Case("several hunks", {"patch": changed(places)}) for places in (2, 3, 2)]
    made += [Case("several files", {"patch": changed(1) + changed(2)})]
    made += [Case("several files", {"patch": diff(path(), None, _text(random, 4), 3) + changed(1)})]
    made += [Case("several files", {"patch": changed(2) + diff(path(), _text(random, 5), None, 3)})]
    for _ in range(2):  # one line each, no context: lengths are left out
        old = _text(random, 12)
        new = list(old)
        new[random.randint(2, 5)], new[random.randint(7, 10)] = _text(random, 2)
        made.append(Case("lengths of one and none", {"patch": diff(path(), old, new, 0)}))
    old = _text(random, 9)
    at = random.randint(2, 6)
    new = [*old[:at], *_text(random, 2), *old[at:]]
    made.append(Case("lengths of one and none", {"patch": diff(path(), old, new, 0)}))
    for _ in range(2):  # a note about a patch, in a patch
        old, name = _text(random, 10), path()
        at = random.randint(2, 6)
        new = [*old[:at], f"++ b/{path()}", *_text(random, 2), *old[at + 1 :]]
        old[at] = f"-- a/{name}"
        made.append(Case("text that looks like a header", {"patch": diff(path("md"), old, new, context) + changed(1)}))
    for _ in range(2):
        old = _text(random, 6)
        new = [*old[:-2], *_text(random, random.randint(2, 3))]
        remark = "\\ No newline at end of file"
        patch = diff(path(), old, new, context).replace(f"-{old[-1]}\n", f"-{old[-1]}\n{remark}\n") + f"{remark}\n"
        made.append(Case("a last line without an end", {"patch": patch}))
    return [*made, Case("an empty patch", {"patch": ""})]


EXERCISE = Exercise(
    id="q6-diff-lines",
    kind=Kind.BUILD,
    title="Where may a comment stand?",
    section="4.4",
    difficulty=2,
    minutes=25,
    points=8,
    draw=draw,
    prompt=prompt,
    hints=(
        "Two states: between hunks (headers) and inside one (lines of text). What tells you that a hunk is over?",
        "Inside a hunk the first character decides: which kinds take one off the old length, which off the new?",
        "A length that is left out is 1. `re.match` with an optional group finds both forms.",
    ),
    build=Build(
        name="commentable",
        stub=STUB,
        reference=reference,
        wrong=(
            Wrong("old_line_numbers", wrong.old_line_numbers),
            Wrong("removed_lines_counted", wrong.removed_lines_counted),
            Wrong("place_in_the_diff", wrong.place_in_the_diff),
            Wrong("hunk_without_length", wrong.hunk_without_length),
            Wrong("text_taken_for_header", wrong.text_taken_for_header),
            Wrong("end_mark_counted", wrong.end_mark_counted),
        ),
        cases=cases,
    ),
)
