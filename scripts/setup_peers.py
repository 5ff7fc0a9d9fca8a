"""Set up the peers that `make bench` compares with and that need an environment of their own (.venv-peers).

    .venv/bin/python scripts/setup_peers.py

One that cannot be made is told with the reason; the comparison then leaves its rows out, so this is no failure.
"""

from __future__ import annotations

import sys

from setup_steps.commands import only_one
from setup_steps.failures import StepFailed
from setup_steps.peers import make_peers

if __name__ == "__main__":
    try:
        with only_one():
            make_peers()
    except StepFailed as failure:
        sys.exit(f"the peers were not set up.\n  why: {failure}\n  do:  {failure.mend}")
    except KeyboardInterrupt:
        sys.exit(130)
