"""Text that breaks things: each as JSON carries it, and what should become of it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HostileText:
    """`json` is the inside of a JSON string; None where the text is to be refused."""

    name: str
    json: str
    on_one_line: str | None
    on_lines: str | None

    def as_json_member(self, name: str) -> str:
        return f'"{name}": "{self.json}"'

    def as_json_name(self) -> str:
        return f'"{self.json}": "x"'


def _kept(name: str, json: str, text: str) -> HostileText:
    return HostileText(name, json, text, text)


def _refused(name: str, json: str) -> HostileText:
    return HostileText(name, json, None, None)


HOSTILE_TEXTS = (
    _refused("nul", r"a\u0000b"),
    _refused("escape", r"a\u001b[31mb"),
    _refused("delete", r"a\u007fb"),
    _refused("c1 control", r"a\u009bb"),
    _refused("high surrogate", r"a\ud800b"),
    _refused("low surrogate", r"a\udc00b"),
    _refused("surrogates in the wrong order", r"\udc00\ud800"),
    _refused("right-to-left override", r"gpj\u202e.exe"),
    _refused("embedding", r"a\u202ab"),
    _refused("isolate", r"a\u2066b"),
    _refused("end of isolate", r"a\u2069b"),
    _refused("very long", "x" * 100_000),
    _refused("very long of combining marks", "e" + r"\u0301" * 50_000),
    _refused("very long of open tags", "<a " * 30_000),
    HostileText("line feed", r"a\nb", None, "a\nb"),
    HostileText("tab", r"a\tb", None, "a\tb"),
    HostileText("carriage return", r"a\r\nb\rc", None, "a\nb\nc"),
    HostileText("line separator", r"a\u2028b", None, "a\nb"),
    _kept("surrogate pair", r"\ud83d\ude00", "\U0001f600"),
    _kept("emoji with joiners", "\U0001f469\u200d\U0001f680", "\U0001f469\u200d\U0001f680"),
    _kept("flag", "\U0001f1e9\U0001f1ea", "\U0001f1e9\U0001f1ea"),
    _kept("decomposed", r"e\u0301", "\u00e9"),
    _kept("singleton", r"\u212b", "\u00c5"),
    _kept("many combining marks", "e" + r"\u0323" * 30, "\u1eb9" + "\u0323" * 29),
    _refused("too many combining marks", "e" + r"\u0323" * 31),
    _kept("right-to-left script", "\u05e9\u05dc\u05d5\u05dd", "\u05e9\u05dc\u05d5\u05dd"),
    _kept("noncharacter", r"a\uffffb", "a\uffffb"),
    _kept("replacement character", r"a\ufffdb", "a\ufffdb"),
    _kept("private use", r"a\ue000b", "a\ue000b"),
    _kept("outer white space", r" \u00a0 a b \u3000", "a b"),
    _kept("percent and underscore", r"100%_\\", "100%_\\"),
    _kept("quotes", r"' \" ` ; --", "' \" ` ; --"),
    _kept("template", "{{7*7}} ${7*7} %(x)s {0}", "{{7*7}} ${7*7} %(x)s {0}"),
    _kept("tag that normalises into being", r"<\u212abd>x", "x"),
    _kept("tags in tags", "<<<i>b>b>x", "x"),
)
