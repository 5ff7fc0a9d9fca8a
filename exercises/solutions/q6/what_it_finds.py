"""Precision asks how much of what it says is right, recall how much of what is there it says. F1 is 2 right over
(2 right + false + missed). Wilson's interval moves the centre towards a half and never leaves [0, 1]; with these counts
the precision may well be a tenth lower than it looks."""

from math import sqrt

n = right + false
precision = right / n
recall = right / (right + missed)
f1 = 2 * precision * recall / (precision + recall)
z = 1.96
centre = precision + z**2 / (2 * n)
spread = z * sqrt(precision * (1 - precision) / n + z**2 / (4 * n**2))
low = (centre - spread) / (1 + z**2 / n)
