"""The command line: one module for each noun, which is loaded when its command is called."""

import gc

from gatepost.cli.commands import app


def main() -> None:
    """Run the command in the arguments, and exit with its status: 0, 1 or 2."""
    try:
        app()
    finally:
        # The process ends: a last garbage collection would only take time.
        gc.freeze()
