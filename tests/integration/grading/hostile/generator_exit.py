# ruff: noqa
"""Raises exceptions that are no Exception.

ends: raised
"""


class Own(BaseException):
    def __str__(self):
        raise SystemExit("REACHED")


raise Own
