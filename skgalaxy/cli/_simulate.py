"""The command `simulate`: galaxies and the votes of volunteers."""

from pathlib import Path

import click

from skgalaxy.cli._common import (
    NEW_FOLDER,
    POSITIVE,
    Command,
    check_new,
    examples,
    note,
    quiet_option,
    seed_option,
    wants_bars,
    write_csv,
)


@click.command(
    cls=Command,
    epilog=examples("skgalaxy simulate sky", "skgalaxy simulate sky -n 5000 --size 128 --seed 7"),
)
@click.argument("folder", type=NEW_FOLDER)
@click.option("-n", "--n-galaxies", type=POSITIVE, default=1000, help="Number of galaxies.")
@click.option(
    "--size", type=click.IntRange(min=16), default=64, help="Width of the images in pixels."
)
@seed_option
@quiet_option
def simulate(folder: Path, n_galaxies: int, size: int, seed: int, quiet: bool) -> None:
    """Draw galaxies and the votes of volunteers on them.

    You can try the other commands on these. Makes FOLDER with images/{id}.png, votes.csv (votes on
    several questions) and truth.csv (the parameters of the galaxies). Needs GalSim: pip install
    galsim.
    """
    # imported here, as in all commands: --help is quick
    from PIL import Image

    from skgalaxy._files import complete_folder
    from skgalaxy.datasets import make_galaxies

    check_new(folder)
    galaxies = make_galaxies(
        n_galaxies, image_size=size, random_state=seed, n_jobs=-1, verbose=wants_bars(quiet)
    )
    with complete_folder(folder) as partial:
        (partial / "images").mkdir()
        for id_, image in zip(galaxies.ids, galaxies.images, strict=True):
            Image.fromarray(image).save(partial / "images" / f"{id_}.png")
        # the name that `train` looks for
        galaxies.frame.insert(0, "id_str", galaxies.ids)
        write_csv(galaxies.table, partial / "votes.csv")
        write_csv(galaxies.frame, partial / "truth.csv")
    note(f"Wrote {n_galaxies} galaxies and their votes to {folder}.", quiet)
