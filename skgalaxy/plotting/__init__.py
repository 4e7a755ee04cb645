"""Figures of votes, acquisition and learning, as displays in scikit-learn's style.

`PosteriorDisplay` shows galaxies beside the posteriors over their votes, of one draw and of all
(after Walmsley et al. 2020, arXiv:1905.07424). `AcquisitionDisplay` shows the
galaxies that you would ask about first, beside those that you would ask about last.
`LearningCurveDisplay` compares strategies as labels are added, for example with random choice, and
draws the noise floor. `CoverageDisplay`, `PITDisplay` and `ReliabilityDisplay` test whether
predictions are calibrated. `DecisionTreeDisplay` draws the questions that volunteers are asked.

A display holds checked arrays. Its `plot` draws them, keeps the artists under names ending in
``_``, so that you can change them, and returns the display. matplotlib (the extra ``plot``) is
imported only there, and your settings are left as they are. Colours are Okabe and Ito's, distinct
to colour-blind readers; a strategy has the same colour and marker in all figures.
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
