"""Files that are sent: hashed and never kept, not even for the length of the request; or, where a page says so, read
from memory and gone with the request; or, for one page of administrators, written to a file that a job removes."""

import hashlib
import io
import os
from pathlib import Path
from typing import IO, Any, Final

from flask import Request as FlaskRequest

# A recording of several minutes. It streams through, so that it takes no memory.
MAXIMUM_EVIDENCE: Final = 50 * 1024 * 1024


class Digest:
    """Stands where the file would be: takes the bytes, remembers their SHA-256, and gives nothing back."""

    def __init__(self) -> None:
        self._sha256, self.size = hashlib.sha256(), 0

    def write(self, data: bytes) -> int:
        """Hash and drop."""
        self._sha256.update(data)
        self.size += len(data)
        return len(data)

    def read(self, _size: int = -1) -> bytes:
        """There is nothing to read any more."""
        return b""

    def seek(self, _offset: int, _whence: int = 0) -> int:
        """The parser rewinds what it has written."""
        return 0

    def close(self) -> None:
        """Nothing is open."""

    @property
    def hexdigest(self) -> str:
        """The SHA-256 of what was sent, or nothing where nothing was."""
        return self._sha256.hexdigest() if self.size else ""


class Request(FlaskRequest):
    """A request whose uploaded files are hashed, not stored, unless its page reads them (`read_files`)."""

    reads_files = False
    writes_to: Path | None = None

    def read_files(self, largest: int) -> None:
        """This page reads what is sent to it, up to so many bytes, in memory. Call it before the form is looked at."""
        self.reads_files, self.max_content_length = True, largest

    def write_files(self, path: Path, largest: int) -> None:
        """The one file that is sent to this page goes to this path, up to so many bytes. Call it before the form is
        looked at; the path is the caller's to remove."""
        self.writes_to, self.max_content_length = path, largest

    def _get_file_stream(self, total_content_length: int | None, content_type: str | None,
                         filename: str | None = None, content_length: int | None = None) -> IO[bytes]:
        stream: Any
        if self.writes_to is not None and not self.writes_to.exists():
            stream = os.fdopen(os.open(self.writes_to, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "w+b")
        else:
            stream = io.BytesIO() if self.reads_files else Digest()
        found: IO[bytes] = stream
        return found


def digest_of(request: FlaskRequest, field: str) -> str:
    """The SHA-256 of the file in this field, or nothing."""
    sent = request.files.get(field)
    stream = sent.stream if sent is not None else None
    return stream.hexdigest if isinstance(stream, Digest) else ""


def bytes_of(request: FlaskRequest, field: str) -> bytes:
    """The file in this field of a page that reads files, or nothing."""
    sent = request.files.get(field)
    return sent.stream.read() if sent is not None and not isinstance(sent.stream, Digest) else b""
