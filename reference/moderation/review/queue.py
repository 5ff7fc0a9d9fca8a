"""The review queue: posts in Redis Streams by severity, views and language; leases, double review, load limits."""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import unquote

from reference.moderation.evaluation.agreement import Agreement, agreement_of
from reference.moderation.interfaces import DecisionLog
from reference.moderation.types import Action, Decision, Media, Post

from .outbox import Outbox
from .records import (
    decision_fields,
    decision_from,
    post_fields,
    post_from,
    verdict_from,
    verdict_text,
)
from .store import Store, internal_id, redis_errors
from .types import (
    Item,
    MediaNote,
    Outcome,
    QueueFull,
    QueueSettings,
    QueueState,
    Rest,
    Reviewer,
    ReviewError,
    Verdict,
    Wellbeing,
)

_MOST_NOTE = 2000


class ReviewQueue:
    """Implements `interfaces.Reviews`; safe for many threads and processes, since every step is one script on Redis.

    A lane (one stream) per severity, power of ten of views, language and stage holds its posts in order of arrival, so
    that only the heads of the lanes need comparing. Closed posts go to `log` at least once: they wait in an outbox
    until the log took them, and the log ignores what it has.

    Args:
        client: of redis-py, `decode_responses=False` (`reference.serving.redis_store.connect()`).
        log: where final decisions go; None only for tests and drills.
        categories: ids that a rejection may name, with their severity (1 to 4); none: any.
        reasons: statements of reasons for a closed post, which go to the log with the decision (see
            `record.reasons_of`); the post has no media data. None: no statements.
        clock: seconds since the epoch.
    """

    def __init__(
        self,
        client: Any,
        log: DecisionLog | None = None,
        *,
        settings: QueueSettings | None = None,
        name: str = "main",
        categories: Mapping[str, int] | None = None,
        reasons: Callable[[Post, Decision], Sequence[Mapping[str, Any]]] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if not name.replace("-", "").isalnum():
            raise ReviewError(f"name of the queue {name!r}: use letters, digits and hyphens")
        self.settings = settings or QueueSettings()
        self.categories = dict(categories or {})
        self._clock = clock
        self._store = Store(client, f"mod:review:{name}:")
        self._outbox = Outbox(self._store, log, reasons, self.categories)
        self._client, self._prefix = client, self._store.prefix

    def put(self, post: Post, decision: Decision) -> None:
        """Queues an escalated post; a post that is or was queued is left as it is.

        Raises:
            QueueFull: over `most_waiting`; keep the post and try again.
            ReviewUnavailable: Redis is gone; nothing was queued.
            ReviewError: the decision is of another post.
        """
        if decision.post_id != post.id:
            raise ReviewError(f"the decision is of post {decision.post_id!r}, the post is {post.id!r}")
        inner = internal_id(post.id)
        media, notes, left = [], [], self.settings.most_media_bytes
        every = [("image", one) for one in post.images] + ([("video", post.video)] if post.video else [])
        for index, (kind, one) in enumerate(every[:20]):
            kept = len(one.data) <= left
            if kept:
                left -= len(one.data)
                media += [str(index), one.data]
            name = one.name[:200].encode("utf-8", "replace").decode()
            notes.append({"name": name, "kind": kind, "size": len(one.data), "kept": kept})
        data = {
            "post": post_fields(post, self.settings.most_text),
            "decision": decision_fields(decision),
            "media": notes,
        }
        said = self._store.call(
            "put",
            f"post {post.id!r} was not queued for review",
            self._clock(),
            inner,
            self.lane(post, decision),
            2 if self.doubled(post.id) else 1,
            self.settings.most_waiting,
            json.dumps(data),
            *media,
        )
        if said == b"full":
            most = self.settings.most_waiting
            raise QueueFull(
                f"post {post.id!r}: the review queue holds {most} posts; add reviewers or raise most_waiting"
            )

    @staticmethod
    def lane(post: Post, decision: Decision) -> str:
        """`severity:views:language:first`: severity 1 to 4, views as a power of ten up to 6."""
        views = min(6, int(math.log10(1 + max(0, post.views))))
        language = decision.language if decision.language.isalpha() and decision.language.isascii() else "und"
        return f"{min(4, max(1, decision.severity))}:{views}:{language.lower()[:3]}:first"

    def doubled(self, post_id: str) -> bool:
        """Whether two people judge this post; drawn by its id, so that nobody can tell which from outside."""
        digest = hashlib.blake2b(post_id.encode("utf-8", "surrogatepass"), digest_size=8, person=b"double").digest()
        return int.from_bytes(digest, "big") < self.settings.double_share * 2**64

    def next(self, reviewer: Reviewer) -> Item | Rest:
        """The post to judge now; the same one again while the reviewer's lease on it lives."""
        self._settle()  # a log that is down must not stop reviews: the outbox keeps what it has not taken
        set_, limit = self.settings, self.settings.limits
        now = self._clock()
        said = self._store.call(
            "claim", "no post was handed out", now, reviewer.id, set_.lease_s,
            "|" + "".join(f"{code}|" for code in sorted(reviewer.languages)), int(reviewer.lead), set_.ageing_s,
            set_.open_after_s, limit.severe_from, limit.severe_per_hour, limit.severe_per_shift, limit.shift_s,
            limit.work_s, limit.break_s,
        )  # fmt: skip
        if said[0] != b"item":
            return Rest(said[0].decode(), float(said[1]))
        lane, inner, until, at = said[1].decode(), said[2].decode(), float(said[3]), float(said[4])
        data = self._data(inner)
        language = lane.split(":")[2]
        return Item(
            post=post_from(data["post"]),
            decision=decision_from(data["decision"]),
            media=tuple(MediaNote(**one) for one in data["media"]),
            text_cut=data["post"]["text_cut"],
            stage=lane.split(":")[3],
            lease_until=until,
            speaks=language == "und" or language in reviewer.languages,
            waited_s=max(0.0, now - at),
        )

    def submit(
        self, reviewer: Reviewer, post_id: str, action: Action, category: str = "", note: str = "", *, stage: str = ""
    ) -> float:
        """Gives a verdict; it counts once `undo_s` has passed. The same verdict sent twice counts once.

        Returns:
            When it counts, seconds since the epoch (0.0 if the reviewer had said the same before).
        Raises:
            ReviewError: another verdict was given before, the lease is lost, the post is closed, or a field is wrong.
        """
        action = Action(action)
        if action is Action.REJECT and not category:
            raise ReviewError("category: a rejection names the category of the policy that the post breaks")
        if action is not Action.REJECT and category:
            raise ReviewError(f"category: {action} takes none, got {category!r}")
        if category and self.categories and category not in self.categories:
            raise ReviewError(f"category {category!r} is not in the policy: choose of {', '.join(self.categories)}")
        if action is Action.ESCALATE and stage == "lead":
            raise ReviewError("action: a lead's verdict is final; approve or reject")
        if len(note) > _MOST_NOTE:
            raise ReviewError(f"note: at most {_MOST_NOTE} characters, got {len(note)}")
        now = self._clock()
        verdict = Verdict(reviewer.id, action, category, note, now)
        inner = internal_id(post_id)
        state, said = self._store.call(
            "submit", "the verdict was not stored", now, reviewer.id, inner, self.settings.undo_s, verdict_text(verdict)
        )
        if state == b"already":
            before = verdict_from(said)
            if (before.action, before.category) == (action, category):
                return 0.0
            raise ReviewError(f"post {post_id!r}: you said {before.label} before; undo it first, or leave it")
        if state == b"closed":
            raise ReviewError(f"post {post_id!r} is not open: it was decided meanwhile, or never queued; take the next")
        if state == b"lost":
            raise ReviewError(
                f"post {post_id!r}: you do not hold it (the lease ran out, or it was undone); take the next"
            )
        if self.settings.undo_s == 0:
            self._settle()
        return float(said)

    def undo(self, reviewer: Reviewer, post_id: str) -> bool:
        """Takes a verdict back within `undo_s`; the post is the reviewer's again. False: too late."""
        inner = internal_id(post_id)
        args = (reviewer.id, inner, self.settings.lease_s)
        return self._store.call("undo", "nothing was undone", self._clock(), *args) == b"undone"

    def release(self, reviewer: Reviewer) -> bool:
        """Gives the reviewer's post back to the others (end of a shift). False: there was none."""
        return bool(self._store.call("release", "nothing was given back", self._clock(), reviewer.id))

    def settle(self) -> list[Outcome]:
        """Counts verdicts whose undo time is over and passes closed posts to the log. `next` does the same; call it
        every few seconds where nobody asks for posts. Returns the outcomes that were logged now.

        Raises:
            ReviewError: the log did not take them; they wait in the outbox for the next call.
        """
        done = self._settle()
        if self._outbox.error:
            why = self._outbox.error
            raise ReviewError(f"the decision log did not take closed posts, they wait in the outbox: {why}")
        return done

    def _settle(self) -> list[Outcome]:
        while self._store.call("settle", "verdicts were not counted", self._clock(), self.settings.keep_s) >= 500:
            pass
        return self._outbox.flush(self.settings.keep_s)

    def verdicts(self, post_id: str) -> tuple[Verdict, ...]:
        """Counted verdicts about a post, in the order in which they counted."""
        return self._store.verdicts(post_id)

    def media(self, reviewer: Reviewer, post_id: str, index: int) -> Media:
        """A kept picture or video of the post that the reviewer holds.

        Raises:
            ReviewError: the reviewer does not hold the post, or it has no such medium.
        """
        inner = internal_id(post_id)
        with redis_errors("the medium was not read"):
            current = self._client.get(f"{self._prefix}current:{reviewer.id}") or b""
            data = self._client.hget(f"{self._prefix}media:{inner}", str(index))
        if current.decode().rsplit("|", 1)[-1] != inner:
            raise ReviewError(f"post {post_id!r}: its media are shown only to the reviewer who holds it")
        if data is None:
            raise ReviewError(f"post {post_id!r} has no kept medium {index}")
        return Media(self._data(inner)["media"][index]["name"], data)

    def wellbeing(self, reviewer: Reviewer) -> Wellbeing:
        """The reviewer's load now."""
        now, limit = self._clock(), self.settings.limits
        with redis_errors("the reviewer's load was not read"):
            key = f"{self._prefix}exposure:{reviewer.id}"
            hour = self._client.zcount(key, f"({now - 3600!r}", "+inf")
            shift = self._client.zcount(key, f"({now - limit.shift_s!r}", "+inf")
            since, last, rest = self._client.hmget(f"{self._prefix}work:{reviewer.id}", "since", "last", "break_until")
        begun, seen = float(since or 0), float(last or 0)
        working = now - begun if begun and now - seen < limit.break_s else 0.0
        return Wellbeing(hour, shift, working, float(rest or 0))

    def waiting(self) -> int:
        """Open posts."""
        with redis_errors("the queue was not counted"):
            return int(self._client.zcard(self._prefix + "posts"))

    def state(self) -> QueueState:
        """Counts over all lanes; O(waiting posts) for languages and severities, so not for every request."""
        now, p = self._clock(), self._prefix
        with redis_errors("the queue was not counted"):
            posts = self._client.zrange(p + "posts", 0, -1)
            oldest = self._client.zrange(p + "posts", 0, 0, withscores=True)
            pipe = self._client.pipeline(transaction=False)
            for inner in posts:
                pipe.hget(f"{p}item:{inner.decode()}", "lane")
            lanes = [lane.decode().split(":") for lane in pipe.execute() if lane]
            unlogged = self._client.scard(p + "outbox")
        return QueueState(
            waiting=len(posts),
            by_severity=dict(sorted(Counter(int(lane[0]) for lane in lanes).items())),
            by_language=dict(Counter(lane[2] for lane in lanes).most_common()),
            oldest_s=max(0.0, now - oldest[0][1]) if oldest else 0.0,
            unlogged=unlogged,
        )

    def agreement(self) -> Agreement:
        """Cohen's kappa over the last 10,000 posts that two people judged independently."""
        with redis_errors("agreement was not counted"):
            pairs = [json.loads(one) for one in self._client.lrange(self._prefix + "pairs", 0, -1)]
        return agreement_of([(one[0], one[1]) for one in pairs])

    def _data(self, inner: str) -> dict[str, Any]:
        with redis_errors("the post was not read"):
            text = self._client.hget(f"{self._prefix}item:{inner}", "data")
        if text is None:
            raise ReviewError(f"post {unquote(inner)!r} was decided meanwhile; take the next")
        data: dict[str, Any] = json.loads(text)
        return data
