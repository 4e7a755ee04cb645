"""The commands that make votes: `simulate` and `votes`."""

import click

from skgalaxy.cli._common import (
    FILE,
    NEW_FOLDER,
    POSITIVE,
    check_new,
    examples,
    force_option,
    id_column_option,
    note,
    output_option,
    quiet_option,
    seed_option,
    write_csv,
)


@click.command(
    epilog=examples("skgalaxy simulate sky", "skgalaxy simulate sky -n 5000 --size 128 --seed 7")
)
@click.argument("folder", type=NEW_FOLDER)
@click.option("-n", "--n-galaxies", type=POSITIVE, default=1000, help="How many galaxies.")
@click.option("--size", type=click.IntRange(min=16), default=64, help="Width in pixels.")
@seed_option
@quiet_option
def simulate(folder, n_galaxies, size, seed, quiet):
    """Draw galaxies and volunteers, to try things on.

    Makes FOLDER: images/{id}.png; votes.csv, their votes on several questions; and truth.csv,
    what the galaxies are. Needs GalSim: pip install galsim.
    """
    from PIL import Image

    from skgalaxy._files import complete_folder
    from skgalaxy.datasets import make_galaxies

    check_new(folder)
    drawing = {"n_jobs": -1, "verbose": not quiet}
    galaxies = make_galaxies(n_galaxies, image_size=size, random_state=seed, **drawing)
    with complete_folder(folder) as partial:
        (partial / "images").mkdir()
        for id_, image in zip(galaxies.ids, galaxies.images, strict=True):
            Image.fromarray(image).save(partial / "images" / f"{id_}.png")
        galaxies.frame.insert(0, "id_str", galaxies.ids)
        write_csv(galaxies.table, partial / "votes.csv")
        write_csv(galaxies.frame, partial / "truth.csv")
    note(f"Wrote {n_galaxies} galaxies and their votes to {folder}.", quiet)


@click.command(
    epilog=examples(
        "skgalaxy votes gz_decals.csv",
        "skgalaxy votes gz_decals.csv --question bar -o bars.csv",
        "skgalaxy votes classifications.csv --task T0 --question bar \\",
        "    --answer 'Yes, a bar=yes' --answer 'No bar=no' -o bars.csv",
    )
)
@click.argument("table", type=FILE)
@click.option("--question", metavar="NAME", help="What was asked; of an export, what to call it.")
@click.option(
    "--dialect",
    type=click.Choice(["auto", "gz2", "zoobot", "panoptes", "plain"]),
    default="auto",
    help="How the columns are named.",
)
@id_column_option
@click.option("--task", help="Read TABLE as a Zooniverse export, of this task: T0 ...")
@click.option("--workflow", metavar="ID", help="Of an export that holds several.")
@click.option(
    "--answer",
    "answers",
    metavar="TEXT=NAME",
    multiple=True,
    help="Of an export: what to call the answer that volunteers read as TEXT. Once for each.",
)
@output_option
@force_option
def votes(table, question, dialect, id_column, task, workflow, answers, output, force):
    """List the questions of a vote table, or write the votes on one.

    TABLE is CSV, Parquet or FITS, as of Galaxy Zoo 2, GZ DECaLS, Zoobot or Panoptes; or, with
    --task, a Zooniverse export of classifications. Written are id_str, k of each answer, and N,
    in columns that `skgalaxy train` reads.
    """
    from skgalaxy.votes import list_questions, read_votes
    from skgalaxy.zooniverse import read_classifications

    check_new(output, force)
    if task is not None:
        named = dict(map(_text_and_name, answers)) or None
        export = {"answers": named, "question": question, "workflow_id": workflow}
        write_csv(read_classifications(table, task=task, **export).to_frame(), output)
    elif question is None and output is None:
        for name, given in list_questions(table, dialect=dialect).items():
            click.echo(f"{name}: {', '.join(given)}")
    else:
        counted = read_votes(table, question, dialect=dialect, id_column=id_column)
        write_csv(counted.to_frame(), output)


def _text_and_name(answer):
    text, equals, name = answer.rpartition("=")
    if not (text and equals and name):
        raise click.BadParameter(f"{answer!r} is not TEXT=NAME.", param_hint="'--answer'")
    return text, name
