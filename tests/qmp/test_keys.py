"""Characters, chords and their keys."""

from __future__ import annotations

import string

import pytest

from harness.errors import UsageError
from harness.qmp.input import Key, chord_events, text_events
from harness.qmp.keys import ALIASES, QCODES, chord_keys, key_of


def typed(events: list[Key]) -> str:
    """What a guest with a US layout makes of key events: an independent table of the shifted row."""
    plain = {"minus": "-", "equal": "=", "bracket_left": "[", "bracket_right": "]", "semicolon": ";", "apostrophe": "'"}
    plain |= {"grave_accent": "`", "backslash": "\\", "comma": ",", "dot": ".", "slash": "/", "spc": " ", "ret": "\n"}
    shifted = dict(zip("`1234567890-=[]\\;',./", '~!@#$%^&*()_+{}|:"<>?', strict=True))
    text, shift = "", False
    for event in events:
        if event.qcode == "shift":
            shift = event.down
        elif event.down:
            char = plain.get(event.qcode, event.qcode)
            text += (shifted.get(char) or char.upper()) if shift else char
    return text


def test_every_printable_character_of_the_us_layout_can_be_typed() -> None:
    text = "".join(chr(code) for code in range(0x20, 0x7F)) + "\n"
    assert typed(list(text_events(text))) == text


def test_every_key_goes_up_again() -> None:
    for char in string.printable.replace("\x0b", "").replace("\x0c", ""):
        down: list[str] = []
        for event in text_events(char):
            if event.down:
                down.append(event.qcode)
            else:
                down.remove(event.qcode)
        assert not down


def test_a_character_without_a_key_is_refused_before_anything_is_typed() -> None:
    with pytest.raises(UsageError, match="no key of the US layout types 'é'"):
        text_events("caf\u00e9")


def test_an_empty_string_is_not_a_key() -> None:
    with pytest.raises(UsageError):
        key_of("")


@pytest.mark.parametrize(
    ("chord", "keys"),
    [
        ("ret", ["ret"]),
        ("Enter", ["ret"]),
        ("ctrl-alt-delete", ["ctrl", "alt", "delete"]),
        ("ctrl-alt-del", ["ctrl", "alt", "delete"]),
        ("ctrl-c", ["ctrl", "c"]),
        ("ctrl-C", ["ctrl", "shift", "c"]),
        ("shift-A", ["shift", "a"]),
        ("ctrl--", ["ctrl", "minus"]),
        ("-", ["minus"]),
        ("alt-f4", ["alt", "f4"]),
        ("win", ["meta_l"]),
        ("bracket_left", ["bracket_left"]),
    ],
)
def test_a_chord_names_its_keys(chord: str, keys: list[str]) -> None:
    assert chord_keys(chord) == keys


def test_a_chord_is_pressed_in_order_and_released_in_reverse() -> None:
    assert [str(event) for event in chord_events("ctrl-alt-delete")] == [
        "key ctrl down",
        "key alt down",
        "key delete down",
        "key delete up",
        "key alt up",
        "key ctrl up",
    ]


@pytest.mark.parametrize("chord", ["", "ctrl-", "ctrl--alt", "contrl-c"])
def test_a_chord_that_names_no_key_is_refused(chord: str) -> None:
    if chord == "ctrl-":
        assert chord_keys(chord) == ["ctrl", "minus"]
        return
    with pytest.raises(UsageError):
        chord_keys(chord)


def test_a_misspelt_key_brings_the_nearest_name() -> None:
    with pytest.raises(UsageError, match=r"there is no key 'contrl' \(did you mean 'control'\?\)"):
        chord_keys("contrl-c")


def test_every_alias_stands_for_a_key() -> None:
    assert set(ALIASES.values()) <= QCODES
