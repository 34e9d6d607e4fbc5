"""Links out of the site: https, tel and mailto. Whatever else a source or a form calls a link is shown as text."""

import re
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

from flask import g, url_for
from markupsafe import Markup, escape

_ADDRESS = re.compile(r"[A-Za-z0-9._+-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})+")
_DIALLED = re.compile(r"\+?[0-9]{3,15}")
# No service has this id.
_NONE: Final = UUID(int=0)
_BETWEEN_DIGITS = re.compile(r"[\s().\-/\u2010-\u2015]")


def safe_link(target: object, words: object = None) -> Markup:
    """A link to the target that says `words`, or the target itself; only the text where it may not be a link."""
    written = str(target or "")
    shown = escape(str(words) if words is not None else written.removeprefix("mailto:").removeprefix("tel:"))
    return Markup('<a href="{}" rel="noreferrer noopener">{}</a>').format(written, shown) if linkable(written) \
        else shown


def local(target: object) -> str:
    """The target, which must be a path of this site, as `url_for` makes them: what a component's link leads to."""
    path = str(target)
    if not path.startswith("/") or path.startswith(("//", "/\\")) or not path.isprintable():
        raise ValueError("a component's link leads out of the site")
    return path


def of_service(endpoint: str, service_id: UUID) -> str:
    """The address of a page about a service. An answer has dozens of them: `url_for` makes the first, and the others
    are it with another id."""
    known: dict[str, str] = g.setdefault("of_service", {})
    if endpoint not in known:
        known[endpoint] = url_for(endpoint, service_id=_NONE)
    return known[endpoint].replace(str(_NONE), str(service_id))


def linkable(target: str) -> bool:
    """Whether it is a web address over TLS, one plain e-mail address, or a number that can be dialled."""
    if not target.isprintable() or any(c in target for c in " \\\"'<>`"):
        return False
    scheme, _, rest = target.partition(":")
    if scheme == "mailto":
        return _ADDRESS.fullmatch(rest) is not None
    if scheme == "tel":
        return _DIALLED.fullmatch(rest) is not None
    if scheme != "https" or not rest.startswith("//"):
        return False
    try:
        parts = urlsplit(target)
        return bool(parts.hostname) and "@" not in parts.netloc and (parts.port is None or parts.port > 0)
    except ValueError:
        return False


def phone_link(number: object, e164: object = None, extension: object = None) -> Markup:
    """A number to tap; text where it is none."""
    written = str(number or "")
    words = escape(f"{written} ext. {extension}" if extension else written)
    dialled = str(e164 or _BETWEEN_DIGITS.sub("", written))
    if not linkable(f"tel:{dialled}"):
        return Markup('<span class="phone">%s</span>') % words if written else Markup()
    return Markup('<a class="phone" href="tel:%s">%s</a>') % (dialled, words)
