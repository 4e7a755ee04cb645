"""Entries of the docstrings that displays share."""

from skgalaxy._docstrings import fill_docstring

describe_display = fill_docstring(
    estimator="""
        estimator : BayesianCNNRegressor
            A fitted estimator. You can pass all that `skgalaxy.query.predict_posterior` takes, for
            example a Pipeline.
    """,
    X="""
        X : array-like of shape (n_galaxies, ...)
            The galaxies, as `estimator` takes them.
    """,
    y="""
        y : array-like of shape (n_galaxies, 2)
            The volunteers' answers, columns [k, N]; rows with N = 0 are left out.
    """,
    images="""
        images : array-like, default=None
            The images to show. By default X is shown, and must then hold images.
    """,
    posterior="""
        posterior : VotePosterior or array-like of shape (n_galaxies, n_draws)
            The posterior, or the vote fractions drawn.
    """,
    posteriors="""
        posterior : VotePosterior, array-like of shape (n_galaxies, n_draws) or (n_galaxies,), or \
dict of str to such
            The posterior, or the vote fractions drawn, or those of one network. To compare several
            on the same galaxies, pass a dict, for example ``{"dropout": ..., "ensemble": ...}``.
    """,
    n_votes_asked="""
        n_votes : int, default=40
            The number N of volunteers who would be asked.
    """,
    data_name="""
        data_name : str, default=None
            Name of the data for the title, for example "simulated galaxies".
    """,
)
