"""Tools that behave badly, to see what the server makes of them. Only tests know them."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any

import anyio
from pydantic import Field, StringConstraints

from alya_mcp.errors import Failure
from alya_mcp.toolkit.models import Input, NoArguments, Output
from alya_mcp.toolkit.reply import Image, Link, Reply
from alya_mcp.toolkit.tool import Context, tool
from alya_mcp.tools import Catalogue

ANNOTATIONS: dict[str, Any] = {
    "category": "Read", "risk": "Low", "read_only": True, "destructive": False, "idempotent": True,
    "open_world": False,
}  # fmt: skip


class Words(Input):
    text: Annotated[str, StringConstraints(max_length=5_000_000)] = Field(description="Any text at all.")


class Size(Input):
    characters: int = Field(1000, ge=0, le=50_000_000, description="Length of the answer.")


class Text(Output):
    text: str = Field(description="Some text.")


class Texts(Output):
    texts: list[str] = Field(description="Some texts.")
    few: list[str] = Field(description="Some more.")


class Number(Output):
    number: float = Field(description="Some number.")


@tool(title="Echo", **ANNOTATIONS)
async def echo(arguments: Words, context: Context) -> Text:
    """Return the text that was given, exactly as it came in."""
    return Text(text=arguments.text)


@tool(title="Lone surrogate", **ANNOTATIONS)
async def surrogate(arguments: NoArguments, context: Context) -> Text:
    """Return a text that holds half of a surrogate pair, as a careless source might."""
    return Text.model_construct(text="before \ud800 after")


@tool(title="Not a number", **ANNOTATIONS)
async def not_a_number(arguments: NoArguments, context: Context) -> Number:
    """Return a number that JSON has no way to write, as a careless source might."""
    return Number.model_construct(number=float("nan"))


@tool(title="Large answer", **ANNOTATIONS)
async def large(arguments: Size, context: Context) -> Text:
    """Return a text of the length that was asked for, of characters that JSON escapes."""
    return Text(text='"' * arguments.characters)


@tool(title="Long list", **ANNOTATIONS)
async def many(arguments: Size, context: Context) -> Texts:
    """Return a list of texts that have as many characters together as were asked for, and a short one."""
    return Texts(texts=["x" * 1000] * (arguments.characters // 1000), few=["y"] * 3)


@tool(title="Large picture", **ANNOTATIONS)
async def large_picture(arguments: Size, context: Context) -> Reply[Text]:
    """Return a picture of as many bytes as were asked for beside a short text."""
    picture = Image(data=b"\xff" * arguments.characters, content_type="image/jpeg")
    return Reply(data=Text(text="a picture"), attachments=(picture,))


@tool(title="Leak", **ANNOTATIONS)
async def leak(arguments: NoArguments, context: Context) -> Text:
    """Return a secret of the environment and private paths, as a careless error text might."""
    return Text(text=f"key {os.environ.get('AWS_SECRET_ACCESS_KEY')} in {Path.home()}/.ssh/id and {__file__}")


@tool(title="Fail with a leak", **ANNOTATIONS)
async def fail_with_leak(arguments: NoArguments, context: Context) -> Text:
    """Fail in the expected way with a text that holds a secret and half of a surrogate pair."""
    raise Failure(f"can't use {os.environ.get('AWS_SECRET_ACCESS_KEY')} \udfff at {Path.home()}/.ssh/id")


@tool(title="Fail at length", **ANNOTATIONS)
async def fail_at_length(arguments: Size, context: Context) -> Text:
    """Fail in the expected way with a text as long as asked for, as the words of a source may be."""
    raise Failure("the source said " + '"' * arguments.characters)


@tool(title="Address with a leak", **ANNOTATIONS)
async def address_with_leak(arguments: Words, context: Context) -> Reply[Text]:
    """Say how far it is, and give an address, in words that hold a secret and half of a surrogate pair."""
    await context.progress(1, 2, f"fetching {arguments.text} \udfff")
    address = f"https://kim:hunter2@example.org/?key={arguments.text}"
    return Reply(data=Text(text=address), links=(Link("Open it", address),))


@tool(title="Crash", **ANNOTATIONS)
async def crash(arguments: NoArguments, context: Context) -> Text:
    """Raise an error that nobody expected, with words that must not reach the model."""
    raise RuntimeError("the secret of /private/place")


@tool(title="Exit", **ANNOTATIONS)
async def leave(arguments: NoArguments, context: Context) -> Text:
    """Try to end the whole process from inside of a handler."""
    raise SystemExit(3)


@tool(title="Print", **ANNOTATIONS)
async def chatter(arguments: NoArguments, context: Context) -> Text:
    """Write to standard output in every way that a library might, and start a child that does."""
    print("printed by a handler")  # noqa: T201
    print("printed and flushed by a handler", flush=True)  # noqa: T201
    os.write(1, b"written to descriptor 1\n")
    sys.stdout.write("written to sys.stdout\n")
    if sys.__stdout__ is not None:
        sys.__stdout__.write("written to sys.__stdout__\n")
    await anyio.to_thread.run_sync(lambda: subprocess.run(["/bin/echo", "printed by a child"], check=True))
    child = [sys.executable, "-c", "import sys; print(repr(sys.stdin.read()))"]
    done = await anyio.to_thread.run_sync(lambda: subprocess.run(child, check=True, capture_output=True))
    return Text(text=done.stdout.decode())


@tool(title="Wait", **ANNOTATIONS)
async def wait(arguments: Words, context: Context) -> Text:
    """Wait for ever; leave a mark in the state folder when started and when stopped."""
    mark = context.hub.settings.home / arguments.text
    mark.with_suffix(".started").touch()
    try:
        await anyio.sleep_forever()
    finally:
        mark.with_suffix(".stopped").touch()
    raise AssertionError


@tool(title="Linger", **ANNOTATIONS)
async def linger(arguments: Words, context: Context) -> Text:
    """Take as long as a file of that name isn't in the state folder, then return or do what it says."""
    deferred = context.defer(0.05)
    await context.progress(1, 2, f"deferred {deferred}, {os.environ.get('AWS_SECRET_ACCESS_KEY')}")
    mark = context.hub.settings.home / arguments.text
    try:
        while not mark.exists():  # noqa: ASYNC110 - another process makes it
            await anyio.sleep(0.01)
    finally:
        mark.with_suffix(".over").touch()
    said = mark.read_text()
    if said == "fail":
        raise Failure("it can't be done")
    if said == "crash":
        raise RuntimeError("the secret of /private/place")
    return Text(text=said)


@tool(title="Work in a thread", **ANNOTATIONS)
async def stubborn(arguments: Words, context: Context) -> Text:
    """Wait in a way that can't be interrupted, as a library in a thread does."""
    import threading

    (context.hub.settings.home / arguments.text).with_suffix(".started").touch()
    await anyio.to_thread.run_sync(threading.Event().wait)
    raise AssertionError


@tool(title="Progress", **ANNOTATIONS)
async def advance(arguments: NoArguments, context: Context) -> Text:
    """Report progress that also stands still and falls back, which clients must never see."""
    for done in (0, 1, 1, 2, 1.5, 2, 3.5, 3, 10):
        await context.progress(done, 10, f"at {done}")
    return Text(text="done")


_CLEANED = [surrogate, not_a_number, large, many, large_picture, leak, address_with_leak]
_FAILING = [fail_with_leak, fail_at_length, crash, leave]
_LONG = [chatter, wait, linger, stubborn, advance]

ODD = Catalogue([echo, *_CLEANED, *_FAILING, *_LONG])
