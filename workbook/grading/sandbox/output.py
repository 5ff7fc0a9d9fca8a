"""Output of a process, told apart by the marks that the runner writes between cells."""

from __future__ import annotations

from dataclasses import dataclass, field

from workbook.grading.sandbox.lines import shown


@dataclass
class Output:
    """What the cells print, cut at `most` bytes each. mark: what the runner writes between two cells."""

    mark: bytes
    most: int
    kept: list[bytearray] = field(default_factory=lambda: [bytearray()])
    lost: list[int] = field(default_factory=lambda: [0])
    total: int = 0
    tail: bytes = b""

    def feed(self, data: bytes) -> None:
        """Take what was read; a mark may be cut in two between calls."""
        self.total += len(data)
        *whole, last = (self.tail + data).split(self.mark)
        for part in whole:
            self._keep(part)
            if len(self.kept) < 1000:
                self.kept.append(bytearray())
                self.lost.append(0)
        hold = min(len(last), len(self.mark) - 1)
        self._keep(last[: len(last) - hold])
        self.tail = last[len(last) - hold :]

    def _keep(self, data: bytes) -> None:
        room = self.most - len(self.kept[-1])
        self.kept[-1] += data[:room]
        self.lost[-1] += max(0, len(data) - room)

    def texts(self) -> list[str]:
        """The output of each cell as harmless text, with the number of bytes that were cut off. Call it once, last."""
        self._keep(self.tail)
        self.tail = b""
        return [
            shown(bytes(kept).decode("utf-8", "replace")) + (f"\n[{lost} bytes more]" if lost else "")
            for kept, lost in zip(self.kept, self.lost, strict=True)
        ]
