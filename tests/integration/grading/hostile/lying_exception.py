# ruff: noqa
"""An exception whose class has no proper name and whose text runs for ever.

ends: took too long
"""


class Meta(type):
    __name__ = property(lambda self: 5)


class Own(Exception, metaclass=Meta):
    def __str__(self):
        while True:
            pass


raise Own
