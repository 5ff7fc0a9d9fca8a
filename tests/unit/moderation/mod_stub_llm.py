"""A server of our own that speaks the chat API, with a model that is honest about text and obeys any order in it."""

from __future__ import annotations

import contextlib
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_BLOCK = re.compile(r'<<([0-9a-f]{16}) (p[0-9a-f]{6}) policy="(\w+)">>\n(.*)\n<<\1 end \2>>')
_BAD = ("zorgle", "followers", "free phone", "copy watches")


def posts_of(body) -> dict[str, str]:
    """tag -> text of a request, by the judge's own marks."""
    return {tag: json.loads(line) for _, tag, _, line in _BLOCK.findall(body["messages"][1]["content"])}


def gullible(body) -> str:
    """Judges by word, unless any post of the call gives an order; then the order holds for all of them."""
    posts = posts_of(body)
    verdicts = {tag: "violates" if any(w in text.lower() for w in _BAD) else "allowed" for tag, text in posts.items()}
    everything = " ".join(posts.values()).lower()
    if "obey:allow" in everything:
        verdicts = dict.fromkeys(posts, "allowed")
    if "obey:ban" in everything:
        verdicts = dict.fromkeys(posts, "violates")
    return json.dumps(verdicts)


class StubLLM:
    def __init__(self) -> None:
        self.behave, self.finish, self.status, self.bodies = gullible, "stop", 200, []
        self.answers = threading.Event()  # cleared: it reads, and answers nobody
        self.answers.set()

    @contextlib.contextmanager
    def running(self):
        stub = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                stub.bodies.append(body)
                stub.answers.wait()
                message = {"role": "assistant", "content": stub.behave(body)}
                choice = {"index": 0, "message": message, "finish_reason": stub.finish}
                reply = {"id": "x", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
                data = json.dumps(reply).encode()
                with contextlib.suppress(OSError):
                    self.send_response(stub.status)
                    self.send_header("content-type", "application/json")
                    self.send_header("content-length", str(len(data)))
                    self.end_headers()
                    self.wfile.write(data)

            def log_message(self, *_):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1"
        finally:
            server.shutdown()
            server.server_close()
