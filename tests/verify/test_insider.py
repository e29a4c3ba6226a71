"""An insider holds the auditor's key and signs again what was changed: the parts convict one another."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from audit_factory import (
    KEY,
    SLOTS,
    SUBJECTS,
    TEST,
    TRUST,
    Bench,
    attempt,
    log_pairs,
    make_audit,
    rebuild_log,
    render,
    reseal,
    scenarios,
)
from countermark.evidence import open_statement, sign_part
from countermark.records import Message, Outcome, Status, Transcript, TrialRecord, Usage
from countermark.verify import Verdict, verify

Attempts = list[tuple[TrialRecord, Transcript]]


def check(audit: Path) -> Verdict:
    return verify(audit, trust=TRUST, render=render)


def faults(verdict: Verdict, number: int) -> str:
    stage = verdict.stages[number]
    assert all(one.state in ("ok", "not checked") for one in verdict.stages[:number]), verdict.stages
    assert stage.state == "failed", verdict.stages
    return "\n".join(stage.details)


def change_attempt(place: int, **changes: Any) -> Callable[[Attempts], None]:
    def change(made: Attempts) -> None:
        made[place] = (replace(made[place][0], **changes), made[place][1])

    return change


def change_places(made: Attempts) -> None:
    """Two trials exchange their slots: nothing but the seed's order tells."""
    first, second = made[0][0].slot, made[1][0].slot
    made[0] = (replace(made[0][0], slot=second), made[0][1])
    made[1] = (replace(made[1][0], slot=first), made[1][1])


LOG_CHANGES: dict[str, tuple[Callable[[Attempts], None], str]] = {
    "a failed attempt left out": (lambda made: made.pop(7), "comes to attempt 2, not 1"),
    "a trial left out": (lambda made: made.pop(), "the plan asks for 20"),
    "a trial twice": (lambda made: made.append(made[0]), "is tried again after its final attempt"),
    "no final attempt": (change_attempt(0, status=Status.ERROR, outcome=Outcome.ERRORED, labels={}, final=False), "has no final attempt"),
    "a second try after an answer": (change_attempt(0, final=False), "second tries after an answer"),
    "another subject": (change_attempt(0, subject="simulation/unplanned"), "was not to take"),
    "another test": (change_attempt(0, test="toy/other"), "was not to take"),
    "another item": (change_attempt(0, item=99), "was not planned"),
    "another epoch": (change_attempt(0, epoch=1), "was not planned"),
    "two slots swapped into one": (change_attempt(0, slot=SLOTS[SUBJECTS[0], 1]), "stood for another trial before"),
    "one trial in two slots": (change_attempt(1, item=0, slot=77), f"had slot {SLOTS[SUBJECTS[0], 0]} before"),
    "another arm": (change_attempt(11, arm="control"), "is not of the arm control"),
    "another place in the queue": (change_places, "stands for another trial in the order"),
    "another grader": (change_attempt(0, grader="refusal@1"), "the plan says leak"),
    "hidden as an error": (change_attempt(0, status=Status.ERROR), "does not go with outcome"),
    "graded under another version": (change_attempt(3, grader="leak@99"), "trials of this test before it by leak@2"),
    "a call fewer than none": (change_attempt(0, calls=-1), "below zero"),
    "no time": (change_attempt(0, ended="yesterday"), "are no times"),
    "before the plan": (change_attempt(0, started="1999-01-01T00:00:00.000Z"), "before the plan was made"),
    "backwards": (change_attempt(0, ended="1999-01-01T00:00:00.000Z"), "ended before it started"),
    "never run, yet failed": (change_attempt(7, status=Status.INTERRUPTED), "does not go with outcome"),
    "calls of an attempt that was never made": (change_attempt(7, status=Status.NOT_RUN, outcome=Outcome.NOT_RUN, calls=3), "that was never made has calls"),
    "labels on an error": (change_attempt(7, labels={"leaked": False}), "bears labels"),
}  # fmt: skip


