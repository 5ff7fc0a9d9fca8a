"""What an interview has come to: the events of its file, applied one after the other."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from exercises.interviews.model import Figure, Phase
from workbook.interview.log import Event
from workbook.interview.tables import Row, compare

# Of what the file holds; rises when an older reader would misread it.
VERSION = 1


@dataclass
class Estimate:
    """The candidate's own figure, before they saw the computed one. at: seconds. follow_up: its index, None before."""

    figure: str
    unit: str
    value: float
    at: float
    follow_up: int | None = None
    computed: float | None = None

    @property
    def ratio(self) -> float | None:
        """Estimated by computed; None while it is not computed, or where no ratio can be."""
        return self.value / self.computed if self.computed else None


@dataclass(frozen=True)
class Change:
    """One follow-up, answered. changes: parameter -> new value. reason: why no design exists, then rows are empty."""

    follow_up: int
    say: str
    at: float
    changes: dict[str, float]
    rows: tuple[Row, ...]
    reason: str = ""


@dataclass(frozen=True)
class Score:
    """points: what counts. reason: why points that were wanted do not count; "" if they do."""

    criterion: str
    points: float
    quote: str
    reason: str = ""


@dataclass
class State:
    """Times are seconds of the interview, pauses left out."""

    question: str = ""
    title: str = ""
    minutes: int = 30
    started: str = ""
    at: float = 0.0
    phase: Phase | None = None
    entered: dict[Phase, float] = field(default_factory=dict)
    paused: bool = False
    ended: str = ""  # why: "done" or "time"
    ended_at: float = 0.0
    done: bool = False
    notes: dict[Phase, str] = field(default_factory=dict)
    asked: list[tuple[str, list[str]]] = field(default_factory=list)
    questions: dict[Phase, int] = field(default_factory=dict)  # how many prompts were put
    follow_ups: set[int] = field(default_factory=set)
    pending: int | None = None  # a follow-up whose figure waits for an estimate
    pending_answered: bool = False
    numbers: dict[str, float] = field(default_factory=dict)  # parameters that changed
    figures: tuple[Figure, ...] = ()
    seen: set[str] = field(default_factory=set)
    estimates: list[Estimate] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    warned: set[str] = field(default_factory=set)
    scores: dict[str, Score] = field(default_factory=dict)
    opinion: dict[str, Any] = field(default_factory=dict)
    timeline: list[Event] = field(default_factory=list)

    @property
    def total(self) -> float:
        return sum(score.points for score in self.scores.values())

    @property
    def spent_s(self) -> float:
        return self.ended_at if self.ended else self.at

    def spent(self, until: float | None = None) -> dict[Phase, float]:
        """Seconds in each phase that was entered; the last one lasts to the end, or to `until`."""
        end = self.spent_s if self.ended or until is None else until
        starts = list(self.entered.items())
        ends = [at for _, at in starts[1:]] + [end]
        return {phase: max(0.0, over - at) for (phase, at), over in zip(starts, ends, strict=True)}

    def words(self) -> str:
        """Everything that the candidate wrote, by phase: what a quote must be found in."""
        asked = [text for text, _ in self.asked]
        return "\n\n".join(text for text in (*asked, *(self.notes.get(phase, "") for phase in Phase)) if text.strip())

    def own_lines(self) -> list[str]:
        """The lines of `words`, to pick a quote from."""
        return [line.strip() for line in self.words().splitlines() if line.strip()]


def replay(events: Iterable[Event]) -> State:
    """The state after these events. Raises KeyError or ValueError for one that lacks what its kind needs."""
    state = State()
    for event in events:
        apply(state, event)
    return state


def apply(state: State, event: Event) -> None:
    """Changes the state by one event; kinds of other versions go into the timeline alone."""
    kind = event["kind"]
    state.at = max(state.at, float(event.get("at", 0.0)))
    handler = _HANDLERS.get(kind)
    if handler is not None:
        handler(state, event)
    if kind not in ("beat", "notes"):
        state.timeline.append(event)


