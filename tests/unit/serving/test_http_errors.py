"""Every server of the project answers every error in OpenAI's shape."""

from __future__ import annotations

import ast
import asyncio
import logging
import re
from pathlib import Path
from types import SimpleNamespace

import httpx
import numpy as np
import pytest
from starlette.requests import Request
from starlette.routing import Route

from reference.serving.http_errors import error_body, error_kind

ROOT = Path(__file__).parents[3]
TOKEN = "a-token-of-the-review-page"


async def fails(request: Request):
    raise RuntimeError("the user's own words")


async def typed(number: int) -> dict[str, int]:
    return {"number": number}


def gateway():
    from reference.serving.gateway import Settings
    from reference.serving.gateway.app import create_app
    from reference.serving.gateway.metrics import Metrics

    app = create_app(Settings(engine_url="http://127.0.0.1:1/v1", model="m", redis_url="unix:///nowhere"))
    app.state.services = SimpleNamespace(metrics=Metrics())
    return app, "/v1/models"


def retrieval():
    from reference.rag.service.app import create_rag_app
    from reference.rag.service.metrics import Metrics
    from reference.rag.service.settings import ServiceSettings

    app = create_rag_app(None, settings=ServiceSettings())  # type: ignore[arg-type]  # nothing is searched
    app.state.services = SimpleNamespace(metrics=Metrics())
    return app, "/healthz"


def review_page():
    from reference.moderation.review.page.app import create_app
    from reference.moderation.review.types import CategoryText

    category = CategoryText("spam", "Spam", "unwanted", 1)
    return create_app(None, None, [category], token=TOKEN), f"/{TOKEN}/setup"  # type: ignore[arg-type]


def webhook():
    from reference.agents.github.webhook import create_app

    return create_app("a secret", lambda job: asyncio.sleep(0)), "/health"


def small_model():
    from reference.serving.model_routing.small_model_app import create_app

    return create_app(SimpleNamespace(version="1"), lambda texts: np.zeros((len(texts), 1)), "small"), "/v1/models"


def tape():
    from reference.serving.savings.tape import Tape, _app

    engine = SimpleNamespace(base_url="http://127.0.0.1:1/v1", api_key="k")
    return _app(Tape(engine)), "/health"  # type: ignore[arg-type]


# By the module that makes it. `fake.py` is a fake of GitHub and answers as GitHub does.
APPS = {
    "reference/serving/gateway/app.py": gateway,
    "reference/rag/service/app.py": retrieval,
    "reference/moderation/review/page/app.py": review_page,
    "reference/agents/github/webhook.py": webhook,
    "reference/serving/model_routing/small_model_app.py": small_model,
    "reference/serving/savings/tape.py": tape,
}
OTHERS = {"reference/agents/github/fake.py"}


def ask(app, method: str, path: str) -> httpx.Response:
    async def run() -> httpx.Response:
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
            return await http.request(method, path, headers={"x-review": "1"})

    return asyncio.run(run())


def error_of(answer: httpx.Response) -> dict:
    assert answer.headers["content-type"].startswith("application/json")
    body = answer.json()
    assert set(body) == {"error"}
    assert set(body["error"]) == {"message", "type", "param", "code"}
    assert body["error"]["message"]
    assert body["error"]["type"] == error_kind(answer.status_code)
    return body["error"]


@pytest.mark.slow
@pytest.mark.parametrize("make", APPS.values(), ids=[made.__name__ for made in APPS.values()])
def test_every_app_answers_404_405_422_and_a_failing_handler_in_one_shape(make, caplog):
    app, known = make()
    root = known.rsplit("/", 1)[0] if known.startswith(f"/{TOKEN}") else ""
    if hasattr(app, "add_api_route"):
        app.add_api_route(f"{root}/fails", fails)
        app.add_api_route(f"{root}/typed", typed)
        misfit = ask(app, "GET", f"{root}/typed?number=many")
        assert (misfit.status_code, error_of(misfit)["param"]) == (422, "number")
    else:
        app.router.routes.append(Route(f"{root}/fails", fails))
    assert ask(app, "GET", f"{root}/no/such/path").status_code == 404
    assert error_of(ask(app, "GET", f"{root}/no/such/path"))["code"] == "not_found"
    wrong = ask(app, "POST", known)
    assert (wrong.status_code, error_of(wrong)["code"]) == (405, "method_not_allowed")
    assert "GET" in wrong.headers["allow"]
    with caplog.at_level(logging.INFO):
        failed = ask(app, "GET", f"{root}/fails")
    assert (failed.status_code, error_of(failed)["code"]) == (500, "internal_error")
    assert "own words" not in failed.text
    assert "own words" not in caplog.text


def test_the_stub_engine_answers_as_vllm_does():
    from reference.serving.stub_engine.app import StubApp, StubSettings

    app = StubApp(StubSettings())
    for method, path, status in (("GET", "/nothing", 404), ("POST", "/v1/chat/completions", 400)):
        answer = ask(app, method, path)
        assert answer.status_code == status
        assert error_of(answer)["code"] == status


@pytest.mark.slow
def test_no_app_of_the_project_is_left_out():
    made = set()
    for path in [*ROOT.glob("reference/**/*.py"), *ROOT.glob("workbook/**/*.py"), *ROOT.glob("exercises/**/*.py")]:
        text = path.read_text()
        for node in ast.walk(ast.parse(text)) if re.search(r"FastAPI\(|Starlette\(", text) else ():
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in {"FastAPI", "Starlette"}:
                made.add(str(path.relative_to(ROOT)))
    assert made == set(APPS) | OTHERS


def test_the_kind_follows_from_the_status_unless_it_is_given():
    kinds = {status: error_body(status, "c", "m")["error"]["type"] for status in (400, 401, 403, 429, 503)}
    assert kinds == {
        400: "invalid_request_error",
        401: "authentication_error",
        403: "permission_error",
        429: "rate_limit_error",
        503: "server_error",
    }
    assert error_body(504, "late", "m", kind="timeout_error")["error"]["type"] == "timeout_error"
