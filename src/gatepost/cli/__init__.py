"""The command line: a module a noun, which is loaded when its command is called."""

import gc

from gatepost.cli.commands import app


def main() -> None:
    """Run the command that the arguments name, and exit with its status: 0, 1 or 2."""
    try:
        app()
    finally:
        # The process ends: the garbage collector need not search its objects once more.
        gc.freeze()
