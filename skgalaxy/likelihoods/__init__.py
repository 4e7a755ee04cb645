"""What votes say about a vote fraction: one module per likelihood, NumPy and SciPy only.

A network gives every galaxy some numbers, its *outputs*; each likelihood makes of them its
parameters: the mean vote fraction (`draws`), and for likelihoods wider than the binomial a
concentration. All modules answer the same questions, with their parameters last:

=============================================  ================================================
``MAX_OUTPUTS``                                how many numbers a network may give
``parameters(outputs)``                        draws, and what goes with them
``votes_nll(votes, n_votes, outputs)``         what training minimises (`skgalaxy.losses`)
``log_pmf(votes, n_votes, ...)``               log p(k) of single networks
``pmf_blocks(draws, n_votes, ...)``            p(k) of all outcomes and draws, block by block
``mixture_pmf(draws, n_votes, ...)``           p(k) of the posterior
``mixture_log_prob(votes, n_votes, draws, ..)``  its logarithm for the answers given
``entropies(draws, n_votes, ...)``             of the posterior, and of a single draw on average
``vote_fraction_variance``, ``mixture_quantile``, ``sample``
=============================================  ================================================
"""

from skgalaxy.likelihoods import beta_binomial, binomial

__all__ = ["LIKELIHOODS", "beta_binomial", "binomial", "likelihood_of"]

LIKELIHOODS = {"beta_binomial": beta_binomial, "binomial": binomial}


def likelihood_of(concentration):
    """Return the likelihood of draws that have a `concentration`, or None."""
    return binomial if concentration is None else beta_binomial