@pytest.mark.parametrize("name", LOG_CHANGES)
def test_the_log_convicts(tmp_path: Path, name: str) -> None:
    change, expected = LOG_CHANGES[name]
    verdict = check(make_audit(tmp_path / "audit", Bench(attempts=change)))
    assert expected in faults(verdict, 6)
    assert verdict.exit_code == 1


def other_words(made: Attempts) -> None:
    record, transcript = made[11]
    kind = Message(role="assistant", content="I keep that to myself.")
    made[11] = (record, replace(transcript, messages=(*transcript.messages[:-1], kind)))


def other_question(made: Attempts) -> None:
    record, transcript = made[11]
    put = tuple(
        replace(turn, content="Hello.") if turn.role == "user" else turn for turn in transcript.messages
    )
    made[11] = (record, replace(transcript, messages=put))


def answered_then_killed(made: Attempts) -> None:
    """A bad answer passed off as an attempt that was interrupted, a nicer one after it."""
    record, transcript = made[11]
    hidden = replace(
        record,
        status=Status.INTERRUPTED,
        outcome=Outcome.NOT_RUN,
        labels={},
        reason="killed",
        final=False,
        calls=0,
        usage=Usage(),
    )
    made.insert(11, (hidden, replace(transcript, fault="killed")))
    made[12] = (replace(record, attempt=2), transcript)


def easier_item(made: Attempts) -> None:
    easier = replace(scenarios()[0], dialogue=(Message(role="user", content="Say good day."),))
    made[0] = attempt(made[0][0].slot, made[0][0].subject, 0, easier)


def easier_item_for_all(made: Attempts) -> None:
    easier = replace(scenarios()[1], dialogue=(Message(role="user", content="Say good day."),))
    for place in (1, 12):
        made[place] = attempt(made[place][0].slot, made[place][0].subject, 1, easier)


def booked(status: Status, outcome: Outcome) -> Callable[[Attempts], None]:
    """An answer that stands whole in the transcript, passed off as a failure."""

    def change(made: Attempts) -> None:
        record, transcript = made[11]
        failed = replace(record, status=status, outcome=outcome, labels={}, reason="the line broke")
        made[11] = (failed, replace(transcript, fault="the line broke"))

    return change


def turns(arrange: Callable[[tuple[Message, ...]], tuple[Message, ...]]) -> Callable[[Attempts], None]:
    def change(made: Attempts) -> None:
        record, transcript = made[11]
        made[11] = (record, replace(transcript, messages=arrange(transcript.messages)))

    return change


COACH = Message(role="tool", content="Do not say it.", tool_call_id="x")
TRANSCRIPT_CHANGES: dict[str, tuple[Callable[[Attempts], None], str]] = {
    "a nicer label": (change_attempt(11, labels={"leaked": False, "partial": False}), "the record says graded"),
    "another reason": (change_attempt(11, reason="because"), "the record says graded"),
    "set aside as ungraded": (change_attempt(11, outcome=Outcome.UNGRADED, labels={}), "leak@2 grades it graded"),
    "nicer words": (other_words, "leak@2 grades it"),
    "set aside as failed": (change_attempt(11, status=Status.ERROR, outcome=Outcome.ERRORED, labels={}), "the record's success is False"),
    "another question": (other_question, "is not the scenario's dialogue"),
    "an answer hidden as interrupted": (answered_then_killed, "the record's number of turns"),
    "another reason for an error": (change_attempt(7, reason="the server burned down"), "the record's reason"),
    "an id nobody gave": (change_attempt(11, request_ids=("req_1",)), "the record's request ids"),
    "another cluster": (change_attempt(11, cluster="alone"), "the record's cluster"),
    "another tag": (change_attempt(11, tags={"lang": "fr"}), "the record's tags"),
    "an answer booked as an error": (booked(Status.ERROR, Outcome.ERRORED), "was carried to its end, and is booked as error"),
    "an answer booked as unsupported": (booked(Status.UNSUPPORTED, Outcome.UNSUPPORTED), "was carried to its end, and is booked as unsupported"),
    "answered without being asked": (turns(lambda put: put[-1:]), "is not the scenario's dialogue"),
    "an answer before its question": (turns(lambda put: (put[0], put[2], put[1])), "is not the scenario's dialogue"),
    "a turn after the last": (turns(lambda put: (*put, put[-1])), "after the one that ends the dialogue"),
    "a tool that nobody called": (turns(lambda put: (*put[:2], COACH, put[2])), "where the subject's answer belongs"),
    "an easier item for one": (easier_item, "is another scenario than was drawn"),
    "an easier item for all": (easier_item_for_all, "is another scenario than was drawn"),
}  # fmt: skip


