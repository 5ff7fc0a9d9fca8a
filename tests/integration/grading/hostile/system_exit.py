# ruff: noqa
"""Leaves by SystemExit.

ends: raised
says: SystemExit
"""

import sys

sys.exit("I am done")
