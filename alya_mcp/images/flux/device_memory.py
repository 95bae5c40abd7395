"""Out-of-memory and other errors of a device: recognising them, and freeing memory."""

import contextlib
import gc
import importlib
import re
import sys
import traceback
from collections.abc import Callable, Generator
from typing import Any, Final, TypeVar

from alya_mcp.images.renderer import DeviceLost

T = TypeVar("T")

_NO_MEMORY: Final = re.compile(
    r"out of memory|can't allocate memory|not enough memory|_STATUS_ALLOC_FAILED", re.IGNORECASE
)
_NO_MEMORY_OF_CUDA: Final = "CUDA error: out of memory"
"""The driver's out-of-memory text; the device itself is fine. Pinning, recording and loading of kernels end
with it.
"""
_LOST: Final = re.compile(r"CUDA error|device-side assert|CUBLAS_STATUS|CUDNN_STATUS|ECC error")


class NoMemoryError(Exception):
    """The device ran out of memory, and the tensors of the failed work are freed."""


def with_room(work: Callable[[], T]) -> T:
    """Run `work`.

    Raises:
        NoMemoryError: the device ran out of memory; what the work held is freed.
    """
    try:
        return work()
    except (RuntimeError, MemoryError) as error:
        if not is_no_memory(error):
            raise
    # The traceback referenced the tensors; it ended with the except block.
    free_memory()
    raise NoMemoryError


@contextlib.contextmanager
def device_errors() -> Generator[None]:
    """Raise `DeviceLost` for errors of the GPU that only a new process clears."""
    try:
        yield
    except RuntimeError as error:
        if isinstance(error, torch_library().AcceleratorError) or _LOST.search(str(error)):
            traceback.print_exc(file=sys.stderr)
            raise DeviceLost(
                "The GPU reported an error that only a restart of the image worker clears; it restarts now. "
                "Call again; if it happens again, the user finds the error in logs/image-worker.log of "
                "ALYA_HOME"
            ) from None
        raise


def is_no_memory(error: Exception) -> bool:
    """Whether an error means that memory has run out, on the device or in main memory."""
    if isinstance(error, MemoryError | torch_library().OutOfMemoryError):
        return True
    if isinstance(error, torch_library().AcceleratorError):
        return str(error).startswith(_NO_MEMORY_OF_CUDA)
    return bool(_NO_MEMORY.search(str(error)))


def free_memory() -> None:
    """Return unused memory to the device and to the system."""
    torch = torch_library()
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
        # Pinned memory of streamed weights; otherwise it isn't available to the next model.
        with contextlib.suppress(AttributeError):
            torch._C._host_emptyCache()
    elif torch.backends.mps.is_available():
        torch.mps.empty_cache()


def torch_library() -> Any:
    """torch, imported when it is first needed."""
    return importlib.import_module("torch")
