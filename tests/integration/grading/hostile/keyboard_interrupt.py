# ruff: noqa
"""Raises what a person's Ctrl-C raises, and asks for it to come later too.

ends: raised
says: KeyboardInterrupt
"""

import _thread

_thread.interrupt_main()
raise KeyboardInterrupt
