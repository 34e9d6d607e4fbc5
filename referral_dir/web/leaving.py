"""The exit: an empty page, and for a short while nothing but empty pages, so that Back shows nothing.

History can't be erased by a site: Back asks for each older page again (they are `no-store`), and what a browser sends
then can't be told from an address that was typed. So leaving sets a mark, and while it lasts every page is empty.
"""

from typing import Final

from flask import Response, current_app, make_response, render_template, request

NEUTRAL_SECONDS: Final = 120
# What a person may still do: leave once more. Files are not pages.
STILL_ANSWERED: Final = ("public.leave", "public.leave_now", "static")


def mark_name() -> str:
    """The mark's name; it says nothing, and only this host can set it."""
    return "m" if current_app.extensions["referral_dir"].settings.demo else "__Host-m"


def empty_page() -> Response:
    """A page that names nothing."""
    return make_response(render_template("public/leave.html"))


def leave() -> Response:
    """The empty page, with what this site left in the browser cleared and the mark set.

    "cookies" is not among what is cleared: it would take the mark along, which comes with the same answer.
    """
    response = empty_page()
    response.headers["Clear-Site-Data"] = '"cache", "storage"'
    # The script reads it when a page is shown again from memory; it says nothing but that somebody left.
    response.set_cookie(mark_name(), "1", max_age=NEUTRAL_SECONDS, path="/", samesite="Lax", httponly=False,
                        secure=not current_app.extensions["referral_dir"].settings.demo)
    return response


def answer_neutrally() -> Response | None:
    """While the mark lasts, a browser that asks for a page gets an empty one, whatever the page was."""
    if mark_name() not in request.cookies or request.endpoint in STILL_ANSWERED:
        return None
    return empty_page() if "text/html" in request.headers.get("Accept", "") else None
