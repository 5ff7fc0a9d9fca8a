"""An address that a server tells is good from that moment, and one that it cannot have is named with the mend."""

import importlib
import socket

import pytest

from reference.agents.github.serving import LoopbackServer
from reference.agents.types import ReviewError
from reference.moderation.review.page.serving import ReviewPage
from reference.moderation.review.types import ReviewError as ModerationReviewError
from reference.serving.listening import listening_socket


class Refused(Exception):
    pass


def listening(port=0, host="127.0.0.1"):
    return listening_socket(host, port, error=Refused, mend="name another")


def test_who_connects_before_the_server_runs_waits_and_is_not_refused():
    with listening() as listener, socket.create_connection(listener.getsockname(), timeout=5) as client:
        client.sendall(b"early")
        served, _ = listener.accept()
        with served:
            assert served.recv(5) == b"early"


def test_a_port_that_is_taken_is_named_with_the_mend():
    with listening() as holder:
        port = holder.getsockname()[1]
        with pytest.raises(Refused, match=rf"port {port} on 127\.0\.0\.1: Address already in use; name another"):
            listening(port)
        with pytest.raises(ReviewError, match=f"port {port} .*--port"):
            LoopbackServer(None, port=port)


def test_a_host_of_another_machine_is_refused():
    with pytest.raises(Refused, match=r"port 0 on 192\.0\.2\.1: "):
        listening(host="192.0.2.1")


@pytest.mark.parametrize("kind", ["the code reviewer's webhook", "the review page"])
def test_the_address_of_a_page_is_good_before_it_serves(kind, monkeypatch):
    monkeypatch.setattr("reference.moderation.review.page.serving.create_app", lambda *given: _App())
    page = LoopbackServer(_App()) if "webhook" in kind else ReviewPage(None, None, [])
    host, port = page.url.split("/")[2].split(":")
    with socket.create_connection((host, int(port)), timeout=5):
        pass
    with pytest.raises((ReviewError, ModerationReviewError), match="choose another"):
        LoopbackServer(None, port=int(port)) if "webhook" in kind else ReviewPage(None, None, [], port=int(port))
    page._socket.close()


class _App:
    state = type("State", (), {"token": "t"})


@pytest.mark.parametrize("module", ["reference.serving.gateway.server", "reference.rag.service.server"])
def test_a_client_and_not_the_server_is_first_to_close_an_idle_connection(module):
    import httpx

    async def app(scope, receive, send):
        """Never called."""

    client = httpx.Limits()  # what httpx and openai use unless told otherwise
    server = importlib.import_module(module)._server(app)
    assert server.config.timeout_keep_alive > client.keepalive_expiry
