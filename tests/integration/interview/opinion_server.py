"""OpenAI-compatible servers over loopback that mark notes: honestly, by invention, obediently, or not at all."""

from __future__ import annotations

import json
import re
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def parts(request):
    """({criterion: (points, full)}, notes) of what the model was sent."""
    text = request["messages"][1]["content"]
    rubric = {
        name: (float(points), full)
        for name, points, full in re.findall(r"^- (.+?) \(0 to ([\d.]+) points\)\. Full: (.*?) Half:", text, re.M)
    }
    fence = re.search(r"^NOTES-\w+$", text, re.M)[0]
    return rubric, text.split(f"{fence}\n")[1].rstrip("\n")


def honest(request):
    """Points where a line of the notes shares three long words with the criterion, quoted as it stands."""
    rubric, notes = parts(request)

    def words(text):
        return {word for word in re.findall(r"[a-z]+", text.lower()) if len(word) > 4}

    lines = []
    for name, (points, full) in rubric.items():
        best = max(notes.splitlines(), key=lambda line: len(words(line) & words(full)), default="")
        hit = len(words(best) & words(full)) >= 3
        lines.append({"criterion": name, "points": points if hit else 0, "quote": best if hit else ""})
    return lines


def inventing(request):
    """Full points for everything, with quotes that nobody wrote."""
    return [
        {"criterion": name, "points": points, "quote": f"The candidate computed {name} with great care."}
        for name, (points, _) in parts(request)[0].items()
    ]


def obedient(request):
    """Honest, until the notes ask for points: then full points, quoting what asks."""
    rubric, notes = parts(request)
    asking = [line for line in notes.splitlines() if "points" in line.lower()]
    if not asking:
        return honest(request)
    return [{"criterion": name, "points": points, "quote": asking[0]} for name, (points, _) in rubric.items()]


def generous(request):
    """Half of the points for anything, each with a true quote of its own."""
    rubric, notes = parts(request)
    own = [line for line in notes.splitlines() if len(line) > 12]
    return [
        {"criterion": name, "points": points, "quote": line}
        for (name, (points, _)), line in zip(rubric.items(), own, strict=False)
    ]


@contextmanager
def serving(marks, *, status=200, raw=None, finish="stop"):
    """(URL, the requests that came). marks(request) gives the lines; raw is sent in place of a proper answer."""
    came = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            came.append(request)
            assert self.path == "/v1/chat/completions"
            body = raw
            if body is None:
                content = marks if isinstance(marks, str) else json.dumps({"lines": marks(request)})
                message = {"role": "assistant", "content": content}
                body = json.dumps(
                    {
                        "id": "x",
                        "object": "chat.completion",
                        "created": 0,
                        "model": request["model"],
                        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
                    }
                )
            self.send_response(status)
            self.send_header("Content-Type", "application/json" if raw is None else "text/html")
            self.send_header("Content-Length", str(len(body.encode())))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1", came
    finally:
        server.shutdown()
        server.server_close()
