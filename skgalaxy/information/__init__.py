"""What votes would tell about the networks: of one galaxy, of several, and for a budget.

All functions take draws of vote fractions, an array (n_galaxies, n_draws), or a posterior of any
likelihood; and return arrays, in nats. `skgalaxy.acquisition` is their public door.
"""

from skgalaxy.information.budget import plan_votes, value_of_votes
from skgalaxy.information.joint import (
    expected_predictive_information_gain,
    greedy_information,
    standardised_draws,
)
from skgalaxy.information.single import expected_entropy, mutual_information, predictive_entropy

__all__ = [
    "expected_entropy",
    "expected_predictive_information_gain",
    "greedy_information",
    "mutual_information",
    "plan_votes",
    "predictive_entropy",
    "standardised_draws",
    "value_of_votes",
]
