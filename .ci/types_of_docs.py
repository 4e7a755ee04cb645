"""Check the types of the Python blocks in README and guide, as an editor would. Run by `make lint`.

The blocks of a page are one file, in their order. Errors of other packages' annotations are passed
over by the lines that call them.
"""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = ("README.md", "docs/guide.md")
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
OTHERS = re.compile(  # calls of packages whose own annotations are wrong or too narrow
    r"ActiveLearner|learner\.(query|teach)|keras\.|layers\.|joblib\.|cross_val|SkyCoord|\bu\."
)


def main():
    """Print the errors that are ours; exit with 1 if there is one."""
    with tempfile.TemporaryDirectory(dir=ROOT, prefix="types_of_docs_") as folder:
        files = {}
        for page in PAGES:
            text = "\n".join(BLOCK.findall((ROOT / page).read_text()))
            file = Path(folder) / f"{Path(page).stem}.py"
            file.write_text(text)
            files[str(file)] = page, text.splitlines()
        pyright = [Path(sys.executable).parent / "pyright", "--pythonpath", sys.executable]
        run = subprocess.run(
            [*pyright, "--outputjson", *files], capture_output=True, text=True, cwd=ROOT
        )
    report, found = json.loads(run.stdout), []
    if report["summary"]["filesAnalyzed"] != len(PAGES):
        sys.exit(f"pyright read {report['summary']['filesAnalyzed']} pages of {len(PAGES)}.")
    for error in report["generalDiagnostics"]:
        page, lines = files[error["file"]]
        line = lines[error["range"]["start"]["line"]]
        if error["severity"] == "error" and not OTHERS.search(line):
            found.append(f"{page}: {line.strip()}\n    {error['message']}")
    print("\n".join(found) or f"The blocks of {' and '.join(PAGES)} have the types they need.")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
