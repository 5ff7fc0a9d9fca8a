from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from reference.moderation.types import Action, Post

ray = pytest.importorskip("ray", reason="Ray is in the extra `cluster`")

FAKES = Path(__file__).parents[2] / "unit" / "moderation"


@pytest.mark.slow
def test_actors_decide_in_order_and_survive_the_death_of_one(monkeypatch):
    from reference.moderation.streams.ray_pool import RayPool

    root = Path(__file__).parents[3]
    monkeypatch.setenv("PYTHONPATH", f"{FAKES}{os.pathsep}{root}")
    pool = RayPool("mod_parts_fakes:rules_moderator", actors=2)
    try:
        posts = [Post(f"p{i}", "rule:spam" if i % 7 == 0 else "12") for i in range(500)]
        decisions = []
        for decision in pool.decide(posts, batch=20):
            if len(decisions) == 100:
                os.kill(pool.pids()[0], signal.SIGKILL)
            decisions.append(decision)
        assert [d.post_id for d in decisions] == [p.id for p in posts]
        assert [d.post_id for d in decisions if d.action is Action.REJECT] == [p.id for p in posts if "spam" in p.text]
    finally:
        pool.close()
        ray.shutdown()
