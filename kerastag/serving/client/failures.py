"""What can go wrong between a client and a model server, each with what to do about it, and what is tried again."""

import contextlib
import random
import re
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

from kerastag import errors

Result = TypeVar("Result")
_FIRST_PAUSE_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 5.0
ADVICE = "give the address of a TensorFlow Serving"
_MAX_PROBLEM = 1_000  # characters of all that an error says is wrong
_MAX_MESSAGE = 300  # characters of what a server says; TensorFlow's errors may quote a whole request
_OF_SENSELESS_ANSWERS = (
    *(errors.KerastagError, ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError),
)
_ROOT_ERROR = re.compile(r"^\d+ root error\(s\) found\.\s*\(0\)\s*\w+:")  # [[{{ begins where in the graph it was


class ServingError(errors.KerastagError):
    """A request that failed: "<address>: <problem>; <advice>".

    Attributes:
      place: the address, with the model where it is about that.
      problem: what is wrong, its first 1,000 characters.
      advice: what to do.
      transient: whether the same request may succeed a moment later.
    """

    transient = False

    def __init__(self, place: str, problem: str, advice: str = ""):
        problem = problem if len(problem) <= _MAX_PROBLEM else problem[:_MAX_PROBLEM] + "..."
        super().__init__(f"{place}: {problem}" + (f"; {advice}" if advice else ""))
        self.place, self.problem, self.advice = place, problem, advice


class ServerDown(ServingError):
    """Nobody answers at the address, or the connection broke."""

    transient = True


class UnknownHost(ServingError):
    """The address has a host name that nobody knows."""


class Busy(ServingError):
    """The server answers, but not now."""

    transient = True


class TimedOut(ServingError):
    """No answer in time. Not tried again: a server that is too slow gets no faster by more requests."""


class NotServed(ServingError):
    """No such model, version or label, or it is not loaded."""


class OtherProtocol(ServingError):
    """Somebody answers, but not as TensorFlow Serving does."""


class Refused(ServingError):
    """The server takes the model but not the request: unknown signature, wrong shape, bad WAV."""


class TooLarge(ServingError):
    """A request or a response over a limit of size."""


@contextlib.contextmanager
def understood(place: str) -> Iterator[None]:
    """Turns what goes wrong with an answer of other types, sizes or names than they should be into OtherProtocol."""
    try:
        yield
    except ServingError:
        raise
    except _OF_SENSELESS_ANSWERS as error:
        said = str(error) if isinstance(error, errors.KerastagError) else f"{type(error).__name__}: {error}"
        raise OtherProtocol(place, f"an answer that makes no sense ({said[:_MAX_MESSAGE]})", ADVICE) from None


def of_code(place: str, code: str, message: str) -> ServingError:
    """The error for a canonical code, such as NOT_FOUND, and what the server said."""
    said = " ".join(_ROOT_ERROR.sub("", message).partition("[[{{")[0].split()) or code.lower()
    said = said if len(said) <= _MAX_MESSAGE else said[:_MAX_MESSAGE] + "..."
    if code == "NOT_FOUND" or "Unrecognized servable version label" in said:
        return NotServed(place, said, "see --model_name, --model_base_path and --model_config_file of the server")
    if code == "UNAVAILABLE" and "DNS" in said:
        return UnknownHost(place, said, "give the address of the model server")
    if code == "UNAVAILABLE":
        return ServerDown(place, f"no model server answers ({said})", "start it, or give its address")
    if code == "RESOURCE_EXHAUSTED":
        return Busy(place, f"the server is busy ({said})", "send fewer requests at once")
    if code == "DEADLINE_EXCEEDED":
        return TimedOut(place, "no answer in time", "allow more seconds, or send shorter audio or fewer at once")
    if code in ("INVALID_ARGUMENT", "FAILED_PRECONDITION", "OUT_OF_RANGE", "UNIMPLEMENTED"):
        return Refused(place, said, "see which inputs the signature takes")
    return ServingError(place, f"{code}: {said}", "see the log of the server")


def retried(attempt: Callable[[], Result], max_retries: int) -> Result:
    """What `attempt` returns; tried again after a growing, random pause while what it raises is transient.

    Args:
      attempt: one request, which does the same however often it is sent.
      max_retries: how often at most it is sent again.

    Raises:
      ServingError: the last one.
    """
    pause = _FIRST_PAUSE_SECONDS
    for number in range(max_retries + 1):
        try:
            return attempt()
        except ServingError as error:
            if not error.transient:
                raise
            if number == max_retries:
                times = f", tried {number + 1} times" if number else ""
                raise type(error)(error.place, error.problem + times, error.advice) from None
        time.sleep(pause * random.uniform(0.5, 1.0))
        pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
    raise AssertionError("not reached")
