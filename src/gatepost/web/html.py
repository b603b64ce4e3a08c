"""Renders HTML pages: templates that escape every value, and the content security policy."""

from functools import cache
from html import escape
from pathlib import Path
from string import Template

from fastapi.responses import HTMLResponse

_FOLDER = Path(__file__).with_name("templates")


class Markup(str):
    """Text that is HTML already; any other text is escaped."""

    __slots__ = ()


def render(template: str, **values: str) -> Markup:
    """Fill `templates/<template>.html` with the values."""
    texts = {
        name: value if isinstance(value, Markup) else escape(value)
        for name, value in values.items()
    }
    return Markup(_template(template).substitute(texts))


def page(content: Markup, policy: str, **headers: str) -> HTMLResponse:
    """An HTML response with this content security policy."""
    return HTMLResponse(content, headers={"Content-Security-Policy": policy, **headers})


@cache
def _template(name: str) -> Template:
    return Template((_FOLDER / f"{name}.html").read_text(encoding="utf-8"))
