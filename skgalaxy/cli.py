"""The command line: one command per job, no logic."""

import argparse
import os
import sys

__all__ = ["main"]


def main(arguments=None):
    """Run ``skgalaxy`` with `arguments`; return the exit status."""
    parser = argparse.ArgumentParser(prog="skgalaxy", description=sys.modules["skgalaxy"].__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    demo = commands.add_parser("demo", help="learn from votes, rank, ask, learn again")
    demo.add_argument("--data", help="folder of images and votes.csv; default: simulate galaxies")
    demo.add_argument("--output", default="demo", help="folder to write to; default: %(default)s")
    demo.add_argument("--seed", type=int, default=0, help="default: %(default)s")
    options = parser.parse_args(arguments)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow's start-up chatter
    from skgalaxy.demo import run

    try:
        run(options.data, options.output, seed=options.seed)
    except (ValueError, OSError, ImportError) as error:
        print(f"skgalaxy: {error}", file=sys.stderr)
        return 1
    return 0
