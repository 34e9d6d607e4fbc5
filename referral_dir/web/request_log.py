"""One line for each request: which view, what came of it, how long it took. No path, no address, no person."""

import time

from flask import Flask, Response, g, request

from referral_dir import logs


def install(app: Flask) -> None:
    """Note when a request begins, and log it when its answer is ready."""
    app.before_request(begin)
    app.after_request(answered)


def begin() -> None:
    """Remember when it began."""
    g.begun = time.perf_counter()


def answered(response: Response) -> Response:
    """Files are not worth a line."""
    if request.endpoint != "static":
        took = time.perf_counter() - g.get("begun", time.perf_counter())
        logs.event("answered", endpoint=request.endpoint, method=request.method, status=response.status_code,
                   milliseconds=round(took * 1000), reference=g.get("reference"))
    return response
