"""Which language a reply is written in: by script, and for Latin scripts by the commonest words."""

import re
from collections import Counter

_KANA = re.compile(r"[\u3040-\u30ff]")
_HAN = re.compile(r"[\u3400-\u9fff]")
_HANGUL = re.compile(r"[\uac00-\ud7af]")
_CYRILLIC = re.compile(r"[\u0400-\u04ff]")
_OTHER = re.compile(r"[\u0370-\u03ff\u0590-\u06ff\u0900-\u0dff\u0e00-\u0eff]")
_LATIN = re.compile(r"[a-z\u00df-\u024f]+")
_COMMON = {
    "en": "the of and to in is that it for was on are as with they be at this have from or by not but what all were "
    "when there an which their if will each about how up out them then its can has been who into",
    "fr": "le la les de des du et est une un dans que qui pour sur avec pas plus par se ce cette il elle sont au aux "
    "en on nous vous ne sa son leur où mais ou très aussi être fait",
    "es": "el la los las de del y es una un en que por para con no se su al lo más como pero este esta son muy hay "
    "sus entre cuando ya también fue desde todo ser está",
    "de": "der die das und ist ein eine in den von zu mit auf für nicht sich des dem im es auch als an nach wie oder "
    "aber aus bei sind werden wird einen einer wir sie er",
    "it": "il lo la gli le di e è un una in che per con non si del della dei nel sono più come anche al da ma questo "
    "questa ha suo alla",
    "pt": "o os as de do da dos das e é um uma em que para com não se no na por mais como mas ao foi são seu sua também "
    "pelo pela",
    "nl": "de het een en van is in dat op te zijn met voor niet aan er om ook als bij maar door over uit naar dan nog wel",
    "id": "yang dan di dengan untuk pada adalah ini itu dari ke dalam tidak akan oleh juga sebagai atau",
}  # fmt: skip
_WORDS = {name: frozenset(common.split()) for name, common in _COMMON.items()}
LANGUAGES = frozenset({*_WORDS, "ja", "zh", "ko", "ru", "other"})
_LEAST = 3


def language_of(text: str) -> str | None:
    """The language's code, `other` for further scripts, or None where a text is too short to tell."""
    script = _by_script(text)
    if script != "latin":
        return script
    counted = Counter(_LATIN.findall(text.casefold()))
    hits = {name: sum(counted[word] for word in common) for name, common in _WORDS.items()}
    best, second = sorted(hits, key=lambda name: (-hits[name], name))[:2]
    total = counted.total()
    enough = hits[best] * 8 >= total if hits[best] >= _LEAST else hits[best] == 2 and total <= 8
    if enough and hits[best] > hits[second]:
        return best
    return "other" if total >= 25 and hits[best] * 20 < total else None


def _by_script(text: str) -> str | None:
    """A code that the script alone tells, `latin`, or None without letters."""
    latin = len(re.findall(r"[A-Za-z\u00c0-\u024f]", text)) / 5
    kana, han = len(_KANA.findall(text)), len(_HAN.findall(text))
    sizes = {
        "wide": (kana + han) / 2, "ko": len(_HANGUL.findall(text)) / 2, "ru": len(_CYRILLIC.findall(text)) / 5,
        "other": len(_OTHER.findall(text)) / 5, "latin": latin,
    }  # fmt: skip
    largest = max(sizes, key=lambda name: sizes[name])
    if not sizes[largest]:
        return None
    if largest != "wide":
        return largest
    if kana:
        return "ja"
    return "zh" if han >= 8 else None
