"""Votes of volunteers: other people's tables read as counts, and the questions they were asked.

A survey's table has its own dialect for "k of N said yes": counts or fractions, raw or weighted,
one total for each question or one for all of them. `read_votes` reads any of them into a
`VoteTable`, and refuses what is no count. Volunteers are led from question to question, so whoever
says "smooth" is never asked about a bar: `DecisionTree` holds who is asked what, `GZ2` and
`GZ_DECALS` are the published ones (Willett et al. 2013, arXiv:1308.3496; Walmsley et al. 2022,
arXiv:2102.08414).
"""

from skgalaxy.votes._decision_tree import DecisionTree
from skgalaxy.votes._made_counts import draw_counts, reconstruct_counts
from skgalaxy.votes._published_trees import GZ2, GZ_DECALS
from skgalaxy.votes._read_votes import list_questions, read_votes
from skgalaxy.votes._tree_file import read_tree, write_tree
from skgalaxy.votes._tree_votes import TreeVotes
from skgalaxy.votes._vote_table import VoteTable
from skgalaxy.votes._walks import walk_votes

__all__ = [
    "DecisionTree",
    "GZ2",
    "GZ_DECALS",
    "TreeVotes",
    "VoteTable",
    "draw_counts",
    "list_questions",
    "read_tree",
    "read_votes",
    "reconstruct_counts",
    "walk_votes",
    "write_tree",
]
