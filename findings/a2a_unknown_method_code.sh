#!/usr/bin/env bash
# a2a-sdk 0.3.0 and 0.3.26, Python 3.11
#
# JSON-RPC 2.0 gives an unknown method the error -32601 (method not found). The server of a2a-sdk 0.3.0 answers a
# well-formed request with an unknown method with -32600 (invalid request), as if the message were malformed; 0.3.26
# answers -32601. Both call themselves protocol version 0.3.0, so a client that tries a newer method name first and
# falls back to an older one has to take both codes for "no such method".
#
# Seen: 0.3.0 -32600, 0.3.26 -32601.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
cat > "$folder/see.py" <<'PYTHON'
import sys

from a2a.server.apps import A2AStarletteApplication
from a2a.server.request_handlers import DefaultRequestHandler
from a2a.server.tasks import InMemoryTaskStore
from a2a.server.agent_execution import AgentExecutor
from a2a.types import AgentCapabilities, AgentCard
from starlette.testclient import TestClient


class Nothing(AgentExecutor):
    async def execute(self, context, event_queue):
        raise NotImplementedError

    async def cancel(self, context, event_queue):
        raise NotImplementedError


card = AgentCard(
    name="agent",
    description="an agent",
    url="http://127.0.0.1/",
    version="1",
    capabilities=AgentCapabilities(),
    default_input_modes=["text"],
    default_output_modes=["text"],
    skills=[],
)
handler = DefaultRequestHandler(agent_executor=Nothing(), task_store=InMemoryTaskStore())
client = TestClient(A2AStarletteApplication(agent_card=card, http_handler=handler).build())
answer = client.post("/", json={"jsonrpc": "2.0", "id": 1, "method": "agents/nosuch", "params": {}}).json()
code, wanted = answer["error"]["code"], int(sys.argv[1])
print(card.protocol_version, code)
sys.exit(code != wanted)
PYTHON
for pair in 0.3.0:-32600 0.3.26:-32601; do
  version="${pair%%:*}"
  python3 -m venv --clear "$folder/env"
  "$folder/env/bin/pip" install --quiet --disable-pip-version-check "a2a-sdk[http-server]==$version" httpx 2>/dev/null
  printf 'a2a-sdk %s: protocol version, code: ' "$version"
  "$folder/env/bin/python" "$folder/see.py" "${pair##*:}" 2>/dev/null
done