def _start(state: State, event: Event) -> None:
    if event["version"] > VERSION:
        raise ValueError("written by a newer workbook")
    state.question, state.title, state.minutes = event["question"], event["title"], int(event["minutes"])
    state.started = event["time"]


def _phase(state: State, event: Event) -> None:
    state.phase = Phase(event["phase"])
    state.entered[state.phase] = event["at"]
    state.pending, state.pending_answered = None, False


def _said(state: State, event: Event) -> None:
    if event["what"] == "question" and state.phase:
        state.questions[state.phase] = state.questions.get(state.phase, 0) + 1
    elif event["what"] in ("over", "time"):
        state.warned.add(f"{event['what']} {state.phase}")


def _note(state: State, event: Event) -> None:
    phase = Phase(event["phase"])
    before = state.notes.get(phase, "")
    state.notes[phase] = f"{before}\n{event['text']}" if before else event["text"]


def _notes(state: State, event: Event) -> None:
    state.notes[Phase(event["phase"])] = event["text"]


def _asked(state: State, event: Event) -> None:
    state.asked.append((event["text"], list(event["parameters"])))


def _design(state: State, event: Event) -> None:
    state.figures = figures_of(event["figures"])


def _numbers(state: State, event: Event) -> None:
    state.seen |= {figure.name for figure in state.figures}


def _follow_up(state: State, event: Event) -> None:
    state.pending, state.pending_answered = event["index"], False
    state.follow_ups.add(event["index"])
    state.seen.add(event["figure"])


def _estimate(state: State, event: Event) -> None:
    state.pending_answered = state.pending is not None
    if event["value"] is not None:
        computed = event.get("computed")
        state.estimates.append(
            Estimate(event["figure"], event["unit"], event["value"], event["at"], event.get("follow_up"), computed)
        )
    state.seen.add(event["figure"])


def _changed(state: State, event: Event) -> None:
    after = figures_of(event["figures"])
    rows = compare(state.figures, after)
    state.changes.append(Change(event["index"], event["say"], event["at"], event["changes"], rows))
    state.numbers.update(event["changes"])
    state.figures = after
    state.seen |= {figure.name for figure in after}
    for estimate in state.estimates:
        if estimate.follow_up == event["index"]:
            estimate.computed = next((one.value for one in after if one.name == estimate.figure), None)
    state.pending, state.pending_answered = None, False


def _no_design(state: State, event: Event) -> None:
    state.changes.append(Change(event["index"], event["say"], event["at"], event["changes"], (), event["reason"]))
    state.pending, state.pending_answered = None, False


def _pause(state: State, event: Event) -> None:
    state.paused = True


def _go_on(state: State, event: Event) -> None:
    state.paused = False


def _ended(state: State, event: Event) -> None:
    state.ended, state.ended_at = event["reason"], event["at"]
    state.pending, state.paused = None, False


def _score(state: State, event: Event) -> None:
    name = event["criterion"]
    state.scores[name] = Score(name, event["points"], event["quote"], event["reason"])


def _opinion(state: State, event: Event) -> None:
    state.opinion = {key: value for key, value in event.items() if key not in ("kind", "at", "time")}


def _done(state: State, event: Event) -> None:
    state.done = True


_HANDLERS = {
    "start": _start,
    "phase": _phase,
    "said": _said,
    "note": _note,
    "notes": _notes,
    "asked": _asked,
    "design": _design,
    "numbers": _numbers,
    "follow_up": _follow_up,
    "estimate": _estimate,
    "changed": _changed,
    "no_design": _no_design,
    "pause": _pause,
    "go_on": _go_on,
    "ended": _ended,
    "score": _score,
    "opinion": _opinion,
    "done": _done,
}


def figures_of(rows: Iterable[dict[str, Any]]) -> tuple[Figure, ...]:
    """Figures from an event's rows."""
    return tuple(Figure(**row) for row in rows)
