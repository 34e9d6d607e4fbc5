"""The reader's language: which one it is, and what is said in it.

Staff: the language that they chose, kept with their account. Without signing in nothing is kept: `?lang=` in an address
carries it, else the browser's own wish counts. Changing the language of a page on which something was typed sends the
form with `page_language` set: nothing is acted on then, and the page comes back filled in (`auth.writing`).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from typing import Any, Final

from babel.support import NullTranslations
from flask import Flask, current_app, has_request_context, request
from flask_babel import Babel, Domain
from flask_login import current_user
from markupsafe import Markup
from werkzeug.exceptions import HTTPException

from referral_dir.desk import accounts
from referral_dir.desk.translating import RIGHT_TO_LEFT, catalogue, in_language
from referral_dir.domain.saying import UI_LANGUAGES, Said
from referral_dir.store.db import transaction

# In their own words, as everybody looks for their own.
OWN_NAMES: Final = {"en": "English", "es": "Español", "fr": "Français", "ar": "العربية", "uk": "Українська"}
# Of this request, once it was asked for: a page asks hundreds of times, and this costs a tenth of Flask's `g`.
_language: ContextVar[str | None] = ContextVar("language", default=None)


class _Catalogues(Domain):  # type: ignore[misc]
    """Flask-Babel's `gettext`, from the catalogues that e-mails are translated from too."""

    def get_translations(self) -> NullTranslations:
        return catalogue(ui_language())


def install(app: Flask) -> None:
    """Choose the language of each request; let every page say things in it."""
    app.config.update(BABEL_DEFAULT_LOCALE="en", BABEL_DEFAULT_TIMEZONE="UTC")
    # Kept where `get_domain` looks: on the instance, not on what it leaves in the app's extensions.
    Babel(app, locale_selector=ui_language).domain_instance = _Catalogues()
    app.jinja_env.finalize = in_words
    # Flask-Babel's own look up the locale anew for each of a page's hundreds of texts, and Jinja's fill in values
    # where there are none.
    app.jinja_env.globals.update(_=_text, gettext=_text, ngettext=_plural)
    app.jinja_env.filters["said"] = in_words
    app.jinja_env.globals.update(OWN_NAMES=OWN_NAMES, ui_language=ui_language, direction=direction)
    app.before_request(_remember)
    app.teardown_request(_forget)
    app.url_defaults(_carry)


def _text(text: str, /, **values: object) -> Markup:
    """A template's text in the page's language; its values are escaped, as everything that a template prints."""
    said = _markup(ui_language(), text)
    return said % values if values else said


@lru_cache(maxsize=16_384)
def _markup(language: str, text: str) -> Markup:
    return Markup(catalogue(language).ugettext(text))  # noqa: S704 # nosec B704


def _plural(one: str, many: str, num: int, /, **values: object) -> Markup:
    """As `_text`, in the form that the number asks for; `%(num)s` stands for it."""
    said = Markup(catalogue(ui_language()).ungettext(one, many, num))  # noqa: S704 # nosec B704
    return said % {"num": num, **values}


def _wished() -> str | None:
    """The language that this request names, if it is one of ours."""
    name = (_sent() if request.method == "POST" else None) or request.args.get("lang")
    return name if name in UI_LANGUAGES else None


def _sent() -> str | None:
    try:
        return request.form.get("page_language")
    except HTTPException:  # a body that may not be read, on the way to the page that says so
        return None


def _remember() -> None:
    """Whoever is signed in keeps the language of the form that they sent to see its page in it."""
    if request.method == "POST":
        _ = request.form  # what may not be read is refused here, before anything has looked into it
    wished = _wished()
    if request.method == "POST" and wished and current_user.is_authenticated and wished != current_user.language:
        with transaction(current_app.extensions["referral_dir"].store, current_user.actor) as db:
            accounts.choose_language(db, current_user.actor.person_id, wished)
        current_user.language = wished


def chosen() -> str:
    """The language of this request's answer."""
    kept = current_user.language if current_user.is_authenticated else None
    return _wished() or kept or request.accept_languages.best_match(UI_LANGUAGES) or "en"


def only_language() -> bool:
    """Whether a form was sent only to see its page in another language: nothing may be acted on."""
    return request.method == "POST" and "page_language" in request.form


def _carry(endpoint: str, values: dict[str, Any]) -> None:
    """Without signing in, addresses carry the language that was asked for from page to page."""
    if endpoint != "static" and "lang" not in values and not current_user.is_authenticated:
        wished = _wished()
        if wished:
            values["lang"] = wished


def ui_language() -> str:
    """The code of the page's language, the same for all of one request; English outside a request."""
    language = _language.get()
    if language is None:
        if not has_request_context():
            return "en"
        language = chosen()
        _language.set(language)
    return language


def _forget(_error: BaseException | None) -> None:
    _language.set(None)


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """A part of a page in another language than the rest."""
    page = ui_language()
    _language.set(language)
    try:
        yield
    finally:
        _language.set(page)


def direction() -> str:
    """`rtl` or `ltr`, of the page."""
    return "rtl" if ui_language() in RIGHT_TO_LEFT else "ltr"


def in_words(value: Any) -> Any:
    """What a rule or a workflow said, in the page's language; everything else as it is."""
    return in_language(value, ui_language()) if isinstance(value, Said) else value
