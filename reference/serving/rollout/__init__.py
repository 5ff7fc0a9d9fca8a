"""Question 3: versions of a served model, gates before release, a canary that moves in steps, and the way back."""
