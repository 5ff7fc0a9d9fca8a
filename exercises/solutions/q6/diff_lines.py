"""A hunk's header says how many old and new lines follow; as long as either count is not used up, every line is text,
whatever it looks like. Context uses up both, a removed line the old count, an added one the new. So the next header is
found without guessing."""

import re

HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")


def commentable(patch):
    found, path, old_left, new_left, number = {}, "", 0, 0, 0
    for line in patch.split("\n"):
        if line.startswith("\\"):
            continue  # "No newline at end of file": a remark, not a line
        if old_left or new_left:
            if line.startswith("-"):
                old_left -= 1
                continue
            added = line.startswith("+")
            found[path].append([number, "added" if added else "context"])
            number += 1
            new_left -= 1
            old_left -= not added
        elif line.startswith("--- "):
            path = line[len("--- a/") :]
        elif line.startswith("+++ "):
            path = path if line == "+++ /dev/null" else line[len("+++ b/") :]
            found[path] = []
        elif header := HUNK.match(line):
            old_left, number, new_left = int(header[2] or 1), int(header[3]), int(header[4] or 1)
    return found
