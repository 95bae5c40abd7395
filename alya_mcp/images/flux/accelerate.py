"""Compiles a pipeline in the background, and uses the compiled parts after checking them.

Only the first two blocks of each kind are compiled, since the second gets its inputs laid out in another way;
all others run the same code with their own weights. On CUDA the text encoders, a whole step and the decoder
are then recorded as CUDA graphs. If prompts differ in length, blocks are compiled for any length, and steps
aren't recorded.
"""

import copy
import sys
import threading
import traceback
import weakref
from collections.abc import Callable
from typing import Any, Final, Literal, cast

import torch
from torch import nn

from alya_mcp.images.engine import Job
from alya_mcp.images.flux.cuda_graph import Replay
from alya_mcp.images.flux.pipeline import Artist, Shortcuts
from alya_mcp.images.plan import Plan

CompileState = Literal["eager", "compiling", "compiled", "done", "failed"]

_torch: Any = torch
_TOLERANCE: Final = 0.1
"""The largest relative difference of a compiled part's output from the eager one's; rounding makes 0.02."""
_TURN: Final = 0.00005
"""Seconds after which the compiler lets the drawing thread go on. At Python's usual 0.005 a picture that took
0.85 s took up to 17 s beside the compiler on an H200.
"""
_ONE_AT_A_TIME: Final = threading.Lock()
"""Compiling is serialised in the process, as an unloaded model may still be compiling."""
_SETTLING: Final = Job(prompt="a warm-up picture", seed=0, steps=1)


class _Wrong(Exception):
    """A compiled part's output is wrong; the text names the part."""


