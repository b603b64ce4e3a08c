"""The hashes of other systems: verified as they are until their owners log in, and never made.

A scheme a module. Each knows one text form, the one that is stored; `foreign` turns the forms of
other systems into it.
"""
