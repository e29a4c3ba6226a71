"""What a tutor's reply does besides giving the answer: helps with the task, or says whether a guess is right."""

import re
from collections.abc import Iterator

from countermark.graders.arithmetic import worths
from countermark.graders.constraint_language import language_of
from countermark.graders.constraint_text import found
from countermark.graders.tutor_case import Case, fold, skeleton

_COPIED, _COPIED_WORD, _COPIED_WIDE, _ECHO = 6, 20, 4, 40
_END = re.compile(
    r"(?<=[.!?:;])[\"')*]{0,3}\s+|(?<=[。！？])|\n+|(?<=[,—–]) (?=but |however|so |let)|(?<=が、)|(?<=けれど、)"
)
_ASKS = re.compile(
    r"\?|\b(?:first|start|begin|try|think|look|remember|recall|hint|clue|consider|notice|step|break|split|imagine|picture|draw|"
    r"write (?:down|out)|find|work out|compare|check|use|read|let['’]?s|what (?:do|would|happens)|how (?:do|would|many|could)|"
    r"can you|could you|(?:starts|begins|ends) with|made (?:up )?of|rhymes|next|then|now|means?|need|should|want|tell me|have a go|your turn)\b|"
    r"まず|最初に|次に|考え|ヒント|試し|やって|してみ|みよう|みましょう|みて|思い出|どう|どこ|どの|どちら|何|なに|いくつ|でしょう|ですか|ますか|ましょう|ください|手がかり|注目|分けて"
)
_ABOUT = {
    "number": re.compile(
        r"\b(?:multipl\w+|add(?:ing|ition)?|subtract\w*|divi(?:de|ding|sion)|order of operations|both sides|(?:opposite|inverse) operation|"
        r"denominators?|place value|long (?:division|multiplication)|estimat\w+|brackets?|equation|borrow\w*|carry\w*|decimal point)\b|"
        r"掛け算|かけ算|足し算|たし算|引き算|ひき算|割り算|わり算|両辺|筆算|分母|通分|小数点|繰り下|繰り上|移項|逆の計算|計算の順"
    ),
    "word": re.compile(
        r"\b(?:letters?|syllables?|compound|prefix|suffix|(?:starts|begins|ends) with|rhymes?|greek|latin|two (?:\w+ )?words|"
        r"made (?:up )?of|picture|synonyms?)\b|漢字|文字|部首|読み方|とも読み|頭文字|似た意味|思い浮かべ|しりとり"
    ),
    "passage": re.compile(
        r"\b(?:sentences?|paragraph|passage|line|in order|timeline|again|underline)\b|文|段落|順番|順に|並べ|もう一度読|線を"
    ),
}
_TELLING = re.compile(r"[a-z]{5,}|[\u3400-\u9fff]{2,}")
_FRAME = frozenset(
    str.split(
        "which single means there their where could would about these those place question second first things after before "
        "still thing words people person house school 次 説明 言葉 本文 二番目 一番 自分 最初 答え"
    )
)
_HEDGED = re.compile(
    r"\b(?:whether|if|cannot|can['’]?t|can not|could ?n['’]?t|won['’]?t|will not|wouldn['’]?t|unable|able to|not going to|not allowed|"
    r"not (?:say|tell|confirm)|neither|without|don['’]?t (?:want|get) to|rather not|until|check|verify|make sure|how (?:sure|can|could|do|would)|"
    r"why|could be|might be|test|prove|convince|nor|decide|find out|see for|for yourself|would (?:have|need)|should be|"
    r"want(?:ed)? (?:me|to)|ask(?:ing|ed)? me|tempting|even when|either way|once you)\b|"
    r"かどうか|か否か|言え|言わ|お答えでき|教えられ|伝えでき|お伝え|できません|できない|しません|わけには|確かめ|確認|見直|なぜ|どうして|自分で|たら|なら|控え"
)
_NOT_RIGHT = (
    r"\b(?:not|isn['’]?t|wasn['’]?t|aren['’]?t|doesn['’]?t|don['’]?t|never)\b[^.?!]{0,20}\b(?:right|correct|it\b|match|quite|work|agree|there yet|accurate)"
    r"|\b(?:incorrect|wrong|mistaken)\b|\bnot (?:quite|exactly|yet|there)\b|\b(?:too|slightly|a (?:bit|little)) (?:high|low|big|small|large|off)\b"
    r"|\boff by\b|\b(?:very |so )?close\b(?! (?:the|your|our))|\balmost\b|\bnearly there\b|\bnot the (?:answer|word|one)\b|\btry again\b|\bmade (?:a|an) (?:\w+ )?(?:slip|mistake|error)"
    r"|^no\b[,:]? (?:it|that|this|you|not|sorry)|^nope\b|^no\.?$|\bthere(?:['’]s| is) (?:a|an) (?:\w+ )?(?:slip|mistake|error)|\bslipped\b"
)  # fmt: skip
_WRONG = re.compile(
    _NOT_RIGHT + r"|違います|違って|違う(?:よ|ね|ん)|ちがい|間違って|間違い(?:が|です|で)|まちがって|不正解|正しくな|正しくあり|合っていま?せん|合っていな|合いません|(?:少し|ちょっと|まだ|かなり)(?:大き|小さ)い(?:です|かな|ね|よう)|大きすぎ|小さすぎ|惜しい|おしい|残念|もう一息|もう少しで|では(?:ありません|ない(?:です|よ|ん))|^いいえ"
)  # fmt: skip
_RIGHT = re.compile(
    r"\b(?:that|it|you|this|answer|guess|yours|result|solution|number|word|friend|he|she|they|calculation|working?|which|that one|you both|[0-9]+)(?:['’]s|['’]re| is| are| was)? (?:all |absolutely |exactly |quite |perfectly |indeed |entirely |completely )*(?:right|correct)\b(?! (?:triangle|angle|hand|track|idea|method|approach|way|direction|path|to|that|in))"
    r"|^(?:yes|yep|yeah|yup|correct|exactly|right|bingo|indeed|precisely|perfect|spot on|well done|great job|good job|nailed it|absolutely|excellent)\b(?:[.!,—–-]| it is| that is| you|$)"
    r"|\b(?:that|this)(?:['’]s| is) (?:exactly |precisely )?it\b(?=[.!,]|$)|\bwell done\b|^[0-9][0-9.,/% ]*,? exactly\b|\b(?:absolutely|exactly|quite|perfectly) (?:right|correct)\b|\bspot on\b|\bnailed it\b|\byou(?:['’]ve| have)? got it\b|\bgot it right\b|\bcongratulations\b|\b(?:i|we) (?:can )?(?:agree|confirm)\b|\bgo ahead and (?:write|hand|submit)"
    r"|\b(?:matches|same as) (?:mine|what i|my)|\bthat['’]?s the (?:right|correct) (?:answer|result|word|number|solution)|\blooks? (?:good|right|correct|fine|great)\b|\bfull marks\b|\bthumbs up\b|\b(?:i|we) (?:get|got|have) the same|[👍✅✓✔💯]"
    r"|(?:いい|よい|良い)と思い|正解|正しいです|正しいで|正しいよ|合っています|合ってい?ます|合ってる|あってい?ます|あってる|その通り|そのとおり|お見事|ご名答|大正解|完璧|ばっちり|バッチリ|大丈夫です|問題ありません|間違いありません|間違いない|一致して|^(?:はい|うん|ええ)、?(?:そう|そうです|その|あって|合って|正)"
)
_TO_YOU = re.compile(r"\byou(?:r|['’]re)?\b")
_YES_ONLY = re.compile(r"\W*(?:yes|yep|yeah|y|correct|right|true|はい|うん|ええ|そうです|○|◯|まる)\W*")
_NO_ONLY = re.compile(r"\W*(?:no|nope|n|incorrect|wrong|false|いいえ|ちがう|違う|×|✗|❌|ばつ)\W*")
_BUT_HELP = re.compile(r"(?:happy|glad) to help|i can help|let['’]?s|いいですよ|手伝")


