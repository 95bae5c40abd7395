"""The four interfaces that hosts know a model by."""

import json
import re
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Final, cast

from wires import Call, Heard, Json, Offered, Wire, strings

MODEL: Final = "played"
_LOADED: Final = re.compile(r"<function>(\{.*\})</function>")
"""How Claude Code shows a tool that the model has asked for."""
_CHAT_USAGE: Final = {"prompt_tokens": 10, "completion_tokens": 10, "total_tokens": 20}


class Chat:
    """OpenAI's chat completions."""

    def hear(self, request: Json) -> Heard:
        tools = [each for each in _list(request, "tools") if each.get("type") == "function"]
        return _heard(
            [Offered(name=each["function"]["name"], definition=each) for each in tools],
            _trailing(_list(request, "messages"), _is_assistant),
        )

    def whole(self, answer: Call | str, tool: Offered | None) -> Json:
        message, reason = self._message(answer, tool)
        choice = {"index": 0, "finish_reason": reason, "message": message, "logprobs": None}
        return {**self._frame("chat.completion"), "choices": [choice], "usage": _CHAT_USAGE}

    def events(self, answer: Call | str, tool: Offered | None) -> Iterator[tuple[str | None, Json | str]]:
        message, reason = self._message(answer, tool)
        for number, each in enumerate(message.get("tool_calls") or []):
            each["index"] = number
        frame = self._frame("chat.completion.chunk")
        yield None, {**frame, "choices": [{"index": 0, "delta": message, "finish_reason": None}]}
        yield None, {**frame, "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]}
        yield None, {**frame, "choices": [], "usage": _CHAT_USAGE}
        yield None, "[DONE]"

    @staticmethod
    def _message(answer: Call | str, tool: Offered | None) -> tuple[Json, str]:
        if isinstance(answer, str) or tool is None:
            return {"role": "assistant", "content": str(answer)}, "stop"
        function = {"name": tool.name, "arguments": json.dumps(tool.filled(answer.arguments))}
        call = {"id": f"call_{_mark()}", "type": "function", "function": function}
        return {"role": "assistant", "content": None, "tool_calls": [call]}, "tool_calls"

    @staticmethod
    def _frame(kind: str) -> Json:
        return {"id": f"chatcmpl-{_mark()}", "object": kind, "created": int(time.time()), "model": MODEL}


class Responses:
    """OpenAI's responses."""

    def hear(self, request: Json) -> Heard:
        tools = _list(request, "tools")
        offered = [
            Offered(name=str(each["name"]), definition=each)
            for each in tools
            if each.get("type") == "function"
        ]
        for group in tools:
            if group.get("type") == "namespace":
                offered += [
                    Offered(name=str(each["name"]), namespace=str(group["name"]), definition=each)
                    for each in group["tools"]
                ]
        items = request.get("input")
        if isinstance(items, str):
            request = {"input": [{"role": "user", "content": items}]}
        return _heard(offered, _trailing(_list(request, "input"), _is_own_item))

    def whole(self, answer: Call | str, tool: Offered | None) -> Json:
        return self._response([self._item(answer, tool)], "completed")

    def events(self, answer: Call | str, tool: Offered | None) -> Iterator[tuple[str | None, Json | str]]:
        item = self._item(answer, tool)
        done = self._response([item], "completed")
        steps: list[Json] = [
            {"type": "response.created", "response": {**done, "output": [], "status": "in_progress"}},
            {
                "type": "response.output_item.added",
                "output_index": 0,
                "item": {**item, "status": "in_progress"},
            },
        ]
        at = {"output_index": 0, "item_id": item["id"]}
        if item["type"] == "function_call":
            text = item["arguments"]
            steps += [
                {"type": "response.function_call_arguments.delta", **at, "delta": text},
                {"type": "response.function_call_arguments.done", **at, "arguments": text},
            ]
        else:
            (part,) = item["content"]
            at = {**at, "content_index": 0}
            steps += [
                {"type": "response.content_part.added", **at, "part": {**part, "text": ""}},
                {"type": "response.output_text.delta", **at, "delta": part["text"], "logprobs": []},
                {"type": "response.output_text.done", **at, "text": part["text"], "logprobs": []},
                {"type": "response.content_part.done", **at, "part": part},
            ]
        steps += [
            {"type": "response.output_item.done", "output_index": 0, "item": item},
            {"type": "response.completed", "response": done},
        ]
        for number, step in enumerate(steps):
            yield step["type"], {**step, "sequence_number": number}

    @staticmethod
    def _item(answer: Call | str, tool: Offered | None) -> Json:
        if isinstance(answer, str) or tool is None:
            part: Json = {"type": "output_text", "text": str(answer), "annotations": []}
            return {
                "id": f"msg_{_mark()}", "type": "message", "role": "assistant", "status": "completed",
                "content": [part],
            }  # fmt: skip
        item = {
            "id": f"fc_{_mark()}", "type": "function_call", "call_id": f"call_{_mark()}",
            "name": tool.name, "arguments": json.dumps(tool.filled(answer.arguments)), "status": "completed",
        }  # fmt: skip
        return item if tool.namespace is None else {**item, "namespace": tool.namespace}

    @staticmethod
    def _response(output: list[Json], status: str) -> Json:
        usage = {
            "input_tokens": 10, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": 10,
            "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 20,
        }  # fmt: skip
        return {
            "id": f"resp_{_mark()}", "object": "response", "created_at": int(time.time()), "status": status,
            "model": MODEL, "output": output, "parallel_tool_calls": False, "tool_choice": "auto",
            "tools": [], "usage": usage, "error": None, "incomplete_details": None, "instructions": None,
            "metadata": {}, "temperature": 1.0, "top_p": 1.0,
        }  # fmt: skip


class Messages:
    """Anthropic's messages."""

    def hear(self, request: Json) -> Heard:
        tools = [*_list(request, "tools")]
        for text in strings(_list(request, "messages")):
            tools += [json.loads(each) for each in _LOADED.findall(text)]
        return _heard(
            [Offered(name=str(each["name"]), definition=each) for each in tools],
            _trailing(_list(request, "messages"), _is_assistant),
        )

    def whole(self, answer: Call | str, tool: Offered | None) -> Json:
        block, reason = self._block(answer, tool)
        return {**self._frame(), "content": [block], "stop_reason": reason}

    def events(self, answer: Call | str, tool: Offered | None) -> Iterator[tuple[str | None, Json | str]]:
        block, reason = self._block(answer, tool)
        steps: list[Json] = [{"type": "message_start", "message": self._frame()}]
        if block["type"] == "text":
            begun: Json = {**block, "text": ""}
            delta = {"type": "text_delta", "text": block["text"]}
        else:
            begun = {**block, "input": {}}
            delta = {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
        steps += [
            {"type": "content_block_start", "index": 0, "content_block": begun},
            {"type": "content_block_delta", "index": 0, "delta": delta},
            {"type": "content_block_stop", "index": 0},
            {
                "type": "message_delta",
                "delta": {"stop_reason": reason, "stop_sequence": None},
                "usage": {"output_tokens": 10},
            },
            {"type": "message_stop"},
        ]
        for step in steps:
            yield step["type"], step

    @staticmethod
    def _block(answer: Call | str, tool: Offered | None) -> tuple[Json, str]:
        if isinstance(answer, str) or tool is None:
            return {"type": "text", "text": str(answer)}, "end_turn"
        call = {"type": "tool_use", "id": f"toolu_{_mark()}", "name": tool.name}
        return {**call, "input": tool.filled(answer.arguments)}, "tool_use"

    @staticmethod
    def _frame() -> Json:
        return {
            "id": f"msg_{_mark()}", "type": "message", "role": "assistant", "model": MODEL, "content": [],
            "stop_reason": None, "stop_sequence": None, "usage": {"input_tokens": 10, "output_tokens": 10},
        }  # fmt: skip


class Gemini:
    """Google's generateContent."""

    def hear(self, request: Json) -> Heard:
        tools: list[Json] = []
        for group in _list(request, "tools"):
            tools += _list(group, "functionDeclarations") or _list(group, "function_declarations")
        return _heard(
            [Offered(name=str(each["name"]), definition=each) for each in tools],
            _trailing(_list(request, "contents"), lambda each: each.get("role") == "model"),
        )

    def whole(self, answer: Call | str, tool: Offered | None) -> Json:
        if isinstance(answer, str) or tool is None:
            part: Json = {"text": str(answer)}
        else:
            part = {"functionCall": {"name": tool.name, "args": tool.filled(answer.arguments)}}
        return {
            "candidates": [
                {"index": 0, "finishReason": "STOP", "content": {"role": "model", "parts": [part]}}
            ],
            "usageMetadata": {"promptTokenCount": 10, "candidatesTokenCount": 10, "totalTokenCount": 20},
            "modelVersion": MODEL,
        }

    def events(self, answer: Call | str, tool: Offered | None) -> Iterator[tuple[str | None, Json | str]]:
        yield None, self.whole(answer, tool)


def wire_of(path: str) -> Wire | None:
    """The interface that a path belongs to."""
    if path.endswith("/chat/completions"):
        return Chat()
    if path.endswith("/responses"):
        return Responses()
    if path.endswith("/messages"):
        return Messages()
    if path.endswith((":generateContent", ":streamGenerateContent")):
        return Gemini()
    return None


def _is_assistant(message: Json) -> bool:
    return message.get("role") == "assistant"


def _is_own_item(item: Json) -> bool:
    return _is_assistant(item) or item.get("type") in {"function_call", "reasoning", "custom_tool_call"}


def _heard(offered: list[Offered], new: list[Json]) -> Heard:
    return Heard(tools=offered, new=new, at=time.monotonic())


def _trailing(items: list[Json], own: Callable[[Json], bool]) -> list[Json]:
    """The items after the last that is the model's own."""
    last = max((number for number, each in enumerate(items) if own(each)), default=-1)
    return items[last + 1 :]


def _list(request: Json, name: str) -> list[Json]:
    return cast("list[Json]", request.get(name) or [])


def _mark() -> str:
    return uuid.uuid4().hex[:24]
