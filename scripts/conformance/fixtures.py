"""The tools that the official conformance suite calls, declared as the product's own tools are."""

import asyncio
import base64
import zlib
from typing import Annotated, Any

import mcp_types as types
from pydantic import Field, StringConstraints
from wire import Asks, Blocks, Wired, seal

from alya_mcp.errors import Failure
from alya_mcp.server.tasks import EXTENSION
from alya_mcp.toolkit.models import Input, NoArguments, Output
from alya_mcp.toolkit.reply import Image, Reply
from alya_mcp.toolkit.tool import Tool, tool
from alya_mcp.tools import Catalogue

DECLARED: dict[str, Any] = {
    "category": "Read", "risk": "Low", "read_only": True, "destructive": False, "idempotent": True,
    "open_world": False,
}  # fmt: skip
_PAUSE = 0.05


class Message(Input):
    message: Annotated[str, StringConstraints(max_length=1000)] = Field(description="What the user is asked.")


class Text(Output):
    text: str = Field(description="What the fixture answers.")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")


def red_dot() -> Image:
    """One red pixel, as PNG."""
    header = (1).to_bytes(4, "big") * 2 + bytes([8, 2, 0, 0, 0])
    pixels = zlib.compress(b"\0\xff\0\0")
    data = b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", pixels) + _chunk(b"IEND", b"")
    return Image(data=data, content_type="image/png")


def silence() -> types.AudioContent:
    """A thousandth of a second of silence, as WAV."""
    form = b"fmt " + (16).to_bytes(4, "little") + bytes.fromhex("0100010040 1f0000 401f0000 01000800")
    body = b"WAVE" + form + b"data" + (8).to_bytes(4, "little") + b"\x80" * 8
    data = b"RIFF" + len(body).to_bytes(4, "little") + body
    return types.AudioContent(type="audio", data=base64.b64encode(data).decode(), mime_type="audio/wav")


def resource(uri: str, mime_type: str, text: str) -> types.EmbeddedResource:
    held = types.TextResourceContents(uri=uri, mime_type=mime_type, text=text)
    return types.EmbeddedResource(type="resource", resource=held)


# -- answers ----------------------------------------------------------------------------------------


@tool(title="Simple text", **DECLARED)
async def test_simple_text(arguments: NoArguments, context: Wired) -> Text:
    """Return a short text, for tests of the protocol."""
    return Text(text="This is a simple text response for testing.")


@tool(title="Image", **DECLARED)
async def test_image_content(arguments: NoArguments, context: Wired) -> Reply[Text]:
    """Return an image of one red pixel, for tests of the protocol."""
    return Reply(data=Text(text="a red pixel"), attachments=(red_dot(),))


@tool(title="Audio", **DECLARED)
async def test_audio_content(arguments: NoArguments, context: Wired) -> Reply[Text]:
    """Return a moment of silence as audio, for tests of the protocol."""
    return Blocks(data=Text(text="silence"), blocks=(silence(),))


@tool(title="Embedded resource", **DECLARED)
async def test_embedded_resource(arguments: NoArguments, context: Wired) -> Reply[Text]:
    """Return a text as an embedded resource, for tests of the protocol."""
    block = resource("test://embedded-resource", "text/plain", "This is an embedded resource content.")
    return Blocks(data=Text(text="a resource"), blocks=(block,))


@tool(title="Several kinds of content", **DECLARED)
async def test_multiple_content_types(arguments: NoArguments, context: Wired) -> Reply[Text]:
    """Return text, an image and a resource together, for tests of the protocol."""
    block = resource("test://mixed-content-resource", "application/json", '{"test":"data","value":123}')
    text = Text(text="Multiple content types test:")
    return Blocks(data=text, attachments=(red_dot(),), blocks=(block,))


@tool(title="Error", **DECLARED)
async def test_error_handling(arguments: NoArguments, context: Wired) -> Text:
    """Fail every time, in words for the caller, for tests of the protocol."""
    raise Failure("This tool intentionally returns an error for testing")


@tool(title="Progress", **DECLARED)
async def test_tool_with_progress(arguments: NoArguments, context: Wired) -> Text:
    """Report progress three times and return a text, for tests of the protocol."""
    for done in (0, 50, 100):
        await context.progress(done, 100, f"{done} of 100")
        await asyncio.sleep(_PAUSE)
    return Text(text="done")


@tool(title="A capability that is missing", **DECLARED)
async def test_missing_capability(arguments: NoArguments, context: Wired) -> Text:
    """Answer only clients that declare sampling, for tests of the protocol."""
    return Text(text="the client declares sampling")


@tool(title="No log", **DECLARED)
async def test_logging_tool(arguments: NoArguments, context: Wired) -> Text:
    """Return a text without any log notification, for tests of the protocol."""
    return Text(text="nothing was logged to the client")


# -- questions of the handshake era -----------------------------------------------------------------


