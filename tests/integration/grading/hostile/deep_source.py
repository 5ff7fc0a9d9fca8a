# ruff: noqa
"""Source that is nested too deep to be compiled.

ends: raised | ended the process | took too much memory
"""

source = "(" * 100_000 + ")" * 100_000
compile(source, "deep", "exec")
