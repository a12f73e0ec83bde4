"""What goes wrong between Ollama and its client, as Mai's own errors, one sentence each."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator

import httpx
import ollama
from pydantic import ValidationError

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
from mai.providers.endpoint import Endpoint
from mai.providers.faults import is_memory_fault
from mai.text import one_line

_HTTP_NOT_FOUND = 404


@contextlib.contextmanager
def translated(endpoint: Endpoint, model: str) -> Iterator[None]:
    """Turn what the client raises into Mai's own errors."""
    where = f"Ollama at {endpoint}"
    try:
        yield
    except ollama.ResponseError as error:
        raise _refused(error, where, model) from error
    except (httpx.ConnectError, httpx.ConnectTimeout, ConnectionError) as error:
        raise ProviderUnreachable(
            f"No model server answers at {endpoint}; `ollama serve` starts one."
        ) from error
    except (httpx.TimeoutException, TimeoutError) as error:
        raise ProviderStalled(f"{where} has stopped sending; I gave up waiting.") from error
    except httpx.TransportError as error:
        raise ProviderDied(f"{where} went away in the middle of an answer.") from error
    # The client reads parts by their keys: what is no object has none, whatever it is.
    except (
        ValidationError,
        json.JSONDecodeError,
        UnicodeDecodeError,
        RecursionError,
        AttributeError,
        TypeError,
        httpx.HTTPError,
        httpx.InvalidURL,
    ) as error:
        raise BadAnswer(f"{where} sent something that is not its protocol.") from error


def _refused(error: ollama.ResponseError, where: str, model: str) -> ProviderError:
    said = one_line(error.error)
    if error.status_code == _HTTP_NOT_FOUND:
        return ModelNotFound(f"Ollama has no model {model}; `ollama pull {model}` gets it.")
    if is_memory_fault(said):
        return OutOfMemory(f"{model} does not fit the memory that is free: {said}.")
    if "context" in said and "exceed" in said:
        return ContextOverflow(f"The prompt does not fit {model}: {said}.")
    if error.status_code < 0 and "manifest" in said:
        return ModelNotFound(f"Ollama's registry does not have {model}: {said}.")
    if error.status_code < 0:
        return ProviderDied(f"Ollama stopped in the middle of an answer: {said}.")
    return ProviderError(f"{where} answered {error.status_code}: {said or 'nothing more'}.")
