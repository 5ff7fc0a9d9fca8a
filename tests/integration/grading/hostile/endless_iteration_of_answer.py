# ruff: noqa
"""Answers with a list and a dict whose iteration has no end.

ends: ok
"""


class Endless(list):
    def __iter__(self):
        while True:
            yield 1


class Names(dict):
    def items(self):
        while True:
            yield "a", 1


kv_kib_per_token = Endless([1])
conversations = Names(a=1)
