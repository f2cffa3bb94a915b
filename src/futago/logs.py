"""Logs: events with fields, one logfmt line each, to standard error; the service manager keeps them."""

import logging
import sys

import structlog


def to_stderr(level: int = logging.INFO) -> None:
    """Send this process's events to standard error, and libraries' warnings beside them."""
    logging.basicConfig(
        level=logging.WARNING, stream=sys.stderr, format="level=warning logger=%(name)s event=%(message)r"
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.LogfmtRenderer(key_order=("timestamp", "level", "event"), bool_as_flag=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
