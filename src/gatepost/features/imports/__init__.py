"""Imports and exports of accounts: files of any size, resumed after a crash."""

from gatepost.manifest import Feature

FEATURE = Feature(
    name="imports",
    tables=("models:UserImport",),
    events="events",
)
