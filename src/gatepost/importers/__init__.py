"""Reads accounts to import: files in Gatepost's own format, and other systems' exports and tables.

`reading.open_rows` is the entry point. Each system has a module with a `SourceSystem`; `registry`
lists them.
"""
