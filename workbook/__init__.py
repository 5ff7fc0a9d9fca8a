"""The console script, the notebook runner and the doctor."""
