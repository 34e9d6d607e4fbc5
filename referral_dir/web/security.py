"""What every answer carries and every unsafe request must show."""

import hashlib
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

from flask import Flask, Response, abort, request, url_for
from flask_wtf.csrf import CSRFProtect

csrf = CSRFProtect()
POLICY = ("default-src 'none'; style-src 'self'; img-src 'self' data:; script-src 'self'; connect-src 'self'; "
          "form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), interest-cohort=()",
    "X-Robots-Tag": "noindex, nofollow",
}
MAXIMUM_BODY = 256 * 1024


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
        MAX_CONTENT_LENGTH=MAXIMUM_BODY, MAX_FORM_MEMORY_SIZE=MAXIMUM_BODY, MAX_FORM_PARTS=500,
        SEND_FILE_MAX_AGE_DEFAULT=31_536_000)
    csrf.init_app(app)
    app.before_request(check_origin)
    app.after_request(add_headers)
    app.jinja_env.globals["asset"] = lambda name: asset(Path(app.static_folder or ""), name)


def check_origin() -> None:
    """Beside the token: an unsafe request that a browser says comes from elsewhere is refused."""
    if request.method in ("GET", "HEAD", "OPTIONS"):
        return
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        abort(400, "This form was sent from another site.")
    origin = request.headers.get("Origin")
    if origin not in (None, "null") and urlsplit(origin).netloc != request.host:
        abort(400, "This form was sent from another site.")


def add_headers(response: Response) -> Response:
    """Nothing is stored, framed, sniffed or referred; static files alone may be kept, by their content's hash."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if request.endpoint != "static":
        response.headers["Cache-Control"] = "no-store"
    if request.is_secure:
        response.headers["Strict-Transport-Security"] = "max-age=63072000; includeSubDomains"
    return response


@cache
def _digest(path: Path, _changed: float) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def asset(folder: Path, name: str) -> str:
    """The address of a static file, with its content's hash in it."""
    path = folder / name
    return url_for("static", filename=name, v=_digest(path, path.stat().st_mtime))
