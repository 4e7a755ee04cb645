"""Information in votes about the networks: of one galaxy, of several, and for a budget of clicks.

All functions take draws of vote fractions, an array (n_galaxies, n_draws), or a posterior of any
likelihood; those about a decision tree take draws of all its answers. They return arrays, in nats.
You reach them as `skgalaxy.acquisition`.
"""

from skgalaxy.information.budget import plan_votes, value_of_votes
from skgalaxy.information.joint import (
    expected_predictive_information_gain,
    greedy_information,
    standardised_draws,
)
from skgalaxy.information.single import expected_entropy, mutual_information, predictive_entropy
from skgalaxy.information.tree import question_information, walk_information
from skgalaxy.information.tree_budget import plan_clicks
from skgalaxy.information.tree_clicks import greedy_clicks
from skgalaxy.information.tree_joint import greedy_walks, joint_walk_information
from skgalaxy.information.variance import variance_information

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
