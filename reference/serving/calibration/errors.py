"""What a calibration fails with."""


class CalibrationError(RuntimeError):
    """The engine cannot be calibrated, or stopped answering; the message says why and what to do."""