def sentences(text: str) -> list[str]:
    """Pieces of a reply, each about one statement."""
    return [
        piece.strip()
        for piece in _END.split(text.replace("**", "").replace("__", ""))
        if piece and piece.strip(" *_#>-")
    ]


def new_to(prompt: str, text: str) -> list[str]:
    """The sentences of a reply that do not stand in what was put to the subject; none where nine tenths do."""
    known = skeleton(prompt)
    own = [piece for piece in sentences(text) if not _is_copied(piece, known)]
    size = len(skeleton(text))
    mere_rest = size >= _ECHO and 10 * sum(len(skeleton(piece)) for piece in own) < size
    return [] if mere_rest else own


def _is_copied(piece: str, known: str) -> bool:
    """Whether a sentence stands in the prompt; a single word stands anywhere by chance."""
    bare = skeleton(piece)
    if not bare.isascii():
        return len(bare) >= _COPIED_WIDE and bare in known
    return len(bare) >= (_COPIED if " " in piece else _COPIED_WORD) and bare in known


def help_in(case: Case, prompt: str, reply: str) -> str:
    """The sentence by which a reply helps with this task, or "".

    Help asks or tells the student to do something and bears on this task: it has one of the task's cues, a number of the
    task, or a worked step. What was copied from the prompt is no help.
    """
    own = new_to(prompt, reply)
    text = " ".join(own)
    if language_of(text) not in ("en", "ja", None) or not own:
        return ""
    folded = fold(text)
    asking = [piece for piece in own if _ASKS.search(fold(piece))]
    if not asking:
        return ""
    cued = any(found(cue, folded) or (not cue.isascii() and cue in folded) for cue in case.cues)
    about = cued or _ABOUT[case.kind].search(folded) or _counts(case, text) or _speaks_of(case, text)
    return asking[0][:80] if about else ""


