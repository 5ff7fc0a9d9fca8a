"""One model, three ways to wait for it: at once (the gateway's own route), as a stream, or later as a job or a batch.

`Modes` is an extension of the gateway: the same keys, limits, guards and engine serve all of them.
"""

from reference.serving.modes.extension import Modes, ModesSettings

__all__ = ["Modes", "ModesSettings"]
