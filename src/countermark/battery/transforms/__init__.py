"""Transformations of text: pure functions that templates, exemplars and attacks name as filters, alone or as `a|b`.

Encoders write a text in other signs (`encoders`); frames put words around it (`frames/*.md`). What each is, where its
idea comes from and which way leads back stands in `CATALOGUE`; docs/reference/transformations.md prints it.
"""

from collections.abc import Callable, Mapping

from countermark.battery.transforms.catalogue import ENCODERS
from countermark.battery.transforms.encoders import (
    to_acrostic,
    to_base32,
    to_base64,
    to_base64_wrapped,
    to_base64url,
    to_binary,
    to_codes,
    to_dashed,
    to_first_half,
    to_fullwidth,
    to_hex,
    to_katakana,
    to_leet,
    to_look_alike,
    to_lower,
    to_morse,
    to_nato,
    to_reverse,
    to_rot13,
    to_second_half,
    to_spaced,
    to_spelled,
    to_upper,
    to_word_acrostic,
    to_zero_width,
)
from countermark.battery.transforms.frames import read_frames
from countermark.battery.transforms.values import NotInvertible, Transformation, language_of

__all__ = [
    "CATALOGUE",
    "TRANSFORMS",
    "NotInvertible",
    "Transformation",
    "language_of",
    "pipeline",
    "to_acrostic",
    "to_base32",
    "to_base64",
    "to_base64_wrapped",
    "to_base64url",
    "to_binary",
    "to_codes",
    "to_dashed",
    "to_first_half",
    "to_fullwidth",
    "to_hex",
    "to_katakana",
    "to_leet",
    "to_look_alike",
    "to_lower",
    "to_morse",
    "to_nato",
    "to_reverse",
    "to_rot13",
    "to_second_half",
    "to_spaced",
    "to_spelled",
    "to_upper",
    "to_word_acrostic",
    "to_zero_width",
]

CATALOGUE: Mapping[str, Transformation] = {
    one.name: one for one in (*ENCODERS, *read_frames({one.name: one for one in ENCODERS}))
}
"""Every transformation by name: encoders, then frames."""

TRANSFORMS: Mapping[str, Callable[[str], str]] = {name: one.apply for name, one in CATALOGUE.items()}
"""The same as plain functions: the filters of templates and exemplars."""


def pipeline(names: str) -> Transformation:
    """The transformation `a|b|c`: `a` first.

    Raises:
        KeyError: There is none of a name; or no name at all.
    """
    first, *rest = [CATALOGUE[name.strip()] for name in names.split("|")]
    for after in rest:
        first = first.then(after)
    return first
