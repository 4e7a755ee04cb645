"""The published decision trees of Galaxy Zoo."""

from skgalaxy.votes._decision_tree import DecisionTree
from skgalaxy.votes._question_names import GZ2_TASKS

# Willett et al. 2013, figure 1. After the questions on shape every path but "artifact" leads to
# "anything odd?"; bulge size is asked whether or not there are arms.
GZ2 = DecisionTree(
    {question: tuple(answers.values()) for question, answers in GZ2_TASKS.values()},
    asked_after={
        "disk-edge-on": ["smooth-or-featured_featured-or-disk"],
        "bar": ["disk-edge-on_no"],
        "has-spiral-arms": ["disk-edge-on_no"],
        "bulge-size": ["disk-edge-on_no"],
        "something-odd": ["smooth-or-featured_smooth", "smooth-or-featured_featured-or-disk"],
        "how-rounded": ["smooth-or-featured_smooth"],
        "odd-feature": ["something-odd_yes"],
        "bulge-shape": ["disk-edge-on_yes"],
        "spiral-winding": ["has-spiral-arms_yes"],
        "spiral-arm-count": ["has-spiral-arms_yes"],
    },
    name="Galaxy Zoo 2",
)

# Walmsley et al. 2022, figure 4: the tree of DR5, which DR8 kept; DR1 and DR2 had other answers.
GZ_DECALS = DecisionTree(
    {
        "smooth-or-featured": ("smooth", "featured-or-disk", "artifact"),
        "how-rounded": ("round", "in-between", "cigar-shaped"),
        "disk-edge-on": ("yes", "no"),
        "edge-on-bulge": ("boxy", "none", "rounded"),
        "bar": ("strong", "weak", "no"),
        "has-spiral-arms": ("yes", "no"),
        "spiral-winding": ("tight", "medium", "loose"),
        "spiral-arm-count": ("1", "2", "3", "4", "more-than-4", "cant-tell"),
        "bulge-size": ("none", "small", "moderate", "large", "dominant"),
        "merging": ("none", "minor-disturbance", "major-disturbance", "merger"),
    },
    asked_after={
        "how-rounded": ["smooth-or-featured_smooth"],
        "disk-edge-on": ["smooth-or-featured_featured-or-disk"],
        "edge-on-bulge": ["disk-edge-on_yes"],
        "bar": ["disk-edge-on_no"],
        "has-spiral-arms": ["disk-edge-on_no"],
        "spiral-winding": ["has-spiral-arms_yes"],
        "spiral-arm-count": ["has-spiral-arms_yes"],
        "bulge-size": ["disk-edge-on_no"],
        "merging": ["smooth-or-featured_smooth", "smooth-or-featured_featured-or-disk"],
    },
    name="Galaxy Zoo DECaLS",
)
