"""What somebody takes along: a service on one page, in their own language, whatever language the officer reads."""

from collections.abc import Sequence

import segno
from flask import render_template, url_for
from markupsafe import Markup

from referral_dir.desk.find import ServiceView
from referral_dir.domain.saying import UI_LANGUAGES
from referral_dir.web.auth import edge
from referral_dir.web.languages import speaking, ui_language


def chosen(wished: str | None, spoken: Sequence[str]) -> str:
    """The language of the page: as chosen, else the first that the person speaks and that we have."""
    known = [code.partition("-")[0] for code in (wished or "", *spoken)]
    return next((code for code in known if code in UI_LANGUAGES), ui_language())


def body(view: ServiceView, language: str) -> Markup:
    """The page's inside. A confidential service has no code to scan and no address on it, only its number."""
    with speaking(language):
        page = render_template("officer/person_page.html", view=view, language=language, code=_code(view, language))
    # What a template has rendered is escaped already.
    return Markup(page)  # noqa: S704 # nosec B704


def _code(view: ServiceView, language: str) -> str | None:
    """A picture that opens the service's public page; None where there is no such page."""
    if view.service.confidential or view.service.status != "active":
        return None
    path = url_for("public.service", service_id=view.service.id, lang=language)
    address = edge().settings.base_url.rstrip("/") + path
    return str(segno.make(address, micro=False, error="m").svg_data_uri(scale=4, border=4, dark="#000", light="#fff"))
