"""Takes over the users of other systems: reads their own export files and tables.

A module a system. `adopters` lists them; what they have in common is in `adoption` and `fields`.
"""
