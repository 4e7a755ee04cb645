"""The result of `make_galaxies`, and its description."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils import Bunch

from skgalaxy.simulation._tree_volunteers import tree_fractions
from skgalaxy.simulation._volunteers import QUESTIONS
from skgalaxy.votes import DecisionTree

__all__ = ["SimulatedGalaxies", "as_bunch"]

DESCR = """\
Simulated galaxies, not observations
------------------------------------
Pictures are drawn with GalSim from random physical parameters. Votes are drawn at random from a
made-up rule for how visible features persuade volunteers. Use them to try code, to teach and to
test; draw no astronomical conclusion from them.

images         uint8 (n_galaxies, image_size, image_size), grey, asinh stretch
votes          int64 (n_galaxies, 2): of N volunteers asked the question, k said yes; with a
               tree, int64 (n_galaxies, n_answers): counts of all answers
vote_fraction  float64 (n_galaxies,): the true rho of the question, in [0, 1]
question       the question that votes and vote_fraction answer
tree           only if you gave one: the questions that votes and fractions answer
fractions      only with a tree, float64 (n_galaxies, n_answers): the true fraction of every answer
               among those who are asked
ids            str (n_galaxies,): "sim-000000", ...
table          counts of all questions, one row per galaxy, in Zoobot's column names
frame          one row of physical parameters per galaxy:

  kind               smooth, featured, barred, edge-on or artifact
  magnitude          r band, of the whole galaxy, mag
  half_light_radius  arcsec
  radius_90          radius of 90 % of the Petrosian light, about, arcsec
  feature_strength   the hidden cause of arms, in [0, 1]
  disc_fraction      light in disc and bar / all light
  disc_radius        exponential scale length of the disc, arcsec
  bulge_radius       half-light radius of the bulge, arcsec
  bulge_sersic       Sersic index of the bulge (4 is de Vaucouleurs')
  bulge_axis_ratio   minor / major axis of the bulge on the sky
  inclination        degrees, 0 is face-on and 90 edge-on
  position_angle     of the major axis, degrees in [0, 180), from the axis of columns
                     towards that of rows
  n_arms             2, 3 or 4
  pitch_angle        of the logarithmic arms, degrees; 0 is wound to a ring
  winding            +1 or -1, the sense of the arms
  arm_contrast       of arms to disc, in [0, 1], before inclination and blur
  arm_asymmetry      how much the strongest arm exceeds their mean, in [0, 1]
  knot_fraction      light in star-forming regions / light of the disc
  bar_fraction       light in the bar / light of the disc
  bar_radius         half the length of the bar, arcsec
  bar_angle          of the bar in the plane of the disc, degrees from the major axis
  seeing             full width at half maximum of the Moffat PSF, arcsec
  pixel_scale        arcsec per pixel of the picture
  visible_arms       detectability d' of the arms in the picture, after blur and noise
  visible_bar        the same of the bar
  visible_axis_ratio minor / major axis of the galaxy in the picture
  rho_featured, rho_edge-on, rho_bar, rho_artifact
                     the true vote fractions among the volunteers asked: see `make_galaxies`
"""


class SimulatedGalaxies(Bunch):
    """Simulated galaxies as `make_galaxies` returns them: a Bunch, with names for your editor.

    Attributes
    ----------
    images : uint8 array of shape (n_galaxies, image_size, image_size)
        Grey pictures.
    votes : int64 array of shape (n_galaxies, 2), or (n_galaxies, n_answers) with a tree
        Columns [k, N]; with a tree, counts in the order of its columns.
    vote_fraction : float64 array of shape (n_galaxies,)
        True probability that a volunteer who is asked says yes.
    question : str
        The question, for example "featured".
    tree : DecisionTree
        The questions of `votes`, only if you gave a tree.
    fractions : float64 array of shape (n_galaxies, n_answers)
        True fraction of every answer among those who are asked, only with a tree.
    ids : str array of shape (n_galaxies,)
        Names of the galaxies.
    table : pandas.DataFrame of n_galaxies rows
        Counts of all questions.
    frame : pandas.DataFrame of n_galaxies rows
        Physical parameters, visible features and true vote fractions.
    DESCR : str
        Description of all these.
    """

    images: NDArray[np.uint8]
    votes: NDArray[np.int64]
    vote_fraction: NDArray[np.float64]
    question: str
    tree: DecisionTree
    fractions: NDArray[np.float64]
    ids: NDArray[np.str_]
    table: pd.DataFrame
    frame: pd.DataFrame
    DESCR: str


def as_bunch(
    images: NDArray[np.uint8],
    rows: Sequence[Mapping[str, Any]],
    counts: Sequence[Mapping[str, int]],
    question: str,
    tree: DecisionTree | None = None,
) -> SimulatedGalaxies:
    """Pictures, parameters and counts as `make_galaxies` returns them for a question, or a tree."""
    ids = np.array([f"sim-{i:06d}" for i in range(len(images))])
    frame, table = pd.DataFrame(rows), pd.DataFrame(counts)
    answer = "_".join(QUESTIONS[question])
    total = f"{QUESTIONS[question][0]}_total-votes"
    columns = [answer, total] if tree is None else list(tree.columns)
    votes = table[columns].to_numpy(dtype=np.int64)
    of_tree = {}
    if tree is not None:
        of_tree = {"tree": tree, "fractions": np.stack([tree_fractions(row) for row in rows])}
    table.insert(0, "id_str", ids)
    return SimulatedGalaxies(
        images=images,
        votes=votes,
        vote_fraction=frame[f"rho_{question}"].to_numpy(),
        question=question,
        ids=ids,
        table=table,
        frame=frame,
        DESCR=DESCR,
        **of_tree,
    )