async def _ask(context: Wired, message: str, properties: dict[str, Any], required: list[str]) -> Text:
    if not context.declares("elicitation"):
        raise Failure("the client declares no elicitation, so nobody can be asked")
    schema: dict[str, Any] = {"type": "object", "properties": properties, "required": required}
    session, request = context.request.session, context.request.request_id
    answer = await session.elicit_form(message, schema, related_request_id=request)
    return Text(text=f"Elicitation completed: action={answer.action}, content={answer.content}")


@tool(title="Elicitation", **DECLARED)
async def test_elicitation(arguments: Message, context: Wired) -> Text:
    """Ask the user for a name and an address, for tests of the protocol."""
    fields = {name: {"type": "string", "description": f"The {name}."} for name in ("username", "email")}
    return await _ask(context, arguments.message, fields, list(fields))


@tool(title="Defaults in a form", **DECLARED)
async def test_elicitation_sep1034_defaults(arguments: NoArguments, context: Wired) -> Text:
    """Ask with a default for every primitive type, for tests of the protocol."""
    fields: dict[str, Any] = {
        "name": {"type": "string", "default": "John Doe"},
        "age": {"type": "integer", "default": 30},
        "score": {"type": "number", "default": 95.5},
        "status": {"type": "string", "enum": ["active", "inactive", "pending"], "default": "active"},
        "verified": {"type": "boolean", "default": True},
    }
    return await _ask(context, "Please check these values", fields, [])


@tool(title="Choices in a form", **DECLARED)
async def test_elicitation_sep1330_enums(arguments: NoArguments, context: Wired) -> Text:
    """Ask with every form of a choice, for tests of the protocol."""
    plain = ["option1", "option2", "option3"]
    titled = [{"const": f"value{n}", "title": f"Option {n}"} for n in (1, 2, 3)]
    fields: dict[str, Any] = {
        "untitledSingle": {"type": "string", "enum": plain},
        "titledSingle": {"type": "string", "oneOf": titled},
        "legacyEnum": {"type": "string", "enum": ["opt1", "opt2"], "enumNames": ["Option 1", "Option 2"]},
        "untitledMulti": {"type": "array", "items": {"type": "string", "enum": plain}},
        "titledMulti": {"type": "array", "items": {"anyOf": titled}},
    }
    return await _ask(context, "Please choose", fields, [])


# -- questions of the modern era --------------------------------------------------------------------


def form(message: str, name: str, kind: str = "string") -> types.ElicitRequest:
    schema = {"type": "object", "properties": {name: {"type": kind}}, "required": [name]}
    return types.ElicitRequest(params=types.ElicitRequestFormParams(message=message, requested_schema=schema))


def sample(prompt: str) -> types.CreateMessageRequest:
    said = types.SamplingMessage(role="user", content=types.TextContent(type="text", text=prompt))
    return types.CreateMessageRequest(
        params=types.CreateMessageRequestParams(messages=[said], max_tokens=100)
    )


def asks(questions: dict[str, Any], state: str | None = None) -> Asks:
    sealed = None if state is None else seal(state)
    asked = types.InputRequiredResult(input_requests=questions, request_state=sealed)
    return Asks(data=Text(text="a question"), questions=asked)


def accepted(context: Wired, key: str) -> dict[str, Any] | None:
    """The fields of an accepted form; None where it wasn't answered so."""
    answer = context.answers.get(key)
    if not isinstance(answer, dict) or answer.get("action") != "accept":
        return None
    content = answer.get("content")
    return content if isinstance(content, dict) else None


@tool(title="A question", **DECLARED)
async def test_input_required_result_elicitation(arguments: NoArguments, context: Wired) -> Reply[Text]:
    """Ask for a name and greet it, for tests of the protocol."""
    content = accepted(context, "user_name")
    if content is None:
        return asks({"user_name": form("What is your name?", "name")})
    return Reply(data=Text(text=f"Hello, {content.get('name')}!"))


@tool(title="A question to the client's model", **DECLARED)
async def test_input_required_result_sampling(arguments: NoArguments, context: Wired) -> Reply[Text]:
    """Ask the client's model for a capital, for tests of the protocol."""
    if "capital_question" not in context.answers:
        return asks({"capital_question": sample("What is the capital of France?")})
    return Reply(data=Text(text=str(context.answers["capital_question"])))


@tool(title="The client's roots", **DECLARED)
async def test_input_required_result_list_roots(arguments: NoArguments, context: Wired) -> Reply[Text]:
    """Ask for the client's roots, for tests of the protocol."""
    if "client_roots" not in context.answers:
        return asks({"client_roots": types.ListRootsRequest()})
    return Reply(data=Text(text=str(context.answers["client_roots"])))


@tool(title="A state", **DECLARED)
async def test_input_required_result_request_state(arguments: NoArguments, context: Wired) -> Reply[Text]:
    """Ask with a state and check it when it comes back, for tests of the protocol."""
    if context.state != "asked" or accepted(context, "confirm") is None:
        return asks({"confirm": form("Please confirm", "ok", "boolean")}, "asked")
    return Reply(data=Text(text="state-ok"))


@tool(title="A state that may be changed", **DECLARED)
async def test_input_required_result_tampered_state(arguments: NoArguments, context: Wired) -> Reply[Text]:
    """Ask with a state that can't be changed unseen, for tests of the protocol."""
    if context.state != "asked" or accepted(context, "confirm") is None:
        return asks({"confirm": form("Please confirm", "ok", "boolean")}, "asked")
    return Reply(data=Text(text="state-ok"))


