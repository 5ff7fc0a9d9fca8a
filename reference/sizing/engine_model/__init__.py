"""One engine, predicted: how long a step takes, what it holds, and how far that has been calibrated."""
