"""Posts are screened by several threads while the rule file is replaced under them, sometimes by a broken one."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from reference.moderation.rules.hot import HotRules
from reference.moderation.rules.screen import TextRules
from reference.moderation.types import Post

RULES = '[[rule]]\nid = "r"\ncategory = "{}"\nkind = "literal"\npatterns = ["zorgle"]\n'


def replace(file: Path, body: str) -> None:
    fresh = file.with_suffix(".new")
    fresh.write_text(body, encoding="utf-8")
    os.replace(fresh, file)


def test_no_post_is_dropped_or_screened_by_half_of_the_rules_during_reloads(tmp_path: Path) -> None:
    file = tmp_path / "rules.toml"
    replace(file, RULES.format("hate"))
    hot = HotRules(file, every=0.0)
    screen = TextRules(hot)
    posts = [Post(f"p{i}", "some zorgle here" if i % 2 else "nothing here") for i in range(200)]
    stop = threading.Event()
    wrong: list[str] = []
    seen: set[str] = set()
    batches = [0, 0, 0]

    def work(who: int) -> None:
        try:
            while not stop.is_set():
                result = screen.screen(posts)
                batches[who] += 1
                kinds = {finding.category for one in result for finding in one.findings}
                seen.update(kinds)
                if [one.post_id for one in result] != [post.id for post in posts]:
                    wrong.append("posts lost or out of order")
                if len(kinds) != 1:
                    wrong.append(f"one batch saw {kinds}")
                if any(bool(one.findings) != bool(i % 2) for i, one in enumerate(result)):
                    wrong.append("a post went through without its rules")
        except Exception as error:
            wrong.append(repr(error))

    threads = [threading.Thread(target=work, args=(who,)) for who in range(3)]
    for thread in threads:
        thread.start()
    try:
        for body in (RULES.format("threat"), "broken [[", RULES.format("hate")) * 4:
            version, before = hot.version, sum(batches)
            replace(file, body)
            broken = "rule" not in body
            for _ in range(2000):  # ten seconds at most, then the assertions below speak
                taken = bool(hot.problem) if broken else hot.version != version
                if wrong or (taken and sum(batches) >= before + 6):
                    break
                stop.wait(0.005)
    finally:
        stop.set()
        for thread in threads:
            thread.join(30)
    assert wrong == []
    assert seen == {"hate", "threat"}
    assert hot.reloads == 8
    assert hot.problem == ""
