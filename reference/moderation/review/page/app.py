"""The page's server: one reviewer, one random token in the address, answers to this machine only."""

# No postponed annotations here: FastAPI must find `Request`, which is imported inside the function, in them.
import hmac
import json
import secrets
from collections.abc import Awaitable, Callable, Sequence
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from reference.moderation.review.media import preview
from reference.moderation.review.queue import ReviewQueue
from reference.moderation.review.types import CategoryText, Item, Reviewer, ReviewError, ReviewUnavailable
from reference.moderation.types import Action
from reference.serving.http_errors import answer_errors, error_response

from .visible import visible

if TYPE_CHECKING:
    from fastapi import FastAPI

_MOST_BODY = 16 * 1024
_HOSTS = ("127.0.0.1", "localhost", "[::1]", "testserver")
_FILES = {
    "": ("index.html", "text/html"),
    "page.js": ("page.js", "text/javascript"),
    "page.css": ("page.css", "text/css"),
}
_ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><circle cx="8" cy="8" r="7" fill="#0b5cad"/>'
    '<path d="M4.5 8l2.5 2.5 4.5-5" stroke="#fff" stroke-width="1.8" fill="none"/></svg>'
)
_HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


def create_app(
    queue: ReviewQueue, reviewer: Reviewer, categories: Sequence[CategoryText], token: str | None = None
) -> "FastAPI":
    """The ASGI app for one reviewer. Its pages are under `/<token>/`; everything else is 404. `app.state.token` has it.

    A request must name this machine as host (so that no foreign name can be pointed at it), and one that changes
    something must carry the header `x-review: 1` and come from no foreign origin.

    Raises:
        ReviewError: no category, more than ten, or a token under 16 characters.
    """
    from fastapi import FastAPI, Request, Response
    from starlette.concurrency import run_in_threadpool

    if not 1 <= len(categories) <= 10:
        raise ReviewError(f"the page needs 1 to 10 categories, one digit each; got {len(categories)}")
    token = token or secrets.token_urlsafe(24)
    if len(token) < 16:
        raise ReviewError("token: use at least 16 characters")
    folder = files(__package__)
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.state.token = token
    answer_errors(app)

    @app.middleware("http")
    async def guard(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        given = request.url.path.split("/")[1]
        host = request.headers.get("host", "").rsplit(":", 1)[0].lower()
        if host not in _HOSTS or not hmac.compare_digest(given.encode(), token.encode()):
            response: Response = error_response(404, "not_found", "not found")
        elif request.method == "POST" and _foreign(request):
            response = error_response(403, "foreign_request", "refused: the request did not come from the review page")
        else:
            response = await call_next(request)
        response.headers.update(_HEADERS)
        return response

    @app.exception_handler(ReviewError)
    async def refused(_: Request, error: ReviewError) -> Response:
        if isinstance(error, ReviewUnavailable):
            return error_response(503, "unavailable", str(error))
        return error_response(409, "refused", str(error))

    def page_file(name: str, kind: str) -> Callable[[], Awaitable[Response]]:
        content = (folder / name).read_bytes()

        async def answer() -> Response:
            return Response(content, media_type=f"{kind}; charset=utf-8")

        return answer

    for path, (name, kind) in _FILES.items():
        app.get(f"/{token}/{path}")(page_file(name, kind))

    @app.get(f"/{token}/icon.svg")
    async def icon() -> Response:
        return Response(_ICON, media_type="image/svg+xml")

    @app.get(f"/{token}/setup")
    async def setup() -> dict[str, Any]:
        return {
            "reviewer": reviewer.id,
            "lead": reviewer.lead,
            "undo_s": queue.settings.undo_s,
            "limits": {
                "severe_per_hour": queue.settings.limits.severe_per_hour,
                "severe_per_shift": queue.settings.limits.severe_per_shift,
                "work_s": queue.settings.limits.work_s,
            },
            "categories": [
                {"id": one.id, "title": one.title, "text": one.text, "severity": one.severity} for one in categories
            ],
        }

    @app.get(f"/{token}/next")
    def following() -> dict[str, Any]:
        item = queue.next(reviewer)
        load = queue.wellbeing(reviewer)
        shown: dict[str, Any] = {
            "wellbeing": {
                "severe_hour": load.severe_hour,
                "severe_shift": load.severe_shift,
                "working_s": load.working_s,
            },
            "waiting": queue.waiting(),
        }
        if isinstance(item, Item):
            return shown | {"item": _item_fields(item)}
        return shown | {"rest": {"why": item.why, "until": item.until}}

    @app.post(f"/{token}/verdict")
    async def verdict(request: Request) -> dict[str, Any]:
        body = await _body(request, ("post", "action", "category", "note", "stage"))
        if body["action"] not in list(Action):
            raise ReviewError(f"action {body['action']!r}: use approve, reject or escalate")
        due = await run_in_threadpool(
            queue.submit, reviewer, body["post"], Action(body["action"]), body["category"], body["note"],
            stage=body["stage"],
        )  # fmt: skip
        return {"counts_at": due}

    @app.post(f"/{token}/undo")
    async def undo(request: Request) -> dict[str, Any]:
        body = await _body(request, ("post",))
        return {"undone": await run_in_threadpool(queue.undo, reviewer, body["post"])}

    @app.post(f"/{token}/release")
    def release() -> dict[str, Any]:
        return {"released": queue.release(reviewer)}

    @app.get(f"/{token}/media")
    def media(post: str, index: int, kind: str = "image", clear: bool = False) -> Response:
        return Response(preview(queue.media(reviewer, post, index), kind, clear=clear), media_type="image/jpeg")

    return app


def _foreign(request: Any) -> bool:
    origin = request.headers.get("origin")
    same = origin is None or origin == f"http://{request.headers.get('host')}"
    site = request.headers.get("sec-fetch-site", "same-origin") == "same-origin"
    return not (same and site and request.headers.get("x-review") == "1")


async def _body(request: Any, fields: Sequence[str]) -> dict[str, str]:
    raw = b""
    async for piece in request.stream():
        raw += piece
        if len(raw) > _MOST_BODY:
            raise ReviewError(f"the request is over {_MOST_BODY} bytes; shorten the note")
    try:
        body = json.loads(raw)
    except ValueError as error:
        raise ReviewError(f"the request is not JSON ({error})") from None
    if not isinstance(body, dict):
        raise ReviewError("the request must be a JSON object")
    found = {name: body.get(name, "") for name in fields}
    for name, value in found.items():
        if not isinstance(value, str):
            raise ReviewError(f"{name} must be a text, got {type(value).__name__}")
    return found


def _item_fields(item: Item) -> dict[str, Any]:
    decision, post = item.decision, item.post
    return {
        "post": post.id,
        "text": visible(post.text),
        "text_cut": item.text_cut,
        "links": [visible(link) for link in post.links],
        "language": decision.language,
        "speaks": item.speaks,
        "country": post.country,
        "views": post.views,
        "severity": decision.severity,
        "stage": item.stage,
        "waited_s": round(item.waited_s),
        "missing": list(decision.missing),
        "versions": dict(decision.versions),
        "findings": [
            {
                "category": one.category,
                "score": one.score,
                "tier": int(one.tier),
                "detector": one.detector,
                "detail": visible(one.detail),
            }
            for one in decision.findings
        ],
        "media": [
            {"name": visible(one.name), "kind": one.kind, "size": one.size, "kept": one.kept} for one in item.media
        ],
    }
