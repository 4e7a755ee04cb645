"""Which galaxies teach the most: acquisition functions, in nats. Arrays in, arrays out.

For example ``mutual_information(draws, n_votes=40)`` scores every galaxy of your pool by the vote
fractions that drawn networks expect of it. The mathematics stands in `skgalaxy.information`:
``single`` (one galaxy's votes), ``variance`` (the same by the variance of its fraction), ``joint``
(several galaxies' votes together), ``budget`` (the next votes of galaxies that have some) and
``tree`` (votes on the questions of a decision tree).
"""

from skgalaxy.information import (
    expected_entropy,
    expected_predictive_information_gain,
    greedy_clicks,
    greedy_information,
    greedy_walks,
    joint_walk_information,
    mutual_information,
    plan_clicks,
    plan_votes,
    predictive_entropy,
    question_information,
    standardised_draws,
    value_of_votes,
    variance_information,
    walk_information,
)

__all__ = [
    "expected_entropy",
    "expected_predictive_information_gain",
    "greedy_clicks",
    "greedy_information",
    "greedy_walks",
    "joint_walk_information",
    "mutual_information",
    "plan_clicks",
    "plan_votes",
    "predictive_entropy",
    "question_information",
    "standardised_draws",
    "value_of_votes",
    "variance_information",
    "walk_information",
]
