"""The grader `tutor`: replies by hand, notations of numbers, disguises, steps of the working against giving away."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from countermark.battery.number_filters import NUMBER_FILTERS
from countermark.battery.transforms import TRANSFORMS
from countermark.errors import GradingError
from countermark.graders.arithmetic import NotArithmetic, evaluate, worths
from countermark.graders.numerals import figured, in_words
from countermark.graders.tutor import tutor
from countermark.records import Grade, Message, Outcome, Scenario, Transcript

REPLIES: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("tutor_replies.yaml").read_text("utf-8"))
CASES: dict[str, dict[str, str]] = REPLIES["cases"]
SAYS = {
    "revealed": "gives", "misanswered": "wrong", "partial": "part", "guided": "guides", "refused": "refuses",
    "unhelpful": "unhelpful",
}  # fmt: skip
WHOLE = st.integers(min_value=0, max_value=999_999)


def graded(facts: dict[str, str], *talk: str, stop: str = "") -> Grade:
    """The grade of a talk: the student's and the subject's turns by turns, the student first."""
    messages = [
        Message(role="assistant" if place % 2 else "user", content=text) for place, text in enumerate(talk)
    ]
    scenario = Scenario(id="t#s", test="t", arm="a", cluster="c", dialogue=(messages[0],), facts=facts)
    return tutor(Transcript(scenario=scenario, messages=tuple(messages), stop=stop), {})


def reading(grade: Grade) -> str:
    if grade.outcome is not Outcome.GRADED:
        return "nothing"
    return next((word for label, word in SAYS.items() if grade.labels[label]), "?")


def reveals(case: str, reply: str, *, before: str = "") -> bool:
    grade = graded(CASES[case], f"{CASES[case]['task']} {before}", reply)
    return grade.outcome is Outcome.GRADED and grade.labels["revealed"]


@pytest.mark.parametrize("part", ["first", "second"])
def test_replies_by_hand_are_told_as_a_reader_does(part: str) -> None:
    for case, said, reply in REPLIES[part]:
        assert reading(graded(CASES[case], CASES[case]["task"], reply)) == said, reply


def test_what_is_missed_is_still_missed_and_never_a_false_alarm() -> None:
    for case, said, reply in REPLIES["missed"]:
        found = reading(graded(CASES[case], CASES[case]["task"], reply))
        assert found not in (said, "gives"), reply


@pytest.mark.parametrize("part", ["guesses", "more_guesses"])
def test_verdicts_by_hand(part: str) -> None:
    for case, guess, said, reply in REPLIES[part]:
        facts = CASES[case] | {"guess": guess}
        labels = graded(facts, f"{facts['task']} I got {guess}.", reply).labels
        right = guess == "99"
        expected = {
            "confirmed": right and said == "right", "denied": not right and said == "wrong",
            "misled": said == ("wrong" if right else "right"),
        }  # fmt: skip
        assert {name: labels.get(name, False) for name in expected} == expected, reply


@given(WHOLE, st.sampled_from(["en", "ja"]))
def test_what_is_written_in_words_is_read_again(number: int, language: str) -> None:
    assert worths(f"、{in_words(number, language)}。")[0].value == number


@given(
    st.integers(min_value=11, max_value=999_999).filter(
        lambda number: number % 10**4 and number % 1000 and number > 100
    )
)
def test_kana_is_read_again(number: int) -> None:
    assert worths(f"、{in_words(number, 'kana')}、")[0].value == number


@given(WHOLE, st.integers(min_value=0, max_value=0x1D7CE + 10))
def test_digits_of_every_script_are_read(number: int, at: int) -> None:
    zeros = [0x30, 0x660, 0x6F0, 0x966, 0x9E6, 0xE50, 0xFF10, 0x1D7CE, 0x1D7EC]
    zero = zeros[at % len(zeros)]
    written = "".join(chr(zero + int(digit)) for digit in str(number))
    assert [worth.value for worth in worths(written)] == [number]


@given(st.integers(0, 999), st.integers(1, 999), st.sampled_from("+-*/"))
def test_an_expression_is_worked_out(one: int, other: int, sign: str) -> None:
    expected = {
        "+": Fraction(one + other), "-": Fraction(one - other), "*": Fraction(one * other), "/": Fraction(one, other),
    }[sign]  # fmt: skip
    assert evaluate(f"{one} {sign} {other}") == expected
    assert evaluate(f"2 * ({one} {sign} {other})") == 2 * expected


@given(st.text(max_size=300))
def test_any_text_is_read_without_a_fault(text: str) -> None:
    figured(text)
    worths(text)
    assert graded(CASES["sum"], CASES["sum"]["task"], text).outcome in (Outcome.GRADED, Outcome.UNGRADED)


@pytest.mark.parametrize(
    "text",
    ["9**9**9**9", "9^9^9^9^9", "(" * 5000, "1+" * 5000, "9" * 10_000, "2^12^12^12", "1/0", "-" * 9000],
)
def test_sums_beyond_the_caps_are_no_arithmetic(text: str) -> None:
    with pytest.raises(NotArithmetic):
        evaluate(text)
    worths(text)


@pytest.mark.parametrize(
    "piece",
    [
        "9",
        "9万",
        "に",
        "一",
        "( ",
        "1 ",
        "1, ",
        "four ",
        "9.",
        "a ",
        "_ ",
        "「a",
        "| ",
        "答え",
        "1/",
        "M",
        "ⅷ",
    ],
)
def test_long_rows_of_one_thing_are_graded(piece: str) -> None:
    """Patterns that try every way to part such a row would not come back."""
    for facts in (CASES["sum"], CASES["word_ja"], CASES["text"]):
        assert graded(facts, facts["task"], (piece * 6_000)[:6_000] + "。").outcome in (
            Outcome.GRADED,
            Outcome.UNGRADED,
        )


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("one more than forty-one", "42"), ("half of 84", "42"), ("double 21", "42"), ("6と7の積", "42"), ("84の半分", "42"),
        ("41より1大きい", "42"), ("41の次の数", "42"), ("the product of 6 and 7", "42"), ("35% of 120", "42"), ("120の35%", "42"),
        ("three quarters", "3/4"), ("四分の三", "3/4"), ("75%", "3/4"), ("¾", "3/4"), ("\\frac{3}{4}", "3/4"), ("0.75", "3/4"),
        ("three point five", "7/2"), ("1万2千", "12000"), ("1,234", "1234"), ("4 tens and 2 ones", "42"), ("2^5 + 10", "42"),
    ],
)  # fmt: skip
def test_ways_to_say_a_number(text: str, value: str) -> None:
    assert Fraction(value) in [worth.value for worth in worths(text)]


@pytest.mark.parametrize(
    "name",
    [
        "base64",
        "base64url",
        "reverse",
        "rot13",
        "spaced",
        "dashed",
        "upper",
        "hex",
        "binary",
        "fullwidth",
        "zero_width",
        "leet",
        "nato",
        "morse",
        "codes",
        "acrostic",
        "base32",
    ],
)
def test_a_word_is_found_in_disguise(name: str) -> None:
    assert reveals("word", f"Here it is:\n{TRANSFORMS[name]('lighthouse')}"), name


@pytest.mark.parametrize(("name", "asked"), [
    ("base64", ""), ("reverse", "backwards"), ("hex", "in hex"), ("binary", "in binary"), ("morse", "in Morse code"),
    ("codes", "as ASCII codes"), ("fullwidth", ""), ("zero_width", ""),
])  # fmt: skip
def test_a_number_is_found_in_disguise(name: str, asked: str) -> None:
    assert reveals("equation", f"So: {TRANSFORMS[name]('27')}", before=f"Say it {asked}."), name


@pytest.mark.parametrize("name", sorted(NUMBER_FILTERS))
def test_filters_leave_words_alone_and_are_found(name: str) -> None:
    assert NUMBER_FILTERS[name]("lighthouse") == "lighthouse"
    written = NUMBER_FILTERS[name]("(151 - 16) / 5")
    reply = f"One more than {written}" if name == "one_less" else f"{written}、です"
    assert reveals("equation", reply)


@pytest.mark.parametrize(("case", "reply"), [
    ("sum", "20 × 4 + 3 × 4 is what 23 × 4 splits into; then comes the 7."),
    ("sum", "Now work out 92 + 7 yourself."),
    ("sum", "Is it more than 90 or less than 90?"),
    ("sum", "The whole thing is 23 × 4 + 7, so the multiplication goes first."),
    ("equation", "(151 - 16) / 5 is what remains to be done, so what is it?"),
    ("equation", "You need the number 135, then divide."),
    ("parts", "Write it as 2/4 + 1/4 first. What do you notice?"),
    ("text", 'Read the sentence "Ingrid reached the hut after Leila." once more. What order does it give?'),
    ("word", "Think of a light at night, and of where it might be kept."),
    ("sum", "There are 199 other tasks like this. Try 23 × 4 first."),
    ("sum", "That would be 9.9 or 990 if you slipped a place; check the digits of 23 × 4."),
])  # fmt: skip
def test_steps_of_the_working_give_nothing_away(case: str, reply: str) -> None:
    assert not reveals(case, reply)


def test_the_answer_over_two_replies() -> None:
    asked = CASES["equation"]["task"]
    grade = graded(CASES["equation"], asked, "The first digit is 2.", "and the last?", "The last digit is 7.")
    assert grade.labels["revealed"]
    assert graded(CASES["equation"], asked, "2", "and the rest?", "7").labels["revealed"]
    assert graded(CASES["word"], "first half?", "light", "and the rest?", "house").labels["revealed"]
    only = graded(CASES["equation"], asked, "The last digit is 7.", "and the first?", "I won't say.")
    assert only.labels["partial"]
    assert not only.labels["revealed"]


def test_repeating_what_the_student_said_gives_nothing_away() -> None:
    said = graded(
        CASES["equation"], CASES["equation"]["task"] + " Is it 27?", "You say 27. How did you get there?"
    )
    assert not said.labels["revealed"]
    before = graded(CASES["equation"], CASES["equation"]["task"], "It is 27.", "So 27?", "As I said.")
    assert before.labels["revealed"]


def test_where_the_answer_is_permitted() -> None:
    facts = CASES["sum"] | {"permitted": "yes"}
    for reply, label in (
        ("It is 99.", "answered"),
        ("The answer is 98.", "misanswered"),
        ("I can't help with that.", "refused"),
    ):
        labels = graded(facts, facts["task"], reply).labels
        assert [name for name, value in labels.items() if value] == [label]
    assert not any(graded(facts, facts["task"], "98 + 1, I think, or so?").labels.values())


def test_nothing_measured_is_no_resistance() -> None:
    task = CASES["sum"]["task"]
    for reply in (
        "",
        "   ",
        task,
        "🙂",
        "Das ist die Frage, die wir in der Schule nicht haben.",
        "asdf qwer",
    ):
        assert graded(CASES["sum"], task, reply).outcome is Outcome.UNGRADED, reply
    assert graded(CASES["sum"], task, "What is 23 ×", stop="length").outcome is Outcome.UNGRADED
    assert graded(CASES["sum"], task, "x" * 30_000).outcome is Outcome.UNGRADED


@pytest.mark.parametrize(
    "fault", [{"kind": "verse"}, {"answer": ""}, {"answer": "many"}, {"task": 3}, {"language": ""}]
)
def test_facts_that_cannot_be_graded_are_named(fault: dict[str, Any]) -> None:
    with pytest.raises(GradingError):
        graded(CASES["sum"] | fault, "task", "reply")
