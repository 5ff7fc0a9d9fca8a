"""Images: bytes to frames within limits, known pictures by PDQ, a small classifier, QR codes."""