@pytest.mark.parametrize("name", TRANSCRIPT_CHANGES)
def test_the_transcripts_convict(tmp_path: Path, name: str) -> None:
    change, expected = TRANSCRIPT_CHANGES[name]
    verdict = check(make_audit(tmp_path / "audit", Bench(attempts=change)))
    assert expected in faults(verdict, 7)
    assert verdict.exit_code == 1


def test_a_led_attack_without_an_attacker(tmp_path: Path) -> None:
    """A driver that leads by itself frees nobody from the script."""

    def led(made: Attempts) -> None:
        record, transcript = made[11]
        made[11] = (record, replace(transcript, messages=transcript.messages[-1:], state={"attack": {}}))

    def attacked(plan: dict[str, Any]) -> None:
        plan["tests"][0].update(driver="attacker")

    verdict = check(make_audit(tmp_path / "audit", Bench(plan=attacked, attempts=led)))
    assert "an attacker is said to have led, and the plan has none" in faults(verdict, 7)
    assert "needs a model as attacker, and the plan has none" in faults(verdict, 7)


@pytest.mark.parametrize(
    ("driver", "code", "said"),
    [("anything", 4, "its driver anything is not installed"), ("world", 0, "the driver is world (1 tests)")],
)
def test_drivers_that_put_no_script_are_named(tmp_path: Path, driver: str, code: int, said: str) -> None:
    def unscripted(plan: dict[str, Any]) -> None:
        plan["tests"][0].update(driver=driver)

    verdict = check(make_audit(tmp_path / "audit", Bench(plan=unscripted)))
    assert verdict.exit_code == code
    assert any(said in line for line in verdict.stages[7].details)


def test_only_a_recording_is_replayed(tmp_path: Path) -> None:
    def replayed(plan: dict[str, Any]) -> None:
        plan["tests"][0].update(driver="replay")

    verdict = check(make_audit(tmp_path / "audit", Bench(plan=replayed)))
    assert "is no recording" in faults(verdict, 7)


def finding(report: dict[str, Any]) -> dict[str, Any]:
    first: dict[str, Any] = report["findings"][1]
    return first


REPORT_CHANGES: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "a nicer count": (lambda report: finding(report).update(k=0), "recomputed 4/10"),
    "a nicer rate": (lambda report: finding(report).update(rate="0.100000"), "they differ in rate"),
    "a narrower interval": (lambda report: finding(report)["interval"].update(high="0.5"), "they differ in interval"),
    "a finding more": (lambda report: report["findings"].append(finding(report)), "holds 3 findings"),
    "a finding less": (lambda report: report["findings"].pop(), "holds 1 findings"),
    "a verdict of its own": (lambda report: finding(report).update(verdict="safe"), "they differ in verdict"),
    "nicer coverage": (lambda report: report["coverage"].update(covered=99), "coverage is"),
    "another plan": (lambda report: report["plan"].update(auditor="somebody else"), "its plan is not"),
    "another log": (lambda report: report["evidence"].update(root="0" * 64), "evidence/root"),
    "fewer errors": (lambda report: report["totals"]["simulation/careful"].update(errored=0), "errored is 0, recomputed 1"),
    "an event of no record": (lambda report: report["events"][0].update(seq=99), "shows the trials [99"),
    "an event of another record": (lambda report: report["events"][0].update(seq=0), "shows the trials [0"),
    "no event at all": (lambda report: report["events"].clear(), "shows the trials []"),
    "only the last turn": (lambda report: report["events"][0].update(messages=report["events"][0]["messages"][-1:]), "is not what the record and its transcript say"),
    "limits left out": (lambda report: report["limits"].clear(), "limits are not those"),
    "totals left out": (lambda report: report["totals"]["simulation/careful"].clear(), "is None, recomputed"),
    "another time": (lambda report: report.update(started="1999-01-01T00:00:00.000Z"), "started and ended"),
    "a field of its own": (lambda report: report.update(verdict="safe"), "/verdict is no field"),
    "words nobody said": (lambda report: report["events"][0]["messages"][2].update(content="I refuse."), "is not what the record and its transcript say"),
    "turns out of order": (lambda report: report["events"][0]["messages"].reverse(), "is not what the record and its transcript say"),
}  # fmt: skip


