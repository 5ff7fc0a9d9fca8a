"""python -m workbook.site FOLDER: the site of a run's folder, made anew without running anything."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path


def main(arguments: list[str]) -> int:
    from workbook import paths
    from workbook.errors import WorkbookError
    from workbook.runner import listing
    from workbook.runner.run import write_report
    from workbook.site.folder import read_run

    parser = argparse.ArgumentParser(prog="python -m workbook.site", description=__doc__)
    parser.add_argument("folder", type=Path, help="the folder of a run, such as runs/latest")
    folder = parser.parse_args(arguments).folder
    try:
        run = read_run(folder, listing.load(paths.notebooks_dir()), paths.notebooks_dir())
    except WorkbookError as error:
        print(f"{error}. {error.mend}.", file=sys.stderr)
        return error.exit_code
    write_report(run)
    print(paths.shown(run.folder / "index.html"))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
