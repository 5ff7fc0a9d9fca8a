"""The last page of the panel: points per criterion, each with a quote of one's own notes."""

from __future__ import annotations

from typing import Any

from exercises.interviews.model import Criterion
from workbook.errors import WorkbookError
from workbook.interview import closing, panel_html
from workbook.interview.quotes import SHORTEST, judge_score
from workbook.interview.session import Session
from workbook.interview.timing import clock_text


class RubricPage:
    """parts: the widgets from top to bottom."""

    def __init__(self, session: Session) -> None:
        import ipywidgets as widgets

        self.session = session
        own = [line for line in session.state.own_lines() if len(line) >= SHORTEST]
        self.rows = [_Row(session, one, own) for one in session.interview.rubric]
        for row in self.rows:
            row.changed = self._total
        self.total, self.message, self.opinion = widgets.HTML(), widgets.HTML(), widgets.HTML()
        self.finish = widgets.Button(description="Keep my scores", button_style="primary", layout={"width": "auto"})
        self.finish.on_click(lambda _: self.keep())
        self.buttons = widgets.HBox([self.finish])
        self._offer_opinion()
        self.parts = (
            widgets.HTML(panel_html.clock(session)),
            widgets.HTML(self._listen_for()),
            widgets.HTML(panel_html.box(
                f"<b>Score yourself.</b> A point needs a quote of your own notes, of at least {SHORTEST} characters: "
                "type it, or pick one of your lines."
            )),
            *(row.widget for row in self.rows),
            self.total,
            self.buttons,
            self.message,
            self.opinion,
        )  # fmt: skip
        self._total()

    def tick(self) -> None:
        """No clock runs here."""

    def save(self) -> None:
        """Every change is kept as it is made."""

    def keep(self) -> None:
        """Make the scores final and write the report."""
        try:
            for row in self.rows:
                row.keep()
            path = closing.settle(self.session)
        except WorkbookError as error:
            self.message.value = panel_html.box(panel_html.text(f"{error}. {error.mend}"))
            return
        where = f" The report: <code>{panel_html.text(str(path))}</code>" if path else ""
        self.message.value = panel_html.box(f"Kept.{where}")
        self.finish.disabled = True
        for row in self.rows:
            row.points.disabled = row.quote.disabled = True
        self._total()

    def _offer_opinion(self) -> None:
        """A button where a model is configured; none, and no word, where none is."""
        import ipywidgets as widgets

        from workbook.interview.opinion.client import OpinionError, configured

        try:
            model = configured()
        except OpinionError as error:
            self.opinion.value = panel_html.box(panel_html.text(f"No second opinion: {error}. {error.mend}"))
            return
        if model is not None:
            asking = widgets.Button(
                description=f"Second opinion: send my notes to {model.name} at {model.host}", layout={"width": "auto"}
            )
            asking.on_click(lambda _: self._ask_opinion(model, asking))
            self.buttons.children = (self.finish, asking)

    def _ask_opinion(self, model: Any, button: Any) -> None:
        from workbook.interview.opinion.client import OpinionError
        from workbook.interview.opinion.telling import ask_for, opinion_lines

        button.disabled = True
        self.opinion.value = panel_html.box("It is tried on notes of known worth first ...")
        try:
            self.opinion.value = panel_html.box(panel_html.text("\n".join(opinion_lines(ask_for(self.session, model)))))
            closing.report(self.session)
        except OpinionError as error:
            self.opinion.value = panel_html.box(panel_html.text(f"No second opinion: {error}. {error.mend}"))
        except WorkbookError as error:
            self.message.value = panel_html.box(panel_html.text(f"{error}. {error.mend}"))
        button.disabled = False

    def _total(self) -> None:
        of = sum(one.points for one in self.session.interview.rubric)
        earned = sum(row.judged().points for row in self.rows)
        self.total.value = panel_html.box(f"{earned:g} of {of:g} points", "font-weight:700;font-size:16px")

    def _listen_for(self) -> str:
        lines = "".join(
            f"<li>{panel_html.text(one.say)}<br><i>A strong answer:</i> {panel_html.text(one.listen_for)}</li>"
            for one in (self.session.follow_up(change.follow_up) for change in self.session.state.changes)
        )
        over = f"That was it, after {clock_text(self.session.elapsed)}."
        return panel_html.box(f"{over}<ul style='margin:6px 0'>{lines}</ul>" if lines else over)


class _Row:
    """One criterion: points, the quote, and what it earns."""

    def __init__(self, session: Session, one: Criterion, own: list[str]) -> None:
        import ipywidgets as widgets

        self.session, self.one = session, one
        self.changed: Any = lambda: None
        kept = session.state.scores.get(one.name)
        steps = sorted({0.0, one.points / 2, float(one.points)} | ({kept.points} if kept else set()))
        self.points = widgets.Dropdown(
            options=[(f"{step:g} of {one.points:g}", step) for step in steps],
            value=kept.points if kept else 0.0,
            layout={"width": "110px"},
        )
        # Combobox: free text with the candidate's own lines to pick from.
        self.quote = widgets.Combobox(
            options=own, value=kept.quote if kept else "", placeholder=f"Quote: {one.evidence}",
            ensure_option=False, continuous_update=False, layout={"flex": "1 1 auto"},
        )  # fmt: skip
        self.verdict = widgets.HTML()
        words = panel_html.box(
            f"<b>{panel_html.text(one.name)}</b><br><span style='color:{panel_html.SOFT}'>All: "
            f"{panel_html.text(one.full)}<br>Half: {panel_html.text(one.part)}</span>"
        )
        self.widget = widgets.VBox(
            [widgets.HTML(words), widgets.HBox([self.points, self.quote], layout={"width": "100%"}), self.verdict],
            layout={"margin": "8px 0 0 0"},
        )
        for control in (self.points, self.quote):
            control.observe(lambda _: self.keep(), names="value")
        self._show()

    def judged(self) -> Any:
        return judge_score(self.one, self.points.value, self.quote.value, self.session.state.words())

    def keep(self) -> None:
        self.session.score(self.one.name, self.points.value, self.quote.value)
        self._show()
        self.changed()

    def _show(self) -> None:
        judged = self.judged()
        self.verdict.value = (
            panel_html.box(panel_html.text(f"No points: {judged.reason}."), f"color:{panel_html.RED};font-size:13px")
            if judged.reason
            else ""
        )
