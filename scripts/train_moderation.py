"""Trains the text models of moderation into the cache and prints what they do on held-out templates.

    python scripts/train_moderation.py [--kind tfidf|minilm|stack|cascade] [--again] [--rows 2000]

Data: the made corpus (reference/moderation/corpus), split by template; nothing is fetched. About 10 s for TF-IDF and a
minute for the others. `--again` deletes what is in the cache first, e.g. after a file of it was damaged.
"""

from __future__ import annotations

import argparse
import shutil
import sys

import numpy as np

from reference.moderation.corpus import splits
from reference.moderation.evaluation.escalation import by_group, choose_band, feasible
from reference.moderation.evaluation.reliability import reliability
from reference.moderation.models.default import KINDS, default_text_model, models_folder
from reference.moderation.types import ModerationError


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kind", choices=KINDS, default="tfidf")
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--rows", type=int, default=2000, help="held-out and calibration rows to score")
    options = parser.parse_args()
    if options.rows < 100:
        parser.error(f"--rows {options.rows}: at least 100")
    try:
        if options.again:
            shutil.rmtree(models_folder(), ignore_errors=True)
        model = default_text_model(options.kind)
        sides = []
        for rows in (splits().calibration[: options.rows], splits().held_out[: options.rows]):
            scores = model.score([row.post.text for row in rows]).max(axis=1)
            sides.append((scores, np.array([row.violating for row in rows])))
        found = feasible(sides[0], sides[1])
        trust = reliability(*sides[1])
    except ModerationError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{model.version}, validated languages: {', '.join(sorted(model.languages)) or 'none'}; {models_folder()}")
    print(f"FPR {found.fpr}\nFNR {found.fnr}\nshare that goes to people for that: {found.share_needed:.1%}")
    print(f"calibration error {trust.ece:.3f} ({trust.low:.3f} to {trust.high:.3f})")
    band = choose_band(*sides[0], 0.001, 0.01)
    names = [row.functionality for row in splits().held_out[: options.rows]]
    for name, values in by_group(*sides[1], names, band).items():
        print(f"  {name:24} " + ", ".join(f"{key} {value:.3g}" for key, value in values.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
