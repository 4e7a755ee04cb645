"""Figures of votes, acquisition and learning: one scikit-learn style display per picture.

`PosteriorDisplay` shows galaxies beside what one network and all drawn networks expect of the
volunteers (after Walmsley et al. 2020, arXiv:1905.07424); `AcquisitionDisplay` the galaxies that
would be asked about first beside those asked about last; `LearningCurveDisplay` how strategies
improve with labels, against the noise floor; `DecisionTreeDisplay` who is asked what.

A display holds checked arrays; `plot` draws them, keeps its artists under names ending in ``_``
and returns the display. matplotlib (the extra ``plot``) is imported only there, and the user's
settings are left as they are. Colours are Okabe and Ito's, distinct to colour-blind readers.
"""

from skgalaxy.plotting._acquisition_sheets import AcquisitionDisplay
from skgalaxy.plotting._coverage import CoverageDisplay
from skgalaxy.plotting._decision_tree import DecisionTreeDisplay
from skgalaxy.plotting._learning_curve import LearningCurveDisplay
from skgalaxy.plotting._pit import PITDisplay
from skgalaxy.plotting._posterior_rows import PosteriorDisplay
from skgalaxy.plotting._reliability import ReliabilityDisplay

__all__ = [
    "AcquisitionDisplay",
    "CoverageDisplay",
    "DecisionTreeDisplay",
    "LearningCurveDisplay",
    "PITDisplay",
    "PosteriorDisplay",
    "ReliabilityDisplay",
]
