"""Validates email addresses: one rule for settings, registration, imports and the command line."""

LONGEST_EMAIL = 254
"""RFC 5321 section 4.5.3.1.3 allows a path of 256 octets, its angle brackets included."""

# Appended to a bare host, to check it by all rules except the one for public domains.
_ABOVE = ".com"


class NoAddress(ValueError):  # noqa: N818 - it says what the text is
    """The text is not an email address. The message does not contain it."""


def normalise(text: str, *, special_domains: bool) -> str:
    """Return the address in its normal form (RFC 6531, IDNA), without any DNS query.

    Its domain must be public; with `special_domains` it may also be a bare host or a name that RFC
    6761 and others reserve (`.local`, `.test`, `.localhost`). Raises `NoAddress`.
    """
    try:
        return _normalised(text)
    except NoAddress:
        if not special_domains:
            raise
    special = _normalised(text + _ABOVE).removesuffix(_ABOVE)
    if special.rpartition("@")[2].rpartition(".")[2].isdecimal():
        raise NoAddress  # the number of a host, and not its name
    return special


def _normalised(text: str) -> str:
    if len(text) > LONGEST_EMAIL:
        raise NoAddress
    from email_validator import EmailNotValidError, validate_email

    try:
        return validate_email(text, check_deliverability=False, strict=True).normalized
    except EmailNotValidError:
        raise NoAddress from None
