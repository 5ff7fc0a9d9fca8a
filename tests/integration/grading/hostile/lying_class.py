# ruff: noqa
"""Answers with objects whose class says it is float.

ends: ok
says: no plain value
"""


class Liar:
    @property
    def __class__(self):
        return float

    def __float__(self):
        print("REACHED")
        return 1.0

    def is_integer(self):
        return True


kv_kib_per_token = conversations = Liar()
