"""The appeals desk: its own queue, people who had no part in the decision, answers with reasons, labels fed back."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict
from functools import lru_cache
from importlib.resources import files
from typing import Any, Protocol
from urllib.parse import quote, unquote

from reference.moderation.review.records import decision_fields, decision_from
from reference.moderation.review.types import Reviewer, ReviewUnavailable
from reference.moderation.types import Action, Decision, Media

from .rates import overturn_rate
from .records import answer_from, label_from, label_of, outcome_of
from .types import Answer, Appeal, AppealError, AppealSettings, AppealUnavailable, Evidence, Label, OverturnRate, Result

_MOST_REASONS = 5000
_MOST_LABELS = 100_000


class AppealLog(Protocol):
    """A decision log with rounds: round 0 is the first time, round 1 the appeal."""

    def append(self, decisions: list[Decision], *, round: int) -> int: ...


@lru_cache(maxsize=1)
def _scripts() -> dict[str, str]:
    folder = files(__package__)
    return {name: (folder / f"{name}.lua").read_text(encoding="utf-8") for name in ("file", "claim", "answer")}


class Appeals:
    """One appeal per post, decided by a person who had no part in the decision; a model alone never answers one.

    Args:
        client: of redis-py, `decode_responses=False`.
        log: where the outcome of an overturned appeal goes (as round 1); answers wait in an outbox until it took them.
        first_reviewers: the people who judged a post (`[v.reviewer for v in ReviewQueue.verdicts(post_id)]`), beside
            those that the decision itself names.
        clock: seconds since the epoch.
    """

    def __init__(
        self,
        client: Any,
        log: AppealLog | None = None,
        *,
        settings: AppealSettings | None = None,
        first_reviewers: Callable[[str], Iterable[str]] = lambda post_id: (),
        name: str = "main",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.settings = settings or AppealSettings()
        self._client, self._log, self._first, self._clock = client, log, first_reviewers, clock
        self._prefix = f"mod:appeals:{name}:"
        self._calls = {key: client.register_script(text) for key, text in _scripts().items()}

    def file(self, decision: Decision, evidence: Evidence, post_text: str = "") -> Appeal:
        """Takes an appeal against a rejection. Filing the same post again returns the first appeal.

        Raises:
            AppealError: not a rejection, too late, empty, over a limit of `AppealSettings`, or the desk is full.
        """
        now, limits = self._clock(), self.settings
        if decision.action is not Action.REJECT:
            raise AppealError(f"post {decision.post_id!r}: only rejections can be appealed, this is {decision.action}")
        if now - decision.decided_at.timestamp() > limits.open_for_s:
            days = limits.open_for_s / 86400
            raise AppealError(f"post {decision.post_id!r}: appeals are open for {days:.0f} days after the decision")
        self._check(evidence)
        involved = {one for one in decision.versions.get("reviewers", "").split(",") if one}
        involved |= set(self._first(decision.post_id))
        inner, due = _inner(decision.post_id), now + limits.answer_within_s
        data = {
            "text": _clean(evidence.text),
            "links": [_clean(link) for link in evidence.links],
            "files": [_clean(one.name)[:200] for one in evidence.files],
            "decision": decision_fields(decision),
            "filed_at": now,
            "due_at": due,
            "post_text": _clean(post_text[:20_000]),
        }
        said = self._call(
            "file", "the appeal was not filed", now, inner, limits.most_open, json.dumps(data), repr(due),
            len(evidence.files), *(one.data for one in evidence.files), *sorted(involved),
        )  # fmt: skip
        if said == b"full":
            raise AppealError(f"the appeals desk holds {limits.most_open} open appeals; try again later")
        return self.get(decision.post_id)

    def _check(self, evidence: Evidence) -> None:
        limits = self.settings
        if not (evidence.text.strip() or evidence.links or evidence.files):
            raise AppealError("evidence: say in a text, a link or a file why the decision is wrong")
        if len(evidence.text) > limits.most_text:
            raise AppealError(f"evidence.text: at most {limits.most_text} characters, got {len(evidence.text)}")
        if len(evidence.links) > limits.most_links or any(len(link) > 2000 for link in evidence.links):
            raise AppealError(f"evidence.links: at most {limits.most_links} of at most 2000 characters each")
        size = sum(len(one.data) for one in evidence.files)
        if len(evidence.files) > limits.most_files or size > limits.most_bytes:
            most = f"{limits.most_files} files of together {limits.most_bytes} bytes"
            raise AppealError(f"evidence.files: at most {most}, got {len(evidence.files)} of {size} bytes")

    def get(self, post_id: str) -> Appeal:
        """The appeal of a post, open or answered. Raises `AppealError` if there is none."""
        inner = _inner(post_id)
        with _redis("the appeal was not read"):
            text = self._client.hget(f"{self._prefix}item:{inner}", "data")
            involved = self._client.smembers(f"{self._prefix}involved:{inner}")
        if text is None:
            raise AppealError(f"post {post_id!r} has no appeal")
        data = json.loads(text)
        return Appeal(
            post_id=post_id,
            text=data["text"],
            links=tuple(data["links"]),
            files=tuple(data["files"]),
            decision=decision_from(data["decision"]),
            involved=frozenset(one.decode() for one in involved),
            filed_at=data["filed_at"],
            due_at=data["due_at"],
            post_text=data["post_text"],
        )

    def next(self, reviewer: Reviewer) -> Appeal | None:
        """The open appeal nearest to its deadline, never one of a decision in which the reviewer had a part."""
        args = (reviewer.id, self.settings.lease_s)
        said = self._call("claim", "no appeal was handed out", self._clock(), *args)
        return self.get(_outer(said)) if said else None

    def file_bytes(self, reviewer: Reviewer, post_id: str, index: int) -> Media:
        """A file of the appeal that the reviewer holds. Raises `AppealError` otherwise. Nothing about it is checked."""
        inner = _inner(post_id)
        with _redis("the file was not read"):
            holder = self._client.hget(self._prefix + "holder", inner)
            data = self._client.hget(f"{self._prefix}files:{inner}", str(index))
        if holder != reviewer.id.encode():
            raise AppealError(f"post {post_id!r}: its evidence is shown only to the reviewer who holds the appeal")
        if data is None:
            raise AppealError(f"the appeal of post {post_id!r} has no file {index}")
        return Media(self.get(post_id).files[index], data)

    def answer(self, reviewer: Reviewer, post_id: str, result: Result, reasons: str, category: str = "") -> Answer:
        """Answers the appeal that the reviewer holds; final. The same answer sent twice counts once.

        Raises:
            AppealError: no reasons, a category that does not fit the result, a lost lease, or another answer stands.
        """
        result, now = Result(result), self._clock()
        if not reasons.strip() or len(reasons) > _MOST_REASONS:
            raise AppealError(f"reasons: the author is owed some, in at most {_MOST_REASONS} characters")
        if (result is Result.PARTLY) != bool(category):
            raise AppealError("category: needed for `partly` (the violation that remains), and only there")
        appeal = self.get(post_id)
        if reviewer.id in appeal.involved:
            raise AppealError(f"post {post_id!r}: {reviewer.id} had a part in the decision; another person must answer")
        made = Answer(post_id, result, reasons, reviewer.id, category, now, now > appeal.due_at)
        args = (reviewer.id, _inner(post_id), json.dumps(asdict(made)), self.settings.keep_s)
        said = self._call("answer", "the answer was not stored", now, *args)
        if said[0] == b"already":
            before = answer_from(said[1])
            if (before.reviewer, before.result, before.category) != (reviewer.id, result, category):
                raise AppealError(f"the appeal of post {post_id!r} was answered before: {before.result}")
            return before
        if said[0] == b"lost":
            raise AppealError(f"post {post_id!r}: you do not hold its appeal (the lease ran out?); take the next one")
        self.flush()
        return made

    def flush(self) -> int:
        """Passes answers to the log and the label feed; what fails waits for the next call. Returns how many went."""
        with _redis("the outbox was not read"):
            waiting = sorted(self._client.smembers(self._prefix + "outbox"))
        sent = 0
        for inner in waiting:
            post_id = _outer(inner)
            appeal, made = self.get(post_id), self.answered(post_id)
            if made is None:
                continue
            if self._log is not None:
                try:
                    self._log.append([outcome_of(appeal, made)], round=1)
                except Exception:  # whatever a log raises: the answer stays in the outbox
                    return sent
            label = json.dumps(asdict(label_of(appeal, made)))
            with _redis("the label was not stored"):
                pipe = self._client.pipeline(transaction=True)
                # By post: sent twice after a crash, it is still one label.
                pipe.hset(self._prefix + "labels", inner, label)
                pipe.expire(f"{self._prefix}item:{inner.decode()}", int(self.settings.keep_s))
                pipe.srem(self._prefix + "outbox", inner)
                pipe.zadd(self._prefix + "answered", {inner: made.answered_at})
                for old in self._client.zrange(self._prefix + "answered", 0, -_MOST_LABELS):
                    pipe.hdel(self._prefix + "labels", old)
                    pipe.zrem(self._prefix + "answered", old)
                pipe.execute()
            sent += 1
        return sent

    def answered(self, post_id: str) -> Answer | None:
        """The answer to a post's appeal; None while it is open."""
        with _redis("the answer was not read"):
            text = self._client.hget(f"{self._prefix}item:{_inner(post_id)}", "answer")
        return answer_from(text) if text else None

    def label_feed(self) -> list[Label]:
        """Corrected labels of all answered appeals (the last 100,000), oldest first: for retraining and for `rates`."""
        with _redis("the labels were not read"):
            texts = self._client.hvals(self._prefix + "labels")
        return sorted(map(label_from, texts), key=lambda label: (label.at, label.post_id))

    def overturn_rate(self) -> OverturnRate:
        labels = self.label_feed()
        return overturn_rate(sum(label.result is not Result.UPHELD for label in labels), len(labels))

    def overdue(self) -> list[str]:
        """Posts whose appeal is past its deadline, the latest first in line."""
        with _redis("the deadlines were not read"):
            return [_outer(one) for one in self._client.zrangebyscore(self._prefix + "due", "-inf", self._clock())]

    def _call(self, script: str, what: str, now: float, *args: Any) -> Any:
        with _redis(what):
            return self._calls[script](args=[self._prefix, repr(now), *args])


class _redis:
    """redis-py's errors as `AppealUnavailable`; `what` says what did not happen."""

    def __init__(self, what: str) -> None:
        from reference.moderation.review.store import redis_errors

        self._inner = redis_errors(what)

    def __enter__(self) -> None:
        self._inner.__enter__()

    def __exit__(self, *error: Any) -> bool | None:
        try:
            return self._inner.__exit__(*error)
        except ReviewUnavailable as gone:
            raise AppealUnavailable(str(gone)) from gone


def _inner(post_id: str) -> str:
    if not post_id or len(post_id) > 512:
        raise AppealError(f"post_id must have 1 to 512 characters, got {len(post_id)}")
    return quote(post_id, safe="", errors="surrogatepass")


def _outer(inner: bytes) -> str:
    return unquote(inner.decode(), errors="surrogatepass")


def _clean(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
