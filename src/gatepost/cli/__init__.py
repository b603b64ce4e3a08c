"""The command line. Its modules load what a command needs when it runs, so that help is quick."""

import gc

from gatepost.cli.commands import app


def main() -> None:
    """Run the command that the arguments name, and exit with its status: 0, 1 or 2."""
    try:
        app()
    finally:
        # What is left goes with the process: the collector need not look at all of it once more.
        gc.freeze()