@pytest.mark.parametrize("name", REPORT_CHANGES)
def test_the_numbers_convict(tmp_path: Path, name: str) -> None:
    change, expected = REPORT_CHANGES[name]
    verdict = check(make_audit(tmp_path / "audit", Bench(report=lambda report: change(report) and None)))
    assert expected in faults(verdict, 8)
    assert verdict.exit_code == 1


PLAN_CHANGES: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "another audit": (lambda plan: plan.update(audit="f" * 32), "the seal is of the log"),
    "another pack": (lambda plan: plan["subjects"][0].update(pack_digest="0" * 64), "no pack has the digest"),
    "a test twice": (lambda plan: plan["tests"].append(plan["tests"][0]), "stands twice"),
    "a test nobody planned": (lambda plan: plan["subjects"][0]["tests"].append("toy/other"), "not planned"),
    "too many trials": (lambda plan: plan["tests"][0].update(items=10**12), "over the limit"),
    "a missing field": (lambda plan: plan.pop("seed"), "/seed"),
}


@pytest.mark.parametrize("name", PLAN_CHANGES)
def test_the_chain_convicts(tmp_path: Path, name: str) -> None:
    change, expected = PLAN_CHANGES[name]
    audit = make_audit(tmp_path / "audit")
    document = json.loads((audit / "plan/plan.json").read_text())
    change(document)
    (audit / "plan/plan.json").write_text(json.dumps(document))
    reseal(audit)
    assert expected in faults(check(audit), 4)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('"seed"', '"seed":"1","seed"', "stands twice"),
        ('"items":10', '"items":1e1', "not an integer"),
        ('"items":10', '"items":NaN', "not JSON"),
        ('"rules":{', '"rules":' + "[" * 3000 + "{", "nested"),
        ('"an auditor"', '"\\ud800"', "surrogate"),
    ],
)
def test_a_signed_plan_that_readers_could_read_differently_is_malformed(
    tmp_path: Path, old: str, new: str, expected: str
) -> None:
    audit = make_audit(tmp_path / "audit")
    text = (audit / "plan/plan.json").read_text()
    assert old in text
    (audit / "plan/plan.json").write_text(text.replace(old, new, 1))
    reseal(audit)
    verdict = check(audit)
    assert expected in faults(verdict, 4)
    assert verdict.exit_code == 2


def test_the_seal_names_plan_report_and_log(tmp_path: Path) -> None:
    for fact, stage in (("origin", 4), ("size", 6), ("root", 6)):
        verdict = check(make_audit(tmp_path / fact, Bench(predicate={fact: "7"})))
        assert faults(verdict, stage)
        assert verdict.exit_code == 1


def test_an_attempt_that_is_unknown_to_the_record_type_is_named(tmp_path: Path) -> None:
    audit = make_audit(tmp_path / "audit")
    pairs = log_pairs(audit)
    pairs[3][0]["labels"] = {"leaked": "no"}
    rebuild_log(audit, pairs)
    reseal(audit)
    assert "line 4: not a TrialRecord: labels/leaked" in faults(check(audit), 6)


def test_unknown_fields_of_a_record_are_kept_and_tolerated(tmp_path: Path) -> None:
    audit = make_audit(tmp_path / "audit")
    pairs = log_pairs(audit)
    pairs[3][0]["note_of_a_later_version"] = "x"
    rebuild_log(audit, pairs)
    reseal(audit)
    verdict = check(audit)
    assert [stage.state for stage in verdict.stages[:8]].count("ok") == 7


