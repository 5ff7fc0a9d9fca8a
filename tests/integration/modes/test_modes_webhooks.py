"""Webhooks are signed, repeated until they are answered, and never leave for our own network."""

import json
import time
from collections import Counter

import pytest
from fake_engine import serve_app
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.routing import Route

from reference.serving.jobs.webhooks import verify
from reference.serving.waiting import wait_until


class Receiver:
    """A client's server. `up` false: it answers 503."""

    def __init__(self) -> None:
        self.up, self.redirect, self.seen, self.hosts = True, "", [], []

    async def hook(self, request: Request):
        body = await request.body()
        self.hosts.append(request.headers["host"])
        if self.redirect:
            return RedirectResponse(self.redirect, 307)
        if not self.up:
            return PlainTextResponse("down", 503)
        names = ("webhook-id", "webhook-timestamp", "webhook-signature")
        self.seen.append((*(request.headers[name] for name in names), body))
        return PlainTextResponse("ok")

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/hook", self.hook, methods=["POST"])])


@pytest.fixture
def receiver():
    one = Receiver()
    with serve_app(one.app()) as port:
        one.port, one.url = port, f"http://127.0.0.1:{port}/hook"
        yield one


def service_for(start, receiver, **jobs):
    return start(worker=True, jobs={"webhook_allow": f"127.0.0.1:{receiver.port}", "webhook_secret": "s3cret", **jobs})


def wait_for(receiver, count, timeout_s=60.0):
    deadline = time.monotonic() + timeout_s
    while len({entry[0] for entry in receiver.seen}) < count:
        assert time.monotonic() < deadline, receiver.seen
        time.sleep(0.02)


def test_a_webhook_is_signed_and_tells_the_state_without_the_answer(start, receiver):
    service = service_for(start, receiver)
    job_id = service.job(webhook_url=receiver.url).json()["id"]
    wait_for(receiver, 1)
    message_id, timestamp, signature, body = receiver.seen[0]
    assert message_id == job_id
    assert verify(b"s3cret", message_id, timestamp, signature, body)
    assert not verify(b"other", message_id, timestamp, signature, body)
    assert json.loads(body)["type"] == "job.succeeded"
    assert b"Hello" not in body


def test_all_are_delivered_once_after_the_receiver_was_down(start, receiver):
    receiver.up = False
    service = service_for(start, receiver, webhook_retry_most_s=0.2)
    ids = {service.job(webhook_url=receiver.url).json()["id"] for _ in range(20)}
    assert wait_until(lambda: len(receiver.hosts) > 40, 60)  # each is tried again and again
    assert receiver.seen == []
    receiver.up = True
    wait_for(receiver, 20)
    time.sleep(0.6)  # three times as long as a repetition would take
    counted = Counter(entry[0] for entry in receiver.seen)
    assert set(counted) == ids
    assert set(counted.values()) == {1}


def test_a_failed_job_is_told_too(start, receiver, fake):
    fake.statuses = [400]
    service_for(start, receiver).job(webhook_url=receiver.url)
    wait_for(receiver, 1)
    assert json.loads(receiver.seen[0][3])["type"] == "job.dead"


def test_a_redirect_is_not_followed(start, receiver):
    receiver.redirect = "http://127.0.0.1:1/internal"
    service = service_for(start, receiver)
    service.job(webhook_url=receiver.url)
    assert wait_until(lambda: len(receiver.hosts) >= 2, 60)  # a second try: the redirect was a failure
    assert receiver.seen == []


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/hook",
        "https://localhost/hook",
        "https://10.0.0.5/hook",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://0x7f000001/",
        "https://2130706433/",
        "http://example.com/hook",
        "https://user:pw@example.com/",
        "https://example.com:22/",
        "ftp://example.com/",
        "https://",
        "https://a b/",
    ],
)
def test_addresses_inside_and_odd_ones_are_refused_when_the_job_is_handed_over(start, url):
    reply = start().job(webhook_url=url)
    assert (reply.status_code, reply.json()["error"]["code"]) == (400, "invalid_webhook_url")
