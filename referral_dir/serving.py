"""What the server takes in before any page is asked: little, but for the one page that a directory is sent to."""

import copy
from typing import Any

from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser

from referral_dir.interop.jobs import LARGEST

IMPORTS = "/administration/imports"
# Beside the file: the names and lines of the form.
FORM = 64 * 1024


class Parser(HTTPRequestParser):  # type: ignore[misc]
    """Only a request to the page of imports that brings a cookie may be longer. The body goes to a nameless temporary
    file; who may send it is the page's to say."""

    def parse_header(self, header_plus: bytes) -> None:
        """Reads the head; then it is known how much may follow."""
        super().parse_header(header_plus)
        if self.command == "POST" and self.path == IMPORTS and "COOKIE" in self.headers:
            self.adj: Any = copy.copy(self.adj)
            self.adj.max_request_body_size = LARGEST + FORM


def allow_imports() -> None:
    """From now on the server of this process reads longer bodies there."""
    HTTPChannel.parser_class = Parser
