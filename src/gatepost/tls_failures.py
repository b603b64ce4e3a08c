"""Names the failures of a TLS handshake for people."""

import ssl

NO_TLS = "it offers no TLS, which the URL demands, or it is another kind of server"
_NO_VERSION = "it and this client have no version of TLS in common"
_NO_CIPHER = "it and this client have no cipher in common"

# The codes of X509_verify_cert (OpenSSL), which stay where its words change.
_BY_VERIFICATION = {
    9: "its certificate is not valid yet, by the clock of this machine",
    10: "its certificate has expired",
    18: "its certificate is not trusted: it is self-signed",
    19: "its certificate is not trusted: this client does not know the authority that signed it",
    20: "its certificate is not trusted: this client does not know the authority that signed it",
    21: "its certificate is not trusted: this client does not know the authority that signed it",
    62: "its certificate names another host than the URL",
    64: "its certificate names another host than the URL",
}

# A part of OpenSSL's reason, the particular ones first.
_BY_REASON = (
    ("CERTIFICATE_REQUIRED", "it demands a client's certificate, and the URL names none"),
    ("WRONG_VERSION_NUMBER", NO_TLS),
    ("PACKET_LENGTH_TOO_LONG", NO_TLS),
    ("RECORD_LAYER_FAILURE", NO_TLS),
    ("HTTP_REQUEST", NO_TLS),
    ("PROTOCOL_VERSION", _NO_VERSION),
    ("UNSUPPORTED_PROTOCOL", _NO_VERSION),
    ("NO_PROTOCOLS_AVAILABLE", _NO_VERSION),
    ("VERSION_TOO_LOW", _NO_VERSION),
    ("CIPHER", _NO_CIPHER),
    ("INSUFFICIENT_SECURITY", _NO_CIPHER),
    # Until TLS 1.2 a server says no more than this.
    (
        "HANDSHAKE_FAILURE",
        f"it demands a client's certificate, or {_NO_CIPHER.removeprefix('it ')}",
    ),
    ("UNRECOGNIZED_NAME", "it knows no host of the URL's name"),
    ("KEY_VALUES_MISMATCH", "the client's certificate and its key do not belong together"),
    ("KEY_TYPE_MISMATCH", "the client's certificate and its key do not belong together"),
    ("ALERT_UNKNOWN_CA", "it does not trust the client's certificate"),
    ("ALERT_CERTIFICATE_EXPIRED", "the client's certificate has expired"),
    ("ALERT_CERTIFICATE_REVOKED", "the client's certificate was revoked"),
    ("ALERT_BAD_CERTIFICATE", "it refuses the client's certificate"),
    ("ALERT_CERTIFICATE_UNKNOWN", "it refuses the client's certificate"),
    ("ALERT_UNSUPPORTED_CERTIFICATE", "it refuses the client's certificate"),
    ("UNEXPECTED_EOF", "it closes the connection instead of an answer about TLS"),
)


def explain_tls_failure(error: ssl.SSLError) -> str:
    """Why no encrypted connection came about, as the end of a sentence about the server."""
    # Python's own errors, which OpenSSL did not make, have neither a code nor a reason.
    if isinstance(error, ssl.SSLCertVerificationError):
        message = getattr(error, "verify_message", str(error)).rstrip(".")
        code = getattr(error, "verify_code", 0)
        known = _BY_VERIFICATION.get(code, "its certificate is not trusted")
        return f"{known} ({message})"
    reason = getattr(error, "reason", None) or ""
    for part, known in _BY_REASON:
        if part in reason:
            return known
    if getattr(error, "library", None) in {"PEM", "X509"}:
        return f"a file of certificates or of a key cannot be read ({reason.lower()})"
    return f"it and this client do not agree about TLS ({reason.lower() or 'no reason'})"
