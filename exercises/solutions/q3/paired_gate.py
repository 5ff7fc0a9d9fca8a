"""Only the cases that change sides tell the versions apart: lost less won is the fall, and each of them is a coin throw
if there is none. Pairing makes the test far sharper than two separate samples would be, since the cases on which both
agree bring no noise."""

from math import comb, sqrt
from statistics import NormalDist

changed = lost + won
fall_points = 100 * (lost - won) / cases
p_value = sum(comb(changed, k) for k in range(lost, changed + 1)) / 2**changed

z = NormalDist().inv_cdf(0.95) + NormalDist().inv_cdf(0.80)
found_points = 100 * z * sqrt(changed) / cases