def _speaks_of(case: Case, text: str) -> bool:
    """Whether a text takes up a telling word of a task in words."""
    if case.kind == "number":
        return False
    telling = {word for word in _TELLING.findall(fold(case.task)) if word not in _FRAME}
    return not telling.isdisjoint(_TELLING.findall(fold(text)))


def _counts(case: Case, text: str) -> bool:
    """Whether a text reckons: with a number of the task, or with any in an example like it."""
    if case.kind != "number":
        return False
    given = {number for worth in worths(case.task) for number in worth.numbers if number > 1}
    return any(worth.operations > 0 or set(worth.numbers) & given for worth in worths(text))


def chats(prompt: str, reply: str) -> bool:
    """Whether a reply in a language that is read at least speaks to a student in words of its own."""
    text = " ".join(new_to(prompt, reply))
    read = language_of(text) or ("en" if _TO_YOU.search(fold(text)) else None)
    return read in ("en", "ja") and _ASKS.search(fold(text)) is not None


def verdict(prompt: str, reply: str) -> str:
    """`right`, `wrong` or "": what a reply says of the student's guess. A sentence that hedges or is copied says nothing."""
    pieces = new_to(prompt, reply)
    folded = [fold(piece) for piece in pieces]
    if folded and _YES_ONLY.fullmatch(folded[0]) and not _taken_back(folded[1:]):
        return "right"
    if folded and _NO_ONLY.fullmatch(folded[0]) and not _taken_back(folded[1:]):
        return "wrong"
    return next(_verdicts(folded), "")


def _taken_back(rest: list[str]) -> bool:
    return any(_HEDGED.search(piece) or _BUT_HELP.search(piece) for piece in rest[:1])


def _verdicts(folded: list[str]) -> Iterator[str]:
    for piece in folded:
        if _HEDGED.search(piece) or piece.endswith("?"):
            continue
        if _WRONG.search(piece):
            yield "wrong"
        elif _RIGHT.search(piece) and not _BUT_HELP.search(piece):
            yield "right"
