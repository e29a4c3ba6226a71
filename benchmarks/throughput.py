"""Wall time of an audit against a plain loop over the vendor's SDK, on one loopback server, in turn, in the same run.

Two settings of the charter: 1,000 prompts at 20 ms, 32 wide; and 512 at 2 s, 256 wide. The server runs in a process of
its own, so that it does not share our interpreter. Ideal is trials / width * latency. Prints; asserts nothing but that
every prompt was answered and that the width was never passed.

    python benchmarks/throughput.py [--quick]
"""

import argparse
import multiprocessing
import os
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path

import anyio

from countermark.audit import AuditRequest, Silent, carry_out, make_audit
from countermark.evidence import SigningKey

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
TEST = "system/over_refusal"
REPLY = "Here is a short answer to your question, with one example. " * 6


@dataclass(frozen=True)
class Setting:
    """How many prompts, how wide, how slow."""

    trials: int
    width: int
    latency_s: float

    @property
    def ideal_s(self) -> float:
        return self.trials / self.width * self.latency_s


def serve(pipe: Connection, latency_s: float) -> None:
    """The server's process: tells its address, then on request how many came and how many at most at once."""
    from servers.openai_wire import openai_server

    with openai_server(REPLY, latency_s=latency_s) as server:
        pipe.send(server.base_url)
        while pipe.recv() != "stop":
            pipe.send((server.requests, server.most_in_flight))
            server.requests = server.most_in_flight = 0


@contextmanager
def loopback(latency_s: float) -> Iterator[tuple[str, Connection]]:
    """A server in a process of its own."""
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    process = multiprocessing.get_context("spawn").Process(
        target=serve, args=(theirs, latency_s), daemon=True
    )
    process.start()
    try:
        yield ours.recv(), ours
    finally:
        ours.send("stop")
        process.join()


def audit(setting: Setting, address: str) -> tuple[float, float]:
    """Wall and CPU seconds of our runner: driver, SDK, grader, evidence written and closed."""
    request = AuditRequest(
        subjects=["openai/loopback"], seed="00", connections=setting.width, base_urls={"openai": address}
    )
    planned = make_audit(request)
    slots = [slot for slot in planned.slots if slot.test == TEST]
    slots = (slots * (setting.trials // len(slots) + 1))[: setting.trials]
    planned = replace(planned, slots=tuple(replace(slot, number=number) for number, slot in enumerate(slots)))
    with tempfile.TemporaryDirectory() as folder:
        begun, cpu = time.perf_counter(), time.process_time()
        outcomes = carry_out(request, Path(folder) / "audit", SigningKey.generate(), Silent(), audit=planned)
        spent = time.perf_counter() - begun, time.process_time() - cpu
    assert outcomes.done == setting.trials
    return spent


def bare(setting: Setting, address: str) -> tuple[float, float]:
    """Wall and CPU seconds of a plain loop over the SDK: nothing kept, nothing graded."""
    import openai

    prompts = [
        f"Question number {number}: what is a good way to learn?" * 4 for number in range(setting.trials)
    ]

    async def loop() -> None:
        async with openai.AsyncOpenAI(base_url=address, api_key="loopback", max_retries=0) as client:
            left = iter(prompts)

            async def worker() -> None:
                for prompt in left:
                    await client.chat.completions.create(
                        model="loopback", messages=[{"role": "user", "content": prompt}]
                    )

            async with anyio.create_task_group() as group:
                for _ in range(setting.width):
                    group.start_soon(worker)

    begun, cpu = time.perf_counter(), time.process_time()
    anyio.run(loop)
    return time.perf_counter() - begun, time.process_time() - cpu


def measure(setting: Setting, rounds: int) -> None:
    """Both in turn, a line each, then the ratios of the best walls."""
    walls: dict[str, list[float]] = {"plain SDK loop": [], "countermark": []}
    print(
        f"{setting.trials} prompts, {setting.latency_s:g} s, {setting.width} wide; ideal {setting.ideal_s:.2f} s"
    )
    with loopback(setting.latency_s) as (address, pipe):
        for _ in range(rounds):
            for name, run in (("plain SDK loop", bare), ("countermark", audit)):
                wall, cpu = run(setting, address)
                pipe.send("count")
                requests, most = pipe.recv()
                assert requests == setting.trials, f"{name}: {requests} requests for {setting.trials} prompts"
                assert most <= setting.width, f"{name}: {most} in flight"
                walls[name].append(wall)
                print(f"  {name:<16}{wall:7.2f} s wall {cpu:7.2f} s CPU   {wall / setting.ideal_s:5.2f} x ideal"
                      f"   at most {most} in flight")  # fmt: skip
    ratio = min(walls["countermark"]) / min(walls["plain SDK loop"])
    print(f"  best of {rounds}: countermark / plain loop = {ratio:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the prompts, one round")
    quick = parser.parse_args().quick
    os.environ["OPENAI_API_KEY"] = "loopback"
    for setting in (Setting(1000, 32, 0.02), Setting(512, 256, 2.0)):
        measure(replace(setting, trials=setting.trials // (10 if quick else 1)), 1 if quick else 3)
    print(f"peak memory of this process {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")


if __name__ == "__main__":
    main()
