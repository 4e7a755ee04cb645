"""The house is as docs/design.md draws it; what `make lint` cannot see of setup.cfg's contracts."""

import configparser
import re
from itertools import pairwise
from pathlib import Path

import skgalaxy

ROOT, PACKAGE = Path(__file__).parents[1], Path(skgalaxy.__file__).parent
CONTRACTS = configparser.ConfigParser()
CONTRACTS.read(ROOT / "setup.cfg")


def lines_of(contract, option):
    return CONTRACTS[f"importlinter:contract:{contract}"][option].split("\n")[1:]


def names_of(row):
    return re.findall(r"\w+", row)


def test_the_picture_is_the_contract():
    """Every room is drawn, above the same rooms; the lowest may be left out for an ellipsis."""
    layers = [names_of(row) for row in lines_of("layers", "layers")]
    layer_of = {name: i for i, row in enumerate(layers) for name in row}
    picture = (ROOT / "docs" / "design.md").read_text().split("```")[1].strip().split("\n")
    drawn = [names_of(re.split(r" {2,}", row)[0]) for row in picture]
    public = {name for name in layer_of if not name.startswith("_")}
    assert public <= {name for row in drawn for name in row} <= set(layer_of)
    for above, below in pairwise(drawn):
        assert max(map(layer_of.get, above)) < min(map(layer_of.get, below))


def test_optional_packages_are_required_in_their_own_rooms():
    """What `_optional.require` imports by a name in quotes, which import-linter cannot see."""
    optional = {package.strip() for package in lines_of("optional", "forbidden_modules")}
    let_off = [row.split(" -> ") for row in lines_of("optional", "ignore_imports")]
    found = {
        (".".join(file.relative_to(PACKAGE.parent).with_suffix("").parts), package)
        for file in PACKAGE.rglob("*.py")
        for package in re.findall(r'\brequire\(\s*"(\w+)', file.read_text())
        if package in optional
    }
    assert found
    for module, package in found:
        rooms = [room.removesuffix(".**") for room, allowed in let_off if allowed == package]
        assert any(module.startswith(f"{room}.") for room in rooms), (module, package)
