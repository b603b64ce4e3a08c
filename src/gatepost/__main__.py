"""`python -m gatepost`: the same as `gatepost`, where its script is not on the path."""

from gatepost.cli import main

main()
