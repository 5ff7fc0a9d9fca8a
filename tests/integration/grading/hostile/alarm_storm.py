# ruff: noqa
"""Sets a timer whose handler raises for ever after the cell, into the runner too.

ends: ok | raised | ended the process
others: any
"""

import signal


def strike(*arguments):
    raise KeyboardInterrupt("from the timer")


signal.signal(signal.SIGALRM, strike)
signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
