"""Error bars that hold: posteriors widened by votes that their networks have not seen.

Networks are surer of galaxies they were trained on than of others, and their draws do not show it.
A *recalibration* lets votes scatter more, or less, than the networks say, and lets draws differ
more, or less. Held-out votes choose its numbers (as in Platt 1999). A network's concentration s,
and the logit z_d of the vote fraction in draw d, become::

    1 / s' = overdispersion + scatter / s
    z_d' = z̄ + spread (z_d - z̄),     z̄ the mean over the draws of one galaxy

The binomial likelihood, 1 / s = 0, becomes a beta-binomial of one concentration for all galaxies.
Every z̄ stays as it is. `CalibratedRegressorCV` holds galaxies out, trains on the others, and
learns the numbers from those held out.
"""

from skgalaxy.calibration._recalibration import Recalibration
from skgalaxy.calibration._recommended import recommended
from skgalaxy.calibration._regressor import CalibratedRegressorCV
from skgalaxy.calibration._tree_recalibration import TreeRecalibration

__all__ = ["CalibratedRegressorCV", "Recalibration", "TreeRecalibration", "recommended"]
