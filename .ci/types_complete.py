"""Hold the share of public names whose types an editor knows to a limit. Run by `make lint`.

Pyright judges an installed package. So the package is copied to a folder of its own, because an
editable install and the folder of the repository would be two packages of one name.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "skgalaxy"
LEAST = 95.0  # per cent; scikit-learn and Keras have no types, so classes of theirs are not known


def main() -> None:
    """Print the share; exit with 1 if it is below the limit."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(PACKAGE, Path(folder) / PACKAGE.name)
        command = ["pyright", "--pythonpath", sys.executable]
        command += ["--verifytypes", PACKAGE.name, "--ignoreexternal"]
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        environment = {**os.environ, "PYTHONPATH": folder, "PATH": path}
        report = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True
        )
    found = re.search(r"Type completeness score: ([\d.]+)%", report.stdout)
    if not found:
        sys.exit(f"pyright gave no score: {report.stdout[-1000:]}{report.stderr[-1000:]}")
    share = float(found[1])
    print(f"{share} % of the public names have types that an editor knows (at least {LEAST} %)")
    if share < LEAST:
        sys.exit(report.stdout[report.stdout.find("Symbols used") :])


if __name__ == "__main__":
    main()
