"""What votes say about a vote fraction: one module per likelihood, NumPy and SciPy only."""
