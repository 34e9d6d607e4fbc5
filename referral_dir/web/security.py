"""What every answer carries and every unsafe request must show."""

import hashlib
import secrets
from functools import cache
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from flask import Flask, Response, abort, g, request, url_for
from flask_wtf.csrf import CSRFProtect

import config
from referral_dir.domain.saying import say
from referral_dir.web import leaving

csrf = CSRFProtect()
HEADERS: Final = {
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Origin-Agent-Cluster": "?1",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), display-capture=(), payment=(), usb=(), "
                          "serial=(), bluetooth=(), hid=(), midi=(), accelerometer=(), gyroscope=(), magnetometer=(), "
                          "screen-wake-lock=(), browsing-topics=(), interest-cohort=()",
    "X-Robots-Tag": "noindex, nofollow",
}
# More than any form needs; a file is taken in by the command line only.
FORM_PARTS: Final = 500


def install(app: Flask) -> None:
    """Cookies, CSRF, headers and limits."""
    demo = app.extensions["referral_dir"].settings.demo
    app.config.update(
        SESSION_COOKIE_NAME="session" if demo else "__Host-session", SESSION_COOKIE_SECURE=not demo,
        SESSION_COOKIE_HTTPONLY=True,
        # Lax, not Strict: the link in an e-mail must find the person signed in.
        SESSION_COOKIE_SAMESITE="Lax", SESSION_COOKIE_PATH="/", WTF_CSRF_TIME_LIMIT=None,
        # We send no referrer, so none comes back; Origin and Sec-Fetch-Site are looked at instead.
        WTF_CSRF_SSL_STRICT=False,
        MAX_CONTENT_LENGTH=config.LARGEST_BODY, MAX_FORM_MEMORY_SIZE=config.LARGEST_BODY, MAX_FORM_PARTS=FORM_PARTS,
        SEND_FILE_MAX_AGE_DEFAULT=31_536_000)
    # First of all: a form that is sent again by Back must not be answered by a refusal that looks like this site.
    app.before_request(leaving.answer_neutrally)
    csrf.init_app(app)
    app.before_request(check_origin)
    app.after_request(add_headers)
    app.jinja_env.globals.update(asset=lambda name: asset(app.static_folder or "", name), nonce=nonce)


def check_origin() -> None:
    """Beside the token: an unsafe request that a browser says comes from elsewhere is refused."""
    if request.method in ("GET", "HEAD", "OPTIONS"):
        return
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        abort(400, say("This form was sent from another site."))
    origin = request.headers.get("Origin")
    if origin not in (None, "null") and urlsplit(origin).netloc != request.host:
        abort(400, say("This form was sent from another site."))


def nonce() -> str:
    """The word that marks this answer's own scripts and styles; new for each answer."""
    if "nonce" not in g:
        g.nonce = secrets.token_urlsafe(18)
    word: str = g.nonce
    return word


def allow_position() -> None:
    """Let this answer's page, and it alone, ask the device where it is (`data-position` in app.js)."""
    g.permissions = HEADERS["Permissions-Policy"].replace("geolocation=()", "geolocation=(self)")


def policy() -> str:
    """What a page may load and do: its own files by their mark, nothing inline, nothing of another origin."""
    trusted: str = g.get("trusted_types", "'none'")
    return ("default-src 'none'; object-src 'none'; "
            f"script-src 'self' 'nonce-{nonce()}'; style-src 'self' 'nonce-{nonce()}'; "
            # A page with a map may load the tiles of the deployment's own server, where it names one.
            f"img-src 'self' data:{' ' + g.tile_origin if 'tile_origin' in g else ''}; "
            "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
            "require-trusted-types-for 'script'; trusted-types " + trusted)


def add_headers(response: Response) -> Response:
    """Nothing is stored, framed, sniffed or referred; static files alone may be kept, by their content's hash."""
    for name, value in HEADERS.items():
        response.headers[name] = value
    if "permissions" in g:
        response.headers["Permissions-Policy"] = g.permissions
    response.headers["Content-Security-Policy"] = policy()
    if request.endpoint != "static" or response.status_code >= 400:
        response.headers["Cache-Control"] = "no-store"
        # A file to take along came with a day a year from now, until which an old cache might have kept it.
        response.headers.pop("Expires", None)
    if request.is_secure:
        response.headers["Strict-Transport-Security"] = "max-age=63072000; includeSubDomains"
    return response


@cache
def _digest(folder: str, name: str) -> str:
    return hashlib.sha256(Path(folder, name).read_bytes()).hexdigest()[:12]


def asset(folder: str, name: str) -> str:
    """The address of a static file, with its content's hash in it, read once: a changed file needs a restart."""
    return url_for("static", filename=name, v=_digest(folder, name))
