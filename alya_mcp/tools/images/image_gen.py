"""The image tool: a prompt in, a picture in a store out."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import anyio

from alya_mcp.errors import Failure, InvalidInput, Unavailable, failure_of, kind_of
from alya_mcp.toolkit.reply import Reply
from alya_mcp.toolkit.tool import Context, Progress, tool
from alya_mcp.tools.images.again import find_again, index_of, link_to
from alya_mcp.tools.images.answer import ImageAnswer, finished, unfinished
from alya_mcp.tools.images.begun import Begun
from alya_mcp.tools.images.drawings import Drawing, Drawings, Drawn, collected_meanwhile, drawings_of
from alya_mcp.tools.images.keeping import KeptRendering, keeps_drawings
from alya_mcp.tools.images.owned import note_owner
from alya_mcp.tools.images.request import LONGEST_WAIT, SIZES, WAIT, FileFormat, ImageRequest, request_of
from alya_mcp.tools.images.several import make_all, previews_of

if TYPE_CHECKING:
    from alya_mcp.toolkit.services import Hub

_ANEW = "Drawn anew: the drawing of the earlier call failed, or was lost with its server or the image worker"
_OWED = (
    "The call that began the picture was charged: the same call again, or with this job, draws it for free"
)
_POLICY_CHANGED = (
    "the policy has changed since the picture was begun; give all arguments of the call that began it, with "
    "the job"
)


def _collects(arguments: ImageRequest, hub: "Hub", grant: str) -> str | None:
    drawings = drawings_of(hub)
    if arguments.job is not None:
        drawing = drawings.get(grant, arguments.job, arguments.prompt)
    else:
        drawing = drawings.undelivered(grant, request_of(arguments))
        if drawing is not None and drawing.expires_in != arguments.expires_in:
            return None
    begun = drawing or drawings.left_behind(grant, arguments)
    return begun.policy if begun is not None and begun.paid else None


def _about(arguments: ImageRequest, hub: "Hub", grant: str) -> Mapping[str, Any]:
    from alya_mcp.tools.images.references import about_references

    return about_references(arguments, hub, grant)


@tool(
    title="Generate an image",
    category="Read",
    risk="Low",
    read_only=False,
    destructive=False,
    idempotent=False,
    open_world=False,  # this machine, one bucket, and the hosts that the user named for references
    about=_about,
    page="picture.html",
    collects=_collects,
    priced_per="count",
)
async def image_gen(arguments: ImageRequest, context: Context) -> Reply[ImageAnswer]:
    """Draw an image, 1024x1024 or another `aspect`, from a prompt with FLUX.1-schnell on this machine's GPU.

    Use it when someone asks for a new picture, illustration or drawing, or has `references` to change: with
    FLUX.2-klein it edits or combines them, FLUX.1-schnell only begins from one. `count` draws up to four
    variations: `images` has the link, seed and key of each. It renders lettering poorly.

    Uploads the image to the configured S3 bucket (or keeps it on this machine) and returns a link that opens
    until `expiresAt`: show the user the link, and pass on `notice`. The same prompt, model, seed, steps and
    format get the picture drawn before, with a fresh URL; `repeated` says so. Without a GPU that can hold
    FLUX.1-schnell a small bundled model draws simple shapes and scenes instead; `model` and `notice` say so.
    Takes from under a second (warm GPU) to about half a minute. When `wait` is over first, `state` is
    `drawing`: call again with that `job` to get the picture. `alya_status` tells whether the engine is ready.
    """
    from alya_mcp.images.engine import Job
    from alya_mcp.tools.images.choice import chosen_model
    from alya_mcp.tools.images.references import references_for
    from alya_mcp.tools.images.repeats import question_of

    if not arguments.prompt.strip():
        raise InvalidInput("prompt holds only blanks; it takes words that say what the picture shows")
    drawings = drawings_of(context.hub)
    earlier = None
    if arguments.job is not None:
        earlier = drawings.get(context.grant, arguments.job, arguments.prompt)
    if earlier is not None:
        asks_the_same = (request_of(arguments), arguments.expires_in) == (earlier.request, earlier.expires_in)
        if earlier.policy != context.policy and not asks_the_same:  # only these were judged by the policy
            raise InvalidInput(_POLICY_CHANGED)
        # The user approved the arguments of the call that started it.
        asked = arguments.model_copy(update={"expires_in": earlier.expires_in})
        return await _deliver(earlier, drawings, asked, context, earlier=True)
    earlier = drawings.undelivered(context.grant, request_of(arguments))
    if earlier is not None:
        return await _deliver(earlier, drawings, arguments, context, earlier=True)
    begun = _left_behind(drawings, arguments, context)
    if begun is None and context.collects:
        raise collected_meanwhile()
    if begun is not None:
        arguments = begun.completed(arguments)
    elif arguments.job is not None and arguments.wait == WAIT and not keeps_drawings(context.hub.engine):
        # Its server has ended. If each call has its own server, answering early loses it again.
        arguments = arguments.model_copy(update={"wait": LONGEST_WAIT})

    model = chosen_model(context.hub.settings, arguments.model)
    known_seed = arguments.seed if begun is None else begun.seed
    seed = secrets.randbelow(2**32) if known_seed is None else known_seed
    width, height = SIZES[arguments.aspect]
    first = Job(
        prompt=arguments.prompt, seed=seed, steps=arguments.steps, width=width, height=height, model=model,
        references=await references_for(arguments, model, context), strength=arguments.strength,
    )  # fmt: skip
    jobs = [replace(first, seed=(seed + number) % 2**32) for number in range(arguments.count)]
    asked_for = await anyio.to_thread.run_sync(
        question_of, context.hub.settings, context.grant, first, arguments.format
    )
    questions = [{**asked_for, "seed": job.seed} for job in jobs]
    done: dict[int, Drawn] = {}
    previews: dict[int, bytes] = {}
    if known_seed is not None:
        for number, (job, question) in enumerate(zip(jobs, questions, strict=True)):
            repeat = await find_again(question, job, arguments.expires_in, context)
            if repeat is not None:
                done[number] = repeat
    if len(done) == len(jobs):
        if begun is not None:
            drawings.forget(begun)
        return await _answer(list(done.values()), arguments.format, context)

    async def remember(number: int, drawn: Drawn) -> None:
        await anyio.to_thread.run_sync(index_of(context).remember, questions[number], drawn.known)

    async def make(progress: Progress, key: str) -> Sequence[Drawn]:
        ways = [
            KeptRendering(context.hub.engine, key and f"{key}-{number}", collects=begun is not None)
            for number in range(len(jobs))
        ]
        drawn = await make_all(
            jobs, done, [way.render for way in ways], context.hub, progress,
            file_format=arguments.format, expires_in=arguments.expires_in, remember=remember,
            previews=previews,
        )  # fmt: skip
        return [replace(each, anew=way.anew) for each, way in zip(drawn, ways, strict=True)]

    drawing = drawings.begin(
        context.grant, arguments, jobs, make, done=done, previews=previews, policy=context.policy, begun=begun
    )
    return await _deliver(drawing, drawings, arguments, context, earlier=False)


def _left_behind(drawings: Drawings, arguments: ImageRequest, context: Context) -> Begun | None:
    """The drawing of an ended server that this call collects, or None.

    Raises:
        InvalidInput: it may not be collected with these arguments.
    """
    begun = drawings.left_behind(context.grant, arguments)
    if begun is None or (begun.paid and not context.collects):
        return None
    if begun.policy != context.policy and not begun.is_same(arguments):
        raise InvalidInput(_POLICY_CHANGED)
    return begun


async def _deliver(
    drawing: Drawing, drawings: Drawings, arguments: ImageRequest, context: Context, *, earlier: bool
) -> Reply[ImageAnswer]:
    """The pictures if they are done in time, else the job; an `earlier` call may have started it."""
    wait = arguments.wait if context.patience is None else min(arguments.wait, context.patience)

    async def progress(done: float, total: float, message: str) -> None:
        context.show(drawing.preview)
        await context.progress(done, total, message)

    drawing.waiting.append(context.abandoned)
    try:
        drawn = await drawing.work.wait(progress, None if context.defer(wait) else wait)
    except BaseException as error:
        cancelled = isinstance(error, anyio.get_cancelled_exc_class())
        if cancelled and context.ending() and keeps_drawings(context.hub.engine):
            # The client has gone. The worker goes on, and a later server may collect the picture.
            drawings.leave(drawing, paid=True)
            return unfinished(drawing, {}, [])
        if cancelled and context.abandoned():
            drawings.leave(drawing, paid=False)
        elif not drawing.work.is_waited_for:
            if drawing.paid and isinstance(error, Failure) and not isinstance(error, InvalidInput):
                drawings.owe(drawing)
                raise failure_of(kind_of(error), f"{str(error).removesuffix('.')}. {_OWED}") from None
            drawings.drop(drawing)
        raise
    finally:
        drawing.waiting.remove(context.abandoned)
    if drawn is None:
        drawing.work.left = True
        done = {} if len(drawing.jobs) == 1 else dict(sorted(drawing.done.items()))
        reply = unfinished(drawing, done, await _shown(list(done.values()), context))
        drawings.leave(drawing, paid=True)
        return reply
    if earlier:
        linked = [await link_to(each.known, each.job.seed, arguments.expires_in, context) for each in drawn]
        if None in linked:
            drawings.drop(drawing)
            raise Unavailable("The picture was drawn but isn't in the store any more; call again without job")
        drawn = [replace(each, stored=stored) for each, stored in zip(drawn, linked, strict=True) if stored]
    if context.abandoned():
        # No client reads this answer; the next call with the same arguments gets the picture.
        drawings.leave(drawing, paid=True)
    else:
        drawings.drop(drawing)
    lost = arguments.job not in {None, drawing.id} or any(each.anew for each in drawn)
    return await _answer(drawn, drawing.format, context, remark=_ANEW if lost else None)


async def _answer(
    drawn: Sequence[Drawn], file_format: FileFormat, context: Context, *, remark: str | None = None
) -> Reply[ImageAnswer]:
    return finished(drawn, await _shown(drawn, context), file_format, remark=remark)


async def _shown(drawn: Sequence[Drawn], context: Context) -> Sequence[bytes]:
    """The previews of the pictures in an answer."""
    for each in drawn:
        await note_owner(each.known, context)
    return await previews_of(drawn, context.hub.settings.home)
