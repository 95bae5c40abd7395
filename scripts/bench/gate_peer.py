"""The peer's half of `gate.py`: Microsoft's agent-governance-toolkit, run by the Python it is installed in.

Reads a line `NAME CALLS` per round on standard input and writes the round's nanoseconds per call as one JSON
list. The parts are the fastest that the package has for each: `PolicyEvaluator` of the two engines, the
sliding limiter, and the file sink without the Merkle tree that its `AuditLog` would add.
"""

# pyright: reportMissingImports=false, reportUnknownVariableType=false, reportUnknownMemberType=false

import json
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

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
from agentmesh.governance.audit import AuditEntry  # noqa: E402
from agentmesh.governance.audit_backends import FileAuditSink, HashChainVerifier  # noqa: E402

KEY = b"k" * 32
PROMPT = "a small red star on the left and a large blue circle"
CONTEXT = {"tool_name": "image_gen", "prompt": PROMPT, "seed": 7}


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
        policies = {"1": evaluator(1, 0), "100": evaluator(100, 50)}
        written = 0

        def decide(rules: str) -> None:
            assert policies[rules].evaluate(CONTEXT).allowed

        def reserve(rules: str) -> None:
            decide(rules)
            assert limiter.try_acquire("bench")

        def audited(rules: str) -> None:
            decision = policies[rules].evaluate(CONTEXT)
            assert limiter.try_acquire("bench")
            sink.write(
                AuditEntry(
                    event_type="tool_call",
                    agent_did="did:bench:1",
                    action="image_gen",
                    data={"keys": ["prompt", "seed"]},
                    policy_decision=decision.action,
                    matched_rule=decision.matched_rule,
                    session_id="bench",
                )
            )

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
            elif kind == "audited":
                samples = timed(lambda: audited(rules), int(calls), forget)  # noqa: B023
                written += int(calls)
            elif kind == "reserve":
                samples = timed(lambda: reserve(rules), int(calls), forget)  # noqa: B023
            else:
                samples = timed(lambda: decide(rules), int(calls))  # noqa: B023
            sys.stdout.write(json.dumps(samples) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
