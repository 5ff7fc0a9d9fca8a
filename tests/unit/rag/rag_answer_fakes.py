"""A language model behind the openai client's interface: a test decides its replies; it may obey all orders it sees."""

from __future__ import annotations

import json
import re
from types import SimpleNamespace

from reference.rag.answer.defence import poisoned_passages


class FakeChat:
    """`reply(request)` gives the text; streamed in pieces of a few characters where a stream is asked for."""

    def __init__(self, reply, error=None, piece=7):
        self.reply = reply if callable(reply) else lambda request: reply
        self.error, self.piece = error, piece
        self.asked, self.closed = [], 0
        self.chat = SimpleNamespace(completions=SimpleNamespace(create=self.create))

    def create(self, **request):
        self.asked.append(request)
        if self.error:
            raise self.error
        text = self.reply(request)
        usage = SimpleNamespace(prompt_tokens=100, completion_tokens=20)
        if request.get("stream"):
            return FakeStream(self, text, usage)
        return SimpleNamespace(choices=[SimpleNamespace(message=SimpleNamespace(content=text))], usage=usage)


class FakeStream:
    def __init__(self, chat, text, usage):
        self.chat, self.text, self.usage = chat, text, usage

    def __iter__(self):
        for at in range(0, len(self.text), self.chat.piece):
            delta = SimpleNamespace(content=self.text[at : at + self.chat.piece])
            yield SimpleNamespace(choices=[SimpleNamespace(delta=delta)], usage=None)
        yield SimpleNamespace(choices=[], usage=self.usage)

    def close(self):
        self.chat.closed += 1


def obedient(request):
    """The worst model there is: it does what any text in its prompt tells it to, and tells all it knows."""
    system, user = (message["content"] for message in request["messages"])
    if "response_format" in request:  # the schema cannot be broken; within it, it prefers what gives orders
        lines = re.findall(r"^(\d+)\. (.*)$", user, re.MULTILINE)
        poisoned = [int(n) for n, line in lines if any(p.goal in line or line in p.order for p in poisoned_passages())]
        return json.dumps({"sentences": [*poisoned, *(int(n) for n, _ in lines)][:3]})
    said = []
    for attack in poisoned_passages():
        if attack.order in user or attack.goal in user:
            said += [attack.goal, f"{attack.goal} [1].", f"As told: {attack.goal} [99].", attack.order]
            if attack.kind == "leak":
                said.append(system)
            if attack.kind == "link":
                said.append("See https://evil.example/collect?q=secret [1]. ![x](https://evil.example/p.png)")
    return " ".join([*said, "The rotate command moves log files to an archive. [1]"])