@tool(title="Several questions", **DECLARED)
async def test_input_required_result_multiple_inputs(arguments: NoArguments, context: Wired) -> Reply[Text]:
    """Ask the user, the model and for roots at once, for tests of the protocol."""
    questions = {
        "user_name": form("What is your name?", "name"),
        "greeting": sample("Generate a greeting"),
        "client_roots": types.ListRootsRequest(),
    }
    if context.state != "asked" or questions.keys() - context.answers.keys():
        return asks(questions, "asked")
    return Reply(data=Text(text="all were answered"))


@tool(title="Two rounds", **DECLARED)
async def test_input_required_result_multi_round(arguments: NoArguments, context: Wired) -> Reply[Text]:
    """Ask for a name and then for a colour, for tests of the protocol."""
    state = context.state
    if state == "2" and (content := accepted(context, "step2")) is not None:
        return Reply(data=Text(text=f"the colour is {content.get('color')}"))
    if state == "1" and accepted(context, "step1") is not None:
        return asks({"step2": form("Step 2: What is your favorite color?", "color")}, "2")
    return asks({"step1": form("Step 1: What is your name?", "name")}, "1")


@tool(title="What the client can be asked", **DECLARED)
async def test_input_required_result_capabilities(arguments: NoArguments, context: Wired) -> Reply[Text]:
    """Ask only what the client declares, for tests of the protocol."""
    possible = {"elicitation": form("What is your name?", "name"), "sampling": sample("Generate a greeting")}
    questions = {name: each for name, each in possible.items() if context.declares(name)}
    if not questions:
        return Reply(data=Text(text="the client can be asked nothing"))
    return asks(questions)


@tool(title="A question on a stream", **DECLARED)
async def test_streaming_elicitation(arguments: NoArguments, context: Wired) -> Reply[Text]:
    """Ask for a name within the answer's stream, for tests of the protocol."""
    return asks({"user_name": form("What is your name?", "name")})


# -- tasks ------------------------------------------------------------------------------------------


class Name(Input):
    name: Annotated[str, StringConstraints(max_length=100)] = Field(description="Who is greeted.")


class Pause(Input):
    seconds: float = Field(1, ge=0, le=60, description="How long it takes.")
    label: Annotated[str, StringConstraints(max_length=100)] = Field("", description="What it is called.")


class File(Input):
    filename: Annotated[str, StringConstraints(max_length=100)] = Field(description="What is deleted.")


@tool(title="Greet", **DECLARED)
async def greet(arguments: Name, context: Wired) -> Reply[Text]:
    """Greet somebody at once, for tests of the protocol."""
    said = Text(text=f"Hello, {arguments.name}!")
    return Blocks(data=said, blocks=(types.TextContent(type="text", text=said.text),), alone=True)


@tool(title="Slow work", **DECLARED)
async def slow_compute(arguments: Pause, context: Wired) -> Text:
    """Take as long as asked for, as a task where the client takes one, for tests of the protocol."""
    context.defer(_PAUSE)
    await asyncio.sleep(arguments.seconds)
    return Text(text=f"{arguments.label} took {arguments.seconds} s")


@tool(title="Work that fails", **DECLARED)
async def failing_job(arguments: NoArguments, context: Wired) -> Text:
    """Fail as a task, for tests of the protocol."""
    context.defer(_PAUSE)
    await asyncio.sleep(4 * _PAUSE)
    raise Failure("This job intentionally fails for testing")


@tool(title="Work that ends in an error of the protocol", **DECLARED)
async def protocol_error_job(arguments: NoArguments, context: Wired) -> Text:
    """Take a moment, after which the server's answer is an error, for tests of the protocol."""
    context.defer(_PAUSE)
    await asyncio.sleep(4 * _PAUSE)
    return Text(text="done")


@tool(title="A question before a task", **DECLARED)
async def test_tool_with_task(arguments: NoArguments, context: Wired) -> Reply[Text]:
    """Ask for a name, then greet it by a task, for tests of the protocol."""
    content = accepted(context, "user_name")
    if content is None:
        return asks({"user_name": form("What is your name?", "name")})
    context.defer(_PAUSE)
    await asyncio.sleep(4 * _PAUSE)
    return Reply(data=Text(text=f"Hello, {content.get('name')}!"))


@tool(title="A question without a task", **DECLARED)
async def confirm_delete(arguments: File, context: Wired) -> Reply[Text]:
    """Ask before anything is done: the product asks no questions within a task; for tests of the protocol."""
    if accepted(context, "confirm") is None:
        return asks({"confirm": form(f"Delete {arguments.filename}?", "confirm", "boolean")})
    return Reply(data=Text(text="nothing was deleted"))


FIXTURES = Catalogue([each for each in dict(globals()).values() if isinstance(each, Tool)])
NEEDS = {"test_missing_capability": "sampling", "failing_job": EXTENSION}
BROKEN = {"protocol_error_job"}
