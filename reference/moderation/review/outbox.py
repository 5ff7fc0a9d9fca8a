"""Closed posts on their way to the decision log: they wait here until it took them."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from reference.moderation.interfaces import DecisionLog
from reference.moderation.types import Action, Decision, Finding, Post, Tier

from .records import decision_from, post_from, with_media_names
from .store import Store, redis_errors
from .types import Outcome


class Outbox:
    """Passes closed posts to `log` at least once; the log ignores what it has. Arguments as for `ReviewQueue`."""

    def __init__(
        self,
        store: Store,
        log: DecisionLog | None,
        reasons: Callable[[Post, Decision], Sequence[Mapping[str, Any]]] | None,
        categories: Mapping[str, int],
    ) -> None:
        self.error = ""  # why the log did not take what waits; empty if it did
        self._store, self._log, self._reasons, self._categories = store, log, reasons, categories

    def flush(self, keep_s: float) -> list[Outcome]:
        """Logs what waits, up to the first failure, which `error` then names; returns what was logged now.

        Args:
            keep_s: seconds for which the verdicts about a logged post are kept.
        """
        client, prefix = self._store.client, self._store.prefix
        with redis_errors("the outbox was not read"):
            waiting = sorted(client.smembers(prefix + "outbox"))
        self.error, done = "", []
        for inner in (one.decode() for one in waiting):
            closed = self._closed(inner)
            if closed is None:
                continue  # another process logged it meanwhile
            outcome, decision, post = closed
            if self._log is not None:
                try:
                    statements = self._reasons(post, decision) if self._reasons else ()
                    if statements:
                        self._log.append([decision], statements=statements)
                    else:
                        self._log.append([decision])
                except Exception as error:  # whatever a log raises: the post stays in the outbox
                    self.error = f"{type(error).__name__}: {error}"
                    break
            with redis_errors("the outbox was not emptied"):
                # Logged first, forgotten after: a crash between the two logs again, which the log ignores.
                pipe = client.pipeline(transaction=True)
                pipe.hdel(f"{prefix}item:{inner}", "data")
                pipe.expire(f"{prefix}item:{inner}", math.ceil(keep_s))
                pipe.srem(prefix + "outbox", inner)
                pipe.execute()
            done.append(outcome)
        return done

    def _closed(self, inner: str) -> tuple[Outcome, Decision, Post] | None:
        with redis_errors("the outcome was not read"):
            item = self._store.client.hgetall(f"{self._store.prefix}item:{inner}")
        if b"data" not in item:
            return None
        data = json.loads(item[b"data"])
        before, post = decision_from(data["decision"]), with_media_names(post_from(data["post"]), data["media"])
        action, category = Action(item[b"action"].decode()), item[b"category"].decode()
        closed_at = float(item[b"closed"])
        verdicts = self._store.verdicts(before.post_id)
        rejected = action is Action.REJECT
        detail = f"{len(verdicts)} reviewer{'s' if len(verdicts) > 1 else ''} looked; the verdict is {action}"
        finding = Finding(category, 1.0, Tier.PERSON, "person", detail) if rejected else None
        outcome = Outcome(before.post_id, action, category, verdicts, closed_at)
        decision = Decision(
            post_id=before.post_id,
            action=action,
            category=category,
            tier=Tier.PERSON,
            findings=((finding,) if finding else ()) + before.findings,
            versions={**before.versions, "reviewers": ",".join(one.reviewer for one in verdicts)},
            language=before.language,
            country=before.country,
            severity=self._categories.get(category, before.severity) if rejected else 0,
            decided_at=datetime.fromtimestamp(closed_at, UTC),
            missing=before.missing,
        )
        return outcome, decision, post
