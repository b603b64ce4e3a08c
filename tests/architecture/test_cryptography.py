"""Cryptography is other people's, and in few places; what is sent is neither run nor called."""

import re
import tomllib

from tests.support.source import ROOT, Module, offences

LIBRARIES = {"cryptography", "joserfc", "argon2", "bcrypt"}
ELSEWHERE = {"OpenSSL", "nacl", "Crypto", "Cryptodome", "jwt", "jose", "jwcrypto", "rsa", "passlib"}

# Code, or objects, from data; other programs; and randomness that can be predicted.
NEVER_IMPORTED = {"pickle", "marshal", "shelve", "dill", "yaml", "subprocess", "random"}
NEVER_CALLED = {"eval", "exec", "compile", "os.system", "os.popen", "__import__"}
WEAK = re.compile(
    r"(?:\w+\.)*(md5|sha1|MD5|SHA1|ECB|CBC|CFB|OFB|CTR|PKCS1v15|RSA1_5|TripleDES|ARC4)"
)
CALLING_OUT = re.compile(r"(urllib\.request|http\.client|urllib3)(\..+)?")


def first_words(module: Module) -> set[str]:
    return {name.partition(".")[0] for name in module.imported}


def test_primitives_are_those_of_known_libraries_and_used_in_two_packages() -> None:
    def foreign(module: Module) -> set[str]:
        return first_words(module) & ELSEWHERE

    def spread(module: Module) -> set[str]:
        return first_words(module) & LIBRARIES

    assert not offences(foreign)
    assert not offences(spread, but=("security", "client"))


def test_no_weak_hash_mode_or_padding_is_named() -> None:
    def weak(module: Module) -> set[str]:
        return {name for name in module.spoken | module.imported if WEAK.fullmatch(name)}

    # Firebase's and phpass' hashes are compared with, and none is made.
    but = ("security.legacy_hashes.firebase", "security.legacy_hashes.phpass")
    assert not offences(weak, but=but)


def test_nothing_that_is_sent_becomes_code_or_objects_and_nothing_is_predictable() -> None:
    def dangerous(module: Module) -> set[str]:
        return (first_words(module) & NEVER_IMPORTED) | (module.called & NEVER_CALLED)

    assert not offences(dangerous)


def test_every_library_is_locked_by_its_hash() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    pinned = re.findall(
        r"^([\w.-]+)==[^\\]+\\\n((?: +--hash=sha256:\w+[ \\]*\n)*)", lock, re.MULTILINE
    )
    names = {name.lower().replace("_", "-") for name, _ in pinned}

    assert all("sha256" in hashes for _, hashes in pinned)
    assert len(pinned) == len(re.findall(r"^[\w.-]+==", lock, re.MULTILINE))
    for wanted in project["dependencies"]:
        assert re.split(r"[^\w.-]", wanted)[0].lower().replace("_", "-") in names


def test_only_the_fetcher_of_public_keys_calls_out_by_http() -> None:
    def calling_out(module: Module) -> set[str]:
        names = {name for name in module.imported if CALLING_OUT.fullmatch(name)}
        return names | (first_words(module) & {"requests", "aiohttp", "httpx", "smtplib"})

    assert not offences(calling_out, but=("client.jwks",))
