"""The price of a posterior: D draws against one deterministic pass of the same network.

Prints, for float32 and bfloat16 and several numbers of draws, the time of `predict_posterior`
over the time of ``keras.Model.predict`` on the same images in the same run.
"""

from _report import finish, parser, seconds  # first: quietens TensorFlow

import numpy as np

from skgalaxy import BayesianCNNRegressor


def main():
    """Run the benchmark."""
    options = parser(__doc__).parse_args()
    n_galaxies, repeats = (200, 3) if options.quick else (2000, 7)
    rng = np.random.default_rng(0)
    X = rng.integers(0, 256, (n_galaxies, 64, 64, 3), dtype=np.uint8)
    y = rng.uniform(size=n_galaxies)
    table = [
        (
            "precision",
            "draws",
            "Keras predict, s",
            "in 128s, s",
            "posterior, s",
            "ratio",
            "of repeats",
        )
    ]
    figures = []
    for precision in ("float32", "bfloat16"):
        model = BayesianCNNRegressor(epochs=1, precision=precision, random_state=0)
        model.fit(X[:64], y[:64])
        keras_model = model.network_.model_
        for n_draws in (50, 200):
            model.set_params(n_draws=n_draws)
            plain = seconds(lambda: keras_model.predict(X, verbose=0), repeats)  # noqa: B023
            large = seconds(lambda: keras_model.predict(X, batch_size=128, verbose=0), repeats)  # noqa: B023
            drawn = seconds(lambda: model.predict_posterior(X), repeats)  # noqa: B023
            ratios = np.sort(drawn / np.median(plain))
            row = {
                "precision": precision,
                "n_draws": n_draws,
                "keras_predict_s": plain.tolist(),
                "keras_predict_128_s": large.tolist(),
                "posterior_s": drawn.tolist(),
                "ratio": float(np.median(ratios)),
            }
            figures.append(row)
            table.append(
                (precision, n_draws, f"{np.median(plain):.2f}", f"{np.median(large):.2f}")
                + (f"{np.median(drawn):.2f}",)
                + (f"{row['ratio']:.2f}", f"{ratios[0]:.2f} to {ratios[-1]:.2f}")
            )
    print(f"{n_galaxies} images of 64 px, medians of {repeats}\n")
    finish(options, table, {"n_galaxies": n_galaxies, "rows": figures})


if __name__ == "__main__":
    main()
