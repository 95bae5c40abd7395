"""The peer's half of `gate.py`: Microsoft's agent-governance-toolkit, run by the Python it is installed in.

Reads a line `NAME CALLS` per round on standard input and writes the round's nanoseconds per call as one JSON
list. Of its two engines the faster one decides (`PolicyEvaluator`), its sliding limiter counts, and its
`AuditLog` records through the file sink that chains and signs; "sink" leaves out the Merkle tree that the log
keeps in memory beside the file.
"""

# pyright: reportMissingImports=false, reportUnknownVariableType=false, reportUnknownMemberType=false

import hashlib
import json
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

warnings.simplefilter("ignore")

from agent_os.mcp_sliding_rate_limiter import MCPSlidingRateLimiter  # noqa: E402
from agent_os.policies import PolicyEvaluator  # noqa: E402
from agent_os.policies.schema import (  # noqa: E402
    PolicyAction,
    PolicyCondition,
    PolicyDefaults,
    PolicyDocument,
    PolicyOperator,
    PolicyRule,
)
from agentmesh.governance.audit import AuditEntry, AuditLog  # noqa: E402
from agentmesh.governance.audit_backends import FileAuditSink, HashChainVerifier  # noqa: E402

KEY = b"k" * 32
ARGUMENTS = {"prompt": "a small red star on the left and a large blue circle", "seed": 7}
CONTEXT = {"tool_name": "image_gen", **ARGUMENTS}


def evaluator(rules: int, place: int) -> PolicyEvaluator:
    """Default deny and one rule per tool, that of `image_gen` at `place`."""
    names = [f"tool_{number}" for number in range(rules - 1)]
    names.insert(place, "image_gen")
    listed = [
        PolicyRule(
            name=name,
            condition=PolicyCondition(field="tool_name", operator=PolicyOperator.EQ, value=name),
            action=PolicyAction.ALLOW,
        )
        for name in names
    ]
    denies = PolicyDefaults(action=PolicyAction.DENY)
    document = PolicyDocument(name="bench", version="1", rules=listed, defaults=denies)
    return PolicyEvaluator(policies=[document])


def timed(work: Callable[[], object], calls: int, between: Callable[[], object] | None = None) -> list[int]:
    samples: list[int] = []
    for number in range(calls):
        if between is not None and number % 100 == 0:
            between()
        begun = time.perf_counter_ns()
        work()
        samples.append(time.perf_counter_ns() - begun)
    return samples


def main() -> None:
    limiter = MCPSlidingRateLimiter(max_calls_per_window=1_000_000_000, window_size=60)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "audit.jsonl"
        sink = FileAuditSink(path, KEY)
        log = AuditLog(sink=sink)
        policies = {"1": evaluator(1, 0), "100": evaluator(100, 50)}
        written = 0

        def decide(rules: str) -> None:
            assert policies[rules].evaluate(CONTEXT).allowed

        def reserve(rules: str) -> None:
            decide(rules)
            assert limiter.try_acquire("bench")

        def record(rules: str) -> dict[str, Any]:
            decision = policies[rules].evaluate(CONTEXT)
            assert limiter.try_acquire("bench")
            arguments = json.dumps(ARGUMENTS, sort_keys=True, separators=(",", ":")).encode()
            return {
                "event_type": "tool_call",
                "agent_did": "did:bench:1",
                "action": "image_gen",
                "data": {"keys": sorted(ARGUMENTS), "rule": decision.matched_rule},
                "policy_decision": decision.action,
                "arguments_hash": hashlib.sha256(arguments).hexdigest(),
            }

        def audited(rules: str) -> None:
            log.log(**record(rules))

        def sunk(rules: str) -> None:
            sink.write(AuditEntry(**record(rules)))

        def forget() -> None:
            """Its limiter copies what it holds for an agent at every call: keep that under 100."""
            limiter.reset("bench")

        for line in sys.stdin:
            name, _, calls = line.strip().rpartition(" ")
            kind, _, rules = name.partition(" ")
            samples: list[int] = []
            if kind == "verify":
                begun = time.perf_counter_ns()
                whole, _ = HashChainVerifier().verify_file(path, KEY)
                assert whole
                samples = [(time.perf_counter_ns() - begun) // max(1, written)]
            elif kind in {"audited", "sink"}:
                work = audited if kind == "audited" else sunk
                samples = timed(lambda: work(rules), int(calls), forget)  # noqa: B023
                written += int(calls)
            elif kind == "reserve":
                samples = timed(lambda: reserve(rules), int(calls), forget)  # noqa: B023
            else:
                samples = timed(lambda: decide(rules), int(calls))  # noqa: B023
            sys.stdout.write(json.dumps(samples) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
