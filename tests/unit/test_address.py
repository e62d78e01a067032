"""Addresses: one form for comparing, and what is no address."""

from __future__ import annotations

import pytest

from inbox_lifecycle.address import read_address
from inbox_lifecycle.errors import InvalidInput, MalformedAddress, MalformedText


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("ana@mail.example.com", "ana@mail.example.com"),
        ("ana@Mail.EXAMPLE.com", "ana@mail.example.com"),
        ("  ana@mail.example.com\n", "ana@mail.example.com"),
        ("ana@mail.example.com.", "ana@mail.example.com"),
        ("ana@müller.example", "ana@xn--mller-kva.example"),
        ("ana@MÜLLER.example", "ana@xn--mller-kva.example"),
        ("ana@xn--mller-kva.example", "ana@xn--mller-kva.example"),
        ("ana@mail。example.com", "ana@mail.example.com"),
        ("ana@straße.example", "ana@xn--strae-oqa.example"),
    ],
)
def test_domains_that_are_the_same_have_one_form(text: str, normal: str) -> None:
    """Case, a final dot, and letters beyond ASCII make no second inbox."""
    address = read_address(text)
    assert address.text == normal
    assert address.domain == normal.partition("@")[2]


@pytest.mark.parametrize(
    "local", ["Ana", "ana", "Ana+Warm", "o'neil", "a.b-c_d", "ünïcödé", "用户", "a" * 64, "!#$%&*/=?^`{|}~"]
)
def test_a_local_part_stays_as_given(local: str) -> None:
    """Only its own mail server knows which spellings are the same."""
    assert read_address(f"{local}@mail.example.com").text == f"{local}@mail.example.com"


def test_a_normal_form_is_its_own_normal_form() -> None:
    """Reading twice changes nothing."""
    once = read_address("Ana@MÜLLER.example.")
    assert read_address(once.text) == once


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "needs a local part"),
        ("   ", "needs a local part"),
        ("ana", "needs a local part"),
        ("@mail.example.com", "needs a local part"),
        ("ana@", "not a host name"),
        ("ana@localhost", "no dot"),
        ("ana@mail..example.com", "not a host name"),
        ("ana@.example.com", "not a host name"),
        ("ana@-mail.example.com", "not a host name"),
        ("ana@ma il.example.com", "not a host name"),
        ("ana@mail_.example.com", "not a host name"),
        ("ana@[127.0.0.1]", "not a host name"),
        (f"ana@{'m' * 64}.example.com", "not a host name"),
        (f"{'a' * 64}@{'.'.join(['m' * 60] * 4)}.com", "not a host name|longer than 254"),
        (f"{'a' * 64}@{'.'.join(['m' * 60] * 3)}.{'m' * 10}", "longer than 254"),
        ("a@b@mail.example.com", "dot-atom"),
        (".ana@mail.example.com", "dot-atom"),
        ("ana.@mail.example.com", "dot-atom"),
        ("a..na@mail.example.com", "dot-atom"),
        ("a na@mail.example.com", "dot-atom"),
        ("a\nna@mail.example.com", "dot-atom"),
        ('"a na"@mail.example.com', "dot-atom"),
        ("an\u200ba@mail.example.com", "dot-atom"),
        (f"{'a' * 65}@mail.example.com", "dot-atom"),
        (f"{'ü' * 33}@mail.example.com", "dot-atom"),
    ],
)
def test_what_is_no_address_is_refused_with_the_reason(text: str, why: str) -> None:
    """The error says what is wrong, and does not repeat the address."""
    with pytest.raises(MalformedAddress, match=why) as refused:
        read_address(text)
    assert isinstance(refused.value, InvalidInput)
    assert not text.strip() or text not in str(refused.value)


@pytest.mark.parametrize(
    "text", ["an\x00a@mail.example.com", "an\ud83da@mail.example.com", None, 5, b"ana@mail.example.com"]
)
def test_what_is_no_text_is_refused(text: str) -> None:
    """Before anything is looked at in it."""
    with pytest.raises(MalformedText, match="the address"):
        read_address(text)


def test_an_address_does_not_show_in_its_repr() -> None:
    """Logs are full of reprs."""
    assert "ana" not in repr(read_address("ana@mail.example.com"))
