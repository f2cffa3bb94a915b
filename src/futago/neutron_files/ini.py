"""Neutron's dialect of INI files (oslo.config): sections, `name = value` or `name: value`, lines of comment.

A value goes on in lines that begin with a space; an option that comes again adds a value. Python's configparser reads
this when it is told to take no line twice for a mistake and to keep every value; oslo.config itself would bring a dozen
packages for the sake of six files that are read once.
"""

import configparser
from collections.abc import Mapping
from pathlib import Path
from typing import Any

Options = Mapping[tuple[str, str], str]
"""(section, option) → its value; its lines, and its values if it comes several times, one below the other."""


class BadFile(ValueError):
    """A file cannot be read as an INI file; the text says where and why."""


class _EveryValue(dict[str, Any]):
    """What configparser keeps a section in: the lines of an option that comes again are added to those before."""

    def __setitem__(self, key: str, value: Any) -> None:
        if isinstance(value, list) and isinstance(self.get(key), list):
            self[key].extend(value)
        else:
            super().__setitem__(key, value)


def read(path: Path) -> Options:
    """The options of a file.

    Raises:
        BadFile: it is not there, cannot be read, or is no INI file.

    """
    parser = configparser.RawConfigParser(
        dict_type=_EveryValue,
        strict=False,
        delimiters=("=", ":"),
        comment_prefixes=("#", ";"),
        default_section="",  # [DEFAULT] is a section like any other
    )
    parser.optionxform = str  # type: ignore[assignment,method-assign] # names are case-sensitive
    try:
        parser.read_string(path.read_text(), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise BadFile(f"{path}: {error}") from error
    except configparser.Error as error:
        raise BadFile(" ".join(str(error).split())) from error
    return {(section, name): value.strip() for section in parser.sections() for name, value in parser.items(section)}
