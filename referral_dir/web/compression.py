"""Answers are compressed: on a line of 0.26 Mbit/s that is the difference between two seconds and eight.

Compression and secrets: who can choose a part of a page, and see how long the answer is, can guess a secret in it
(BREACH, Prado, Harris and Gluck, 2013). Here a page repeats what was sent to it only for forms of its own origin
(`security.check_origin`); beside that, each answer grows by a length drawn anew, in a field of gzip's header that
nobody reads, so that lengths do not tell one guess from the next (Palacios et al., "HTB: Heal the BREACH", 2022).
"""

import gzip
import io
import secrets
from typing import Final

from flask import Flask, Response, request

# What is smaller gains nothing; what is a picture or an archive has been compressed already.
SMALLEST: Final = 500
TEXTS: Final = ("text/", "application/json", "image/svg+xml", "application/xml")
MOST_PADDING: Final = 100


def install(app: Flask) -> None:
    """Compress what whoever asks can unpack."""
    app.after_request(compress)


def compress(response: Response) -> Response:
    """The answer, in gzip where that helps; its validators stay those of the content."""
    response.vary.add("Accept-Encoding")
    if (response.status_code in (204, 206, 304) or "Content-Encoding" in response.headers
            or not (response.mimetype or "").startswith(TEXTS) or request.accept_encodings["gzip"] <= 0):
        return response
    response.direct_passthrough = False
    plain = response.get_data()
    if len(plain) < SMALLEST:
        return response
    response.set_data(packed(plain))
    response.headers["Content-Encoding"] = "gzip"
    if etag := response.get_etag()[0]:
        response.set_etag(etag, weak=True)
    return response


def packed(plain: bytes) -> bytes:
    """In gzip, with a length that differs from time to time."""
    padding = "x" * (1 + secrets.randbelow(MOST_PADDING))
    out = io.BytesIO()
    with gzip.GzipFile(filename=padding, mode="wb", compresslevel=6, fileobj=out, mtime=0) as file:
        file.write(plain)
    return out.getvalue()
