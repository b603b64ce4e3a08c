"""Password hashes of other systems: verified until the user's next login replaces them, never made.

Each scheme is a module, which reads one text form, the stored one; `foreign` converts the text
forms of other systems into it.
"""
