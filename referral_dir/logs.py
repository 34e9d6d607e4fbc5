"""Logs by an allow-list: a line holds the fields named here, each of the shape given here, and nothing else.

Other libraries' messages are not trusted to be free of what people typed: of theirs only who, how serious, where in the
code and which kind of error is kept. A request is known by its endpoint's name, never by its path: paths hold ids.
"""

import logging
import re
import sys
import threading
from collections.abc import Mapping, MutableMapping
from pathlib import PurePath
from types import TracebackType
from typing import Any, Final

import structlog

OURS: Final = "referral_dir.events"
EVENTS: Final = frozenset({"answered", "refused", "failed", "not delivered"})
_NAME: Final = r"[A-Za-z_][A-Za-z0-9_.]{0,80}"
# What a line may hold, and what it may look like: a value of another shape is left out, whoever wrote it.
FIELDS: Final[Mapping[str, str]] = {
    "time": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z", "level": r"[a-z]{4,8}", "logger": _NAME,
    "endpoint": _NAME, "method": r"GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS", "status": r"[1-5]\d\d",
    "milliseconds": r"\d{1,7}", "reference": r"[0-9a-f]{8}", "kind": _NAME,
    "where": r"[A-Za-z0-9_./-]{1,120}:\d{1,6}",
}
_SHAPES: Final = {name: re.compile(shape) for name, shape in FIELDS.items()}


def allowed_only(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """structlog's processor: what is listed stays, everything else is gone."""
    kept: dict[str, Any] = {name: event[name] for name, shape in _SHAPES.items()
                            if name in event and shape.fullmatch(str(event[name]))}
    kept["event"] = event.get("event") if event.get("event") in EVENTS else "unlisted"
    return kept


class Line(logging.Formatter):
    """A record as one line of JSON. The message and its arguments are read for our own events only."""

    def __init__(self) -> None:
        super().__init__()
        self.render = structlog.processors.JSONRenderer(sort_keys=True)

    def format(self, record: logging.LogRecord) -> str:
        event: MutableMapping[str, Any] = {}
        if record.name == OURS and isinstance(record.msg, dict):
            event = dict(record.msg)
        else:
            event = {"where": f"{short(record.pathname)}:{record.lineno}", "logger": record.name}
            if record.exc_info and record.exc_info[0]:
                event["kind"] = record.exc_info[0].__name__
        event |= {"level": record.levelname.lower(),
                  "time": structlog.processors.TimeStamper(fmt="iso", utc=True)(None, "", {})["timestamp"]}
        return str(self.render(None, "", allowed_only(None, "", event)))


class ToStandardError(logging.Handler):
    """Writes to standard error as it is at that moment."""

    def emit(self, record: logging.LogRecord) -> None:
        """One line; that it can't be written is no reason to fail whoever logs."""
        try:
            sys.stderr.write(self.format(record) + "\n")
        except (OSError, ValueError):
            self.handleError(record)


def install() -> None:
    """Send everything that is logged on this process to standard error, line by line; done once."""
    root = logging.getLogger()
    if any(isinstance(handler.formatter, Line) for handler in root.handlers):
        return
    # Its own complaint about a line that can't be written would hold the line.
    logging.raiseExceptions = False
    handler = ToStandardError()
    handler.setFormatter(Line())
    root.addHandler(handler)
    logging.getLogger(OURS).setLevel(logging.INFO)
    logging.captureWarnings(True)
    structlog.configure(processors=[allowed_only, _as_record],
                        logger_factory=structlog.stdlib.LoggerFactory(), cache_logger_on_first_use=False)


def catch_defects() -> None:
    """What nothing else has caught is logged without its text, in place of a trace that shows it."""
    if sys.excepthook is sys.__excepthook__ and threading.excepthook is threading.__excepthook__:
        threading.excepthook = lambda hook: failure("failed", hook.exc_value)
        sys.excepthook = _ended


def _as_record(_logger: object, _method: str, event: MutableMapping[str, Any]) -> tuple[tuple[Any], dict[str, Any]]:
    return (dict(event),), {}


def event(name: str, /, **fields: object) -> None:
    """Log one of our own events."""
    structlog.get_logger(OURS).info(name, **fields)


def failure(name: str, error: BaseException | None, /, **fields: object) -> None:
    """Log a defect: its kind and where, never its text, which may hold what a person typed."""
    where, frames = "", error.__traceback__ if error else None
    while frames is not None:
        where = f"{short(frames.tb_frame.f_code.co_filename)}:{frames.tb_lineno}"
        frames = frames.tb_next
    structlog.get_logger(OURS).error(name, kind=type(error).__name__, where=where, **fields)


def short(path: str) -> str:
    """The last parts of a file's path: enough to find it, without this machine's folders."""
    return "/".join(PurePath(path).parts[-3:]).lstrip("/")


def _ended(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """A command ends by a defect: as a trace would say it, without the error's text."""
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
        return
    failure("failed", error)
