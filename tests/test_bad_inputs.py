"""Bad inputs by the thousand: each is refused in one sentence that names the parameter.

`benchmarks/fuzz.py inputs` tries more of them, given to estimators, readers and commands.
"""

import sys
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
import _bad_values
from _fuzz_inputs import Case, cases, outcome


def test_bad_inputs():
    found = [(outcome(case), case.where, case.label) for case in cases(_bad_values.ARGUMENTS)]
    counts = Counter(text.split(":")[0] for text, _, _ in found)
    others = [one for one in found if one[0] != "clear"]
    assert not others, f"{counts}: {others[:20]}"
    assert counts["clear"] > 2_000


def test_what_is_no_clear_refusal():
    """The check can fail: of results, other errors, and sentences that name nothing."""

    def case(value):
        return Case("n", "f(n)", "bad", int, value)

    assert outcome(case("1")) == "accepted: 1"
    assert outcome(case("x")).startswith("unclear: ValueError: invalid literal for int()")
    assert outcome(Case("n", "f(n)", "bad", [].__getitem__, 5)).startswith("unclear: IndexError")
