"""What goes wrong between LM Studio and its SDK, as Mai's own errors, one sentence each."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import httpx
import lmstudio
import msgspec

from mai.errors import (
    BadAnswer,
    ContextOverflow,
    ModelNotFound,
    OutOfMemory,
    ProviderDied,
    ProviderError,
    ProviderStalled,
    ProviderUnreachable,
)
from mai.providers.faults import is_memory_fault
from mai.text import one_line

_START = "`lms server start` starts it"


@contextlib.contextmanager
def translated(where: str, model: str) -> Iterator[None]:  # noqa: C901 - one table of kinds
    """Turn what the SDK raises into Mai's own errors. `where` is host and port."""
    try:
        yield
    except lmstudio.LMStudioModelNotFoundError as error:
        raise ModelNotFound(f"LM Studio has no model {model}; `lms get` finds one.") from error
    except lmstudio.LMStudioServerError as error:
        raise _refused(error, model) from error
    # Before a connection stands the SDK says with a plain client error that nobody is there.
    except lmstudio.LMStudioWebsocketError as error:
        raise ProviderDied(f"LM Studio at {where} went away.") from error
    except lmstudio.LMStudioTimeoutError as error:
        raise ProviderStalled(f"LM Studio at {where} has stopped sending.") from error
    except lmstudio.LMStudioClientError as error:
        if "not reachable" in str(error):
            raise ProviderUnreachable(f"LM Studio does not answer at {where}; {_START}.") from error
        raise BadAnswer(f"LM Studio at {where} sent what its SDK cannot read.") from error
    except (httpx.ConnectError, httpx.ConnectTimeout) as error:
        raise ProviderUnreachable(f"LM Studio does not answer at {where}; {_START}.") from error
    except (httpx.TimeoutException, TimeoutError) as error:
        raise ProviderStalled(
            f"LM Studio at {where} has stopped sending; I gave up waiting."
        ) from error
    except (httpx.HTTPError, OSError) as error:
        raise ProviderDied(f"LM Studio at {where} went away.") from error
    # The SDK reads what arrives by its keys, and checks only some of it.
    except (
        lmstudio.LMStudioError,
        msgspec.MsgspecError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
    ) as error:
        raise BadAnswer(f"LM Studio at {where} sent something that is not its protocol.") from error


def _refused(error: lmstudio.LMStudioServerError, model: str) -> ProviderError:
    if isinstance(error, lmstudio.LMStudioChannelClosedError):
        return ProviderDied("LM Studio stopped in the middle of an answer.")
    details = error.server_error
    parts = [str(error).partition("\n")[0].rstrip(": ")]
    if details is not None:
        parts = [part for part in (details.title, details.cause) if part] or parts
    said = one_line(": ".join(parts)).rstrip(".")
    if is_memory_fault(said):
        return OutOfMemory(f"{model} does not fit the memory that is free: {said}.")
    if "context" in said.lower() and ("exceed" in said.lower() or "overflow" in said.lower()):
        return ContextOverflow(f"The prompt does not fit {model}: {said}.")
    return ProviderError(f"LM Studio refused the request: {said}.")
