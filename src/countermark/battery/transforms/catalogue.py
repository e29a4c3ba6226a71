"""The encoders with what each is: family, way back, and the domain on which it leads back."""

import re

from countermark.battery.transforms import encoders as way
from countermark.battery.transforms.values import Function, Transformation

_ANYTHING = "(?s:.*)"
_NAMED = "[a-z0-9]*"
_CIPHERS = "arXiv:2308.06463 (ciphers and codes; shown on ChatGPT and GPT-4)"
_JAILBROKEN = "arXiv:2307.02483 (shown on GPT-3.5, GPT-4 and Claude v1.3)"


def _encoding(
    name: str, apply: Function, inverse: Function | None, domain: str = _ANYTHING, *, idea: str = ""
) -> Transformation:
    return Transformation(
        name=name, family="encoding", apply=apply, inverse=inverse, domain=re.compile(domain), idea=idea
    )


def _latin(
    name: str, apply: Function, inverse: Function, domain: str = _ANYTHING, *, idea: str = ""
) -> Transformation:
    """An encoding that changes Latin letters and digits only."""
    return Transformation(
        name=name, family="encoding", apply=apply, inverse=inverse, domain=re.compile(domain), idea=idea,
        languages=("en",),
    )  # fmt: skip


def _look(
    name: str,
    apply: Function,
    inverse: Function,
    domain: str = _ANYTHING,
    *,
    languages: tuple[str, ...] = ("en",),
) -> Transformation:
    """A change of the look alone."""
    return Transformation(
        name=name,
        family="typography",
        apply=apply,
        inverse=inverse,
        domain=re.compile(domain),
        languages=languages,
    )


def _cut(name: str, apply: Function, inverse: Function | None = None) -> Transformation:
    return Transformation(
        name=name, family="splitting", apply=apply, inverse=inverse,
        idea="arXiv:2302.05733 (payload splitting; shown on ChatGPT and its predecessors)",
    )  # fmt: skip


ENCODERS = (
    _encoding("base64", way.to_base64, way.from_base64, idea=_JAILBROKEN),
    _encoding("base64url", way.to_base64url, way.from_base64url),
    _encoding("base64_wrapped", way.to_base64_wrapped, way.from_base64),
    _encoding("base32", way.to_base32, way.from_base32),
    _encoding("binary", way.to_binary, way.from_binary),
    _encoding("codes", way.to_codes, way.from_codes, idea=_CIPHERS),
    _encoding("hex", way.to_hex, way.from_hex),
    _latin("rot13", way.to_rot13, way.to_rot13, idea=_JAILBROKEN),
    _latin("atbash", way.to_atbash, way.to_atbash, idea=_CIPHERS),
    _encoding("reverse", way.to_reverse, way.to_reverse),
    _latin("leet", way.to_leet, way.from_leet, "[^A-Z013457\u0080-\U0010ffff]*", idea=_JAILBROKEN),
    _look("spaced", way.to_spaced, way.every_second_left_out, languages=("en", "ja")),
    _look("dashed", way.to_dashed, way.every_second_left_out, languages=("en", "ja")),
    _look("upper", way.to_upper, way.to_lower, "[^A-Z\u0080-\U0010ffff]*"),
    _look("lower", way.to_lower, way.to_upper, "[^a-z\u0080-\U0010ffff]*"),
    _look("katakana", way.to_katakana, way.to_hiragana, "[^ァ-ヶ]*", languages=("ja",)),
    _cut("first_half", way.to_first_half),
    _cut("second_half", way.to_second_half),
    _cut("pieces", way.to_pieces, way.from_pieces),
    _encoding("spelled", way.to_spelled, way.from_spelled, r"[^\W_]*"),
    _latin("nato", way.to_nato, way.from_nato, _NAMED),
    _latin("morse", way.to_morse, way.from_morse, "[a-z0-9 ]*", idea=_CIPHERS),
    _look("fullwidth", way.to_fullwidth, way.from_fullwidth, "[^！-～]*"),
    _look("zero_width", way.to_zero_width, way.every_second_left_out, languages=("en", "ja")),
    _look("look_alike", way.to_look_alike, way.from_look_alike, "[^асеіорѕху]*"),
    _latin("acrostic", way.to_acrostic, way.from_acrostic, _NAMED),
    _latin("word_acrostic", way.to_word_acrostic, way.from_word_acrostic, _NAMED),
)
"""All encoders, in the order of the documentation."""
