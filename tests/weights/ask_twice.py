"""Loads the weights in a directory, asks the same thing twice, greedily, and prints both answers with their stops."""

import hashlib
import json
import sys
from pathlib import Path

import anyio

from countermark.records import Message, Reply, Request, TrialKey
from countermark.subjects.settings import LiveSettings
from countermark.subjects.weights import HostedWeights, WeightsGiven

FOLDER = Path(sys.argv[1])


def sums() -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in FOLDER.iterdir()}


async def ask(hosted: HostedWeights, most: int) -> Reply:
    key = TrialKey(test="system/x", scenario="x", epoch=0)
    return await hosted.answer(
        Request(messages=(Message(role="user", content="Hello?"),), key=key, max_tokens=most)
    )


def main() -> None:
    given = WeightsGiven(
        subject="weights/tiny",
        directory=FOLDER,
        listed=sums(),
        list_digest="0" * 64,
        settings=LiveSettings(temperature="0"),
    )
    hosted = HostedWeights(given)
    hosted.load(lambda *_: None)
    hosted.bind("b" * 64)
    replies = [anyio.run(ask, hosted, most) for most in (9, 9)]
    said = [
        [one.message.content, one.stop, json.loads(one.exchange.request)] for one in replies if one.exchange
    ]
    sys.stdout.write(json.dumps(said))
    hosted.close()


main()