class _Seen:
    """The inputs of a module's first call."""

    def __init__(self, module: nn.Module) -> None:
        self._arguments: tuple[Any, ...] = ()
        self._named: dict[str, Any] = {}
        self._handle = module.register_forward_pre_hook(self._see, with_kwargs=True)

    def _see(self, _module: nn.Module, arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
        self._arguments, self._named = _kept(arguments), _kept(named)
        self._handle.remove()

    def forget(self) -> None:
        """Remove the hook."""
        self._handle.remove()

    def ask(self, work: Callable[..., Any]) -> Any:
        """Call `work` with these inputs."""
        return work(*self._arguments, **self._named)


class Accelerator:
    """Makes `artist`, with `plan`, faster at 1024x1024; `words` describe the progress.

    `backend` is a compiler by the name that torch.compile knows it by; `settling` is the job that is drawn
    once so that everything has its final size.
    """

    def __init__(
        self, artist: Artist, plan: Plan, backend: str = "inductor", *, settling: Job = _SETTLING
    ) -> None:
        self.state: CompileState = "eager"
        self.words = "compiled when idle"
        self._artist, self._plan, self._backend = artist, plan, backend
        self._settling = settling
        self._kinds = artist.blocks
        self._first: list[tuple[Any, _Seen]] = []
        self._decoder: tuple[Any, _Seen] | None = None

    def advance(self, *, idle: bool) -> bool:
        """Do the next short step; False if there is nothing more to do.

        To be called in the thread that draws, between pictures; `idle` when none waits.
        """
        if self.state == "eager" and idle:
            self._begin()
        elif self.state == "compiled":
            self._take_into_use()
        return self.state not in {"done", "failed"}

    def stop(self) -> None:
        """Drop compiled and recorded parts for good and use the eager ones. Called between pictures."""
        decoder = self._artist.pipeline.vae.decoder
        decoder.__dict__.pop("forward", None)
        self._go_back(decoder)
        self._fail("given up")

    # -- beside the drawing

    def _begin(self) -> None:
        self._first = [(block, _Seen(block)) for kind in self._kinds for block in kind[:2]]
        decoder = self._artist.pipeline.vae.decoder
        seen = None if self._plan.tiled else _Seen(decoder)
        try:
            reading = self._artist.read(self._settling.prompt)
            latents = self._artist.denoise(self._settling, reading, _unheard)
            if seen is not None:
                self._artist.pixels(self._settling, latents)
                self._decoder = copy.deepcopy(decoder), seen
        except Exception:  # noqa: BLE001 - no memory for it, or a device whose loss shows with the next picture
            traceback.print_exc(file=sys.stderr)
            for look in (*(look for _, look in self._first), seen):
                if look is not None:
                    look.forget()
            self._first = []
            self._fail("the warm-up picture failed")
            return
        self.state, self.words = "compiling", "compiling"
        work = (weakref.ref(self), self._first, self._decoder, self._backend, not self._artist.one_length)
        threading.Thread(target=self._compile, args=work, name="compile", daemon=True).start()

    @staticmethod
    def _compile(
        reference: "weakref.ref[Accelerator]",
        first: list[tuple[Any, _Seen]],
        decoder: tuple[Any, _Seen] | None,
        backend: str,
        any_length: bool,
    ) -> None:
        """Compile without references to the rest of the model, so that it can be unloaded meanwhile."""
        state: CompileState = "compiled"
        with _ONE_AT_A_TIME:
            kept = sys.getswitchinterval()
            # Each operation of a picture that is drawn meanwhile waits this long for the GIL.
            sys.setswitchinterval(_TURN)
            try:
                with torch.no_grad():
                    for block, seen in first:
                        seen.ask(_compiled(block.forward, backend, any_length=any_length))
                    if decoder is not None:
                        module, seen = decoder
                        module.to(memory_format=torch.channels_last)
                        module.forward = _compiled(module.forward, backend)
                        seen.ask(module)
            except Exception:  # noqa: BLE001 - a compiler fails in many ways; drawing goes on without it
                traceback.print_exc(file=sys.stderr)
                state = "failed"
            finally:
                sys.setswitchinterval(kept)
        accelerator = reference()
        if accelerator is None or accelerator.state != "compiling":
            return
        if state == "failed":
            accelerator._first, accelerator._decoder = [], None
            accelerator._fail("compiling failed")
        else:
            accelerator.state = state

    # -- in the drawing thread

    @torch.no_grad()
    def _take_into_use(self) -> None:
        pipeline = self._artist.pipeline
        kept = pipeline.vae.decoder
        try:
            eager = [seen.ask(block) for block, seen in self._first]
            for block in (block for kind in self._kinds for block in kind):
                block.forward = _compiled(
                    block.forward, self._backend, any_length=not self._artist.one_length
                )
            for (block, seen), answer in zip(self._first, eager, strict=True):
                _compare(seen.ask(block), answer, type(block).__name__)
            if self._decoder is not None:
                decoder, seen = self._decoder
                _compare(seen.ask(decoder), seen.ask(kept), "the decoder")
                pipeline.vae.decoder = decoder
            self._artist.shortcuts = self._record()
            self.state, self.words = "done", "compiled"
        except Exception as error:  # noqa: BLE001 - whatever it is, the eager parts still draw
            traceback.print_exc(file=sys.stderr)
            self._go_back(kept)
            why = str(error) if isinstance(error, _Wrong) else "the compiled parts can't be used"
            self._fail(why)
        finally:
            self._first, self._decoder = [], None

    def _go_back(self, decoder: Any) -> None:
        for kind in self._kinds:
            for block in kind:
                block.__dict__.pop("forward", None)
        self._artist.pipeline.vae.decoder = decoder
        self._artist.shortcuts = None

    def _fail(self, why: str) -> None:
        self.state, self.words = "failed", f"not compiled ({why})"

    def _record(self) -> Shortcuts:
        artist, job = self._artist, self._settling
        if artist.device.type != "cuda":
            return Shortcuts(height=job.height, width=job.width)
        first = artist.first_step(job, artist.read(job.prompt))
        encode = step = decode = pool = None
        if artist.one_length:
            step = Replay(artist.step, first)
            pool = step.pool
        if not self._plan.tiled:
            decode = Replay(artist.decode, (artist.scaled(job, first[0]),), pool)
            pool = decode.pool
        if not self._plan.encoder_streamed:
            encode = self._record_encoders(pool)
        return Shortcuts(height=job.height, width=job.width, encode=encode, step=step, decode=decode)

    def _record_encoders(self, pool: Any) -> Replay | None:
        """Record the text encoders, unless this version of them synchronises with the device."""
        artist = self._artist
        try:
            return Replay(artist.encode, artist.tokens(self._settling.prompt).inputs, pool)
        except RuntimeError:
            traceback.print_exc(file=sys.stderr)
            return None


def _compiled(work: Callable[..., Any], backend: str, *, any_length: bool = False) -> Callable[..., Any]:
    return _torch.compile(work, fullgraph=True, dynamic=any_length, backend=backend)


def _compare(fast: Any, eager: Any, name: str) -> None:
    for ours, theirs in zip(_tensors(fast), _tensors(eager), strict=True):
        error = float((ours.float() - theirs.float()).norm() / theirs.float().norm().clamp(min=1e-6))
        # NaN compares as false.
        if not error <= _TOLERANCE:
            raise _Wrong(f"compiled, {name} differs from itself by {error:.2f}")


def _tensors(answer: Any) -> tuple[Any, ...]:
    return cast("tuple[Any, ...]", answer) if isinstance(answer, tuple) else (answer,)


def _kept(value: Any) -> Any:
    """`value` with its tensors' memory layout, which compiled code depends on."""
    if isinstance(value, torch.Tensor):
        return value.detach()
    if isinstance(value, tuple):
        return tuple(_kept(each) for each in cast("tuple[Any, ...]", value))
    if isinstance(value, dict):
        return {name: _kept(each) for name, each in cast("dict[Any, Any]", value).items()}
    return value


def _unheard(done: int) -> None:
    del done
