"""What arrives at a fleet: one row per request, as arrays, so that ten million of them fit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Workload:
    """Requests in order of arrival. All arrays have one entry per request.

    arrived: seconds from 0, ascending (float64). n_in, n_out: tokens of prompt and answer (int32, at least 1).
    session: conversation, or -1 (int32). shared: first tokens of the prompt that every request has (int32).
    history: tokens after those that repeat the session's earlier turns (int32); shared + history <= n_in - 1, for the
    last token is always computed. region: index of the home region (int16). horizon_s: end of the time simulated;
    arrivals lie before it.
    """

    arrived: NDArray[np.float64]
    n_in: NDArray[np.int32]
    n_out: NDArray[np.int32]
    session: NDArray[np.int32]
    shared: NDArray[np.int32]
    history: NDArray[np.int32]
    region: NDArray[np.int16]
    horizon_s: float

    @classmethod
    def of(
        cls,
        arrived: Any,
        n_in: Any,
        n_out: Any,
        *,
        session: Any = -1,
        shared: Any = 0,
        history: Any = 0,
        region: Any = 0,
        horizon_s: float | None = None,
    ) -> Workload:
        """From lists, arrays or single numbers (the same for every request). Raises ValueError naming the field."""
        at = np.ascontiguousarray(arrived, dtype=np.float64)
        if at.ndim != 1:
            raise ValueError(f"arrived must be a list of seconds, got {at.ndim} dimensions")
        if at.size and not (np.isfinite(at).all() and at[0] >= 0 and (np.diff(at) >= 0).all()):
            raise ValueError("arrived must be ascending seconds from 0")

        def column(name: str, value: Any, kind: Any, least: int) -> Any:
            array = np.asarray(value)
            if array.ndim == 0:
                array = np.full(at.size, array)
            if array.shape != at.shape:
                raise ValueError(f"{name} must have one entry per request ({at.size}), got {array.shape}")
            if array.size and not (np.isfinite(array).all() and array.min() >= least):
                raise ValueError(f"{name} must be at least {least} everywhere, got {array.min()!r}")
            return np.ascontiguousarray(array, dtype=kind)

        made = cls(
            arrived=at,
            n_in=column("n_in", n_in, np.int32, 1),
            n_out=column("n_out", n_out, np.int32, 1),
            session=column("session", session, np.int32, -1),
            shared=column("shared", shared, np.int32, 0),
            history=column("history", history, np.int32, 0),
            region=column("region", region, np.int16, 0),
            horizon_s=float(horizon_s if horizon_s is not None else (at[-1] if at.size else 0.0)),
        )
        if at.size and ((made.shared.astype(np.int64) + made.history) >= made.n_in).any():
            raise ValueError("shared + history must be below n_in: the last token of a prompt is always computed")
        if at.size and made.horizon_s < at[-1]:
            raise ValueError(f"horizon_s ({made.horizon_s:g}) must not lie before the last arrival ({at[-1]:g})")
        return made

    @property
    def requests(self) -> int:
        """Number of requests."""
        return int(self.arrived.size)
