"""The form in which DSPy's ReAct puts tools into a prompt, and reads the model's choice out of text."""

import json
import re
import time
from collections.abc import Iterator
from typing import Any, Final, cast

from interfaces import Chat
from wires import Call, Heard, Json, Offered

_TOOL: Final = re.compile(r"^ *\(\d+\) (\w+), (whose description .*)$", re.MULTILINE)
_OBSERVATION: Final = re.compile(r"\[\[ ## observation_\d+ ## \]\]")


class React(Chat):
    """Chat completions in which a tool is called by fields of text."""

    def hear(self, request: Json) -> Heard:
        system, *_, user = [str(each["content"]) for each in cast("list[Json]", request["messages"])]
        tools = [Offered(name=name, definition={"text": text}) for name, text in _TOOL.findall(system)]
        observed = _OBSERVATION.split(user)[-1] if _OBSERVATION.search(user) else user
        return Heard(
            tools=tools, new=[{"text": observed.partition("Respond with the")[0]}], at=time.monotonic()
        )

    def whole(self, answer: Call | str, tool: Offered | None) -> Json:
        return super().whole(_fields(answer, tool), None)

    def events(self, answer: Call | str, tool: Offered | None) -> Iterator[tuple[str | None, Any]]:
        return super().events(_fields(answer, tool), None)


def is_react(request: Json) -> bool:
    """Whether a request of the chat interface is in this form."""
    messages = cast("list[Json]", request.get("messages") or [{}])
    return "`next_tool_name`" in str(messages[0].get("content"))


def _fields(answer: Call | str, tool: Offered | None) -> str:
    name, arguments = "finish", "{}"
    if isinstance(answer, Call) and tool is not None:
        name, arguments = tool.name, json.dumps(answer.arguments)
    values = {"next_thought": "On with it.", "next_tool_name": name, "next_tool_args": arguments}
    fields = [f"[[ ## {key} ## ]]\n{value}" for key, value in values.items()]
    return "\n\n".join([*fields, "[[ ## completed ## ]]"])