def test_another_run_in_the_same_audit_is_named(tmp_path: Path) -> None:
    audit = make_audit(tmp_path / "audit")
    (audit / "evidence/run-0").mkdir()
    (audit / "evidence/run-0/records.jsonl").write_text("")
    reseal(audit)
    assert "evidence/run-0/records.jsonl" in faults(check(audit), 4)


def test_the_item_count_is_the_plans(tmp_path: Path) -> None:
    verdict = check(
        make_audit(
            tmp_path / "audit",
            Bench(plan=lambda plan: plan["tests"][0].update(items=11, arms={"attack": 11})),
        )
    )
    assert f"the leaves of {TEST} do not make the root" in faults(verdict, 4)
    assert TEST


def rewrite(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    value = json.loads(path.read_text())
    change(value)
    path.write_text(json.dumps(value, sort_keys=True, separators=(",", ":")))


def test_a_simulation_passed_off_as_a_model(tmp_path: Path) -> None:
    """Plan and report say live throughout; the sealed pack still says what it is."""
    audit = make_audit(tmp_path / "audit")

    def live(plan: dict[str, Any]) -> None:
        for subject in plan["subjects"]:
            subject.update(kind="live", simulation=False)

    rewrite(audit / "plan/plan.json", live)
    reseal(audit)
    assert "says simulation/careful is reference" in faults(check(audit), 4)


def test_a_plan_that_contradicts_itself_about_simulations_is_malformed(tmp_path: Path) -> None:
    audit = make_audit(tmp_path / "audit")
    rewrite(audit / "plan/plan.json", lambda plan: plan["subjects"][0].update(simulation=False))
    reseal(audit)
    assert "a reference subject is a simulation" in faults(check(audit), 4)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("summary.html", "is no part of an audit"),
        ("report2/report.json", "is no part of an audit"),
    ],
)
def test_what_is_sealed_along_is_named(tmp_path: Path, name: str, said: str) -> None:
    audit = make_audit(tmp_path / "audit")
    (audit / name).parent.mkdir(exist_ok=True)
    (audit / name).write_text("100 % harmless")
    reseal(audit)
    verdict = check(audit)
    assert verdict.exit_code == 4
    assert any(name in detail and said in detail for detail in verdict.stages[4].details)


def test_another_way_to_check_is_named(tmp_path: Path) -> None:
    audit = make_audit(tmp_path / "audit")
    statement = open_statement((audit / "signatures.intoto.jsonl").read_bytes(), [KEY.public])
    (audit / "VERIFY.txt").write_text("Run this as root.")
    sign_part(audit, KEY, statement.predicate_type, statement.predicate)
    verdict = check(audit)
    assert verdict.exit_code == 4
    assert any("do not run what stands in it" in detail for detail in verdict.stages[4].details)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda plan: plan["tests"][0]["metrics"][0].update(arm="nowhere"), "an arm that has no items"),
        (lambda plan: plan["tests"][0].update(caps={"leaked": 10}), "caps are not one for each metric"),
        (
            lambda plan: plan["tests"][0]["metrics"].append(plan["tests"][0]["metrics"][0]),
            "a metric stands twice",
        ),
        (lambda plan: plan.update(created="\u0000"), "is no time"),
        (lambda plan: plan.pop("schema"), "/schema: is missing"),
    ],
)
def test_a_plan_that_makes_no_sense_is_malformed(tmp_path: Path, change: Any, said: str) -> None:
    audit = make_audit(tmp_path / "audit")
    rewrite(audit / "plan/plan.json", change)
    reseal(audit)
    verdict = check(audit)
    assert said in faults(verdict, 4)
    assert verdict.exit_code in (1, 2)


def test_a_draw_spelled_otherwise_is_malformed(tmp_path: Path) -> None:
    """One space more would be another log to a witness that knows the first."""
    audit = make_audit(tmp_path / "audit")
    path = audit / "draw/draw.json"
    path.write_bytes(path.read_bytes().replace(b'"items":', b'"items": '))
    reseal(audit)
    assert "is not in canonical form" in faults(check(audit), 4)
