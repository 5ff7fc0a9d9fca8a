"""A second opinion on the rubric by a language model that is configured for it and has passed a calibration.

Its points never replace the candidate's own; each needs a quote of their words, looked up by this side.
"""
