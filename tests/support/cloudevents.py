"""What CloudEvents 1.0.2 and its JSON format demand of an event, written down from their text.

Sources: github.com/cloudevents/spec, `cloudevents/spec.md` (context attributes, type system),
`cloudevents/formats/json-format.md` (sections 2.2 and 3), and `cloudevents/extensions/` for `sequence`, `correlation`
and `distributed-tracing`.
"""

from __future__ import annotations

import json
import re
import unicodedata
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

_REQUIRED = ("id", "source", "specversion", "type")
_STRINGS = ("id", "type", "subject", "sequence", "correlationid", "causationid", "traceparent")
_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII)
_MEDIA_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+(;.*)?", re.ASCII)
_URI_LETTERS = re.compile(r"(?:[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+", re.ASCII)
_TRACE_PARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}", re.ASCII)


def read_cloud_event(line: str) -> dict[str, Any]:
    """The event of a line, held to the letter of the specification."""
    event: dict[str, Any] = json.loads(line)
    assert isinstance(event, dict)
    assert not {"data", "data_base64"} <= event.keys()
    attributes = {name: value for name, value in event.items() if name not in ("data", "data_base64")}
    for name, value in attributes.items():
        assert re.fullmatch("[a-z0-9]{1,20}", name), name
        _check_value(name, value)
    assert all(name in attributes for name in _REQUIRED), attributes.keys()
    assert attributes["specversion"] == "1.0"
    assert all(isinstance(attributes[name], str) and attributes[name] for name in _STRINGS if name in attributes)
    assert _is_uri_reference(attributes["source"]), attributes["source"]
    assert "dataschema" not in attributes or _is_uri(attributes["dataschema"])
    assert "time" not in attributes or _is_time(attributes["time"])
    assert "datacontenttype" not in attributes or _MEDIA_TYPE.fullmatch(attributes["datacontenttype"])
    assert "traceparent" not in attributes or _TRACE_PARENT.fullmatch(attributes["traceparent"])
    return event


def _check_value(name: str, value: object) -> None:
    """One of the types of section 2.2; an attribute that is null counts as left out, and ours are left out."""
    if isinstance(value, str):
        wrong = [letter for letter in value if not _is_allowed(letter)]
        assert not wrong, (name, wrong)
    elif not isinstance(value, bool):
        assert isinstance(value, int), name
        assert -(2**31) <= value < 2**31, name


def _is_allowed(letter: str) -> bool:
    noncharacter = 0xFDD0 <= ord(letter) <= 0xFDEF or ord(letter) & 0xFFFE == 0xFFFE
    return unicodedata.category(letter) not in ("Cc", "Cs") and not noncharacter


def _is_uri_reference(text: object) -> bool:
    if not isinstance(text, str) or not _URI_LETTERS.fullmatch(text):
        return False
    return bool(urlsplit(text).scheme) or ":" not in re.split("[/?#]", text)[0]


def _is_uri(text: object) -> bool:
    return isinstance(text, str) and _is_uri_reference(text) and bool(urlsplit(text).scheme)


def _is_time(text: object) -> bool:
    if not isinstance(text, str) or not _RFC_3339.fullmatch(text):
        return False
    return datetime.fromisoformat(text).tzinfo is not None
