"""A pickle interpreter that builds plain containers and calls only what it is given.

A pickle is a program that can call any function by name, which is why none from elsewhere may be given to Python's
own unpickler. Restricting the names that one may look up (`pickle.Unpickler.find_class`) is not enough: 9 bytes make it
take 16 GB for its memo, and a key of deeply nested tuples ends the process. This one knows the instructions that
numbers, strings, dicts, lists and tuples take, keeps its memo in a dict, and admits keys of text and numbers alone.
"""

import dataclasses
import pickletools
from collections.abc import Callable, Iterable, Mapping
from typing import Any, BinaryIO, TypeAlias

Value: TypeAlias = Any  # whatever a pickle holds
_LITERALS = (
    *("BININT", "BININT1", "BININT2", "LONG1", "LONG4", "BINFLOAT", "BINBYTES", "SHORT_BINBYTES"),
    *("BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "BINSTRING", "SHORT_BINSTRING"),
)
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
_CONTAINERS: dict[str, Callable[[], Value]] = {"EMPTY_DICT": dict, "EMPTY_LIST": list}
MOST_GIVEN = 1_000_000  # items of containers that functions are called with, all calls together
_IGNORED = ("PROTO", "FRAME")
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


class Forbidden(Exception):
    """A pickle asks for something that plain data does not need; the message says what."""


@dataclasses.dataclass(frozen=True)
class Name:
    """A class or function that a pickle names, as "module.attribute"; only admitted names get so far."""

    text: str


class Machine:
    """Runs pickles.

    Args:
      names: what a pickle may name, and what is called where it calls that; None: it may be named but not called.
      persistent: called with each persistent id; returns what stands for it.
    """

    def __init__(self, names: Mapping[str, Callable[..., Value] | None], persistent: Callable[[Value], Value]):
        self._names = names
        self._persistent = persistent
        self._stack: list[Value] = []
        self._marks: list[int] = []
        self._memo: dict[int, Value] = {}
        self._num_given = 0

    def run(self, file: BinaryIO) -> Value:
        """Reads one pickle from where `file` stands, and no byte more; returns what it builds.

        Raises:
          Forbidden: it names or does something that is not admitted.
          ValueError, TypeError, KeyError, IndexError, AttributeError: it is no pickle, or a damaged one.
        """
        self._stack, self._marks, self._memo = [], [], {}
        for opcode, argument, _ in pickletools.genops(file):
            if opcode.name == "STOP":
                return self._stack.pop()
            self._step(opcode.name, argument)
        raise ValueError("a pickle without an end")

    def _step(self, opcode: str, argument: Value) -> None:
        if opcode in _IGNORED:
            return
        if opcode in _LITERALS:
            self._stack.append(argument)
        elif opcode in _CONSTANTS:
            self._stack.append(_CONSTANTS[opcode])
        elif opcode in _CONTAINERS:
            self._stack.append(_CONTAINERS[opcode]())
        elif opcode in _TUPLES:
            self._stack.append(tuple(self._pop(_TUPLES[opcode])))
        elif opcode in _INSTRUCTIONS:
            _INSTRUCTIONS[opcode](self, argument)
        else:
            raise Forbidden(f"it uses the pickle instruction {opcode}")

    def _pop(self, count: int) -> list[Value]:
        if count > len(self._stack):
            raise ValueError("an empty stack")
        values = self._stack[len(self._stack) - count :]
        del self._stack[len(self._stack) - count :]
        return values

    def _pop_mark(self) -> list[Value]:
        return self._pop(len(self._stack) - self._marks.pop())

    def _mark(self, argument: Value) -> None:
        self._marks.append(len(self._stack))

    def _tuple(self, argument: Value) -> None:
        self._stack.append(tuple(self._pop_mark()))

    def _put(self, argument: int | None) -> None:
        self._memo[len(self._memo) if argument is None else argument] = self._stack[-1]

    def _get(self, argument: int) -> None:
        self._stack.append(self._memo[argument])

    def _extend(self, values: list[Value]) -> None:
        target = self._stack[-1]
        if type(target) is not list:
            raise ValueError("items for what is not a list")
        target.extend(values)

    def _update(self, values: list[Value]) -> None:
        target = self._stack[-1]
        if type(target) is not dict:
            raise ValueError("items for what is not a dict")
        target.update(table(zip(values[::2], values[1::2], strict=True)))

    def _name(self, text: str) -> None:
        if text not in self._names:
            raise Forbidden(f"it asks for {text[:80]!r}")
        self._stack.append(Name(text))

    def _global(self, argument: str) -> None:
        self._name(argument.replace(" ", ".", 1))

    def _stack_global(self, argument: Value) -> None:
        module, attribute = self._pop(2)
        if type(module) is not str or type(attribute) is not str:
            raise ValueError("a name that is not text")
        self._name(f"{module}.{attribute}")

    def _reduce(self, argument: Value) -> None:
        name, arguments = self._pop(2)
        if type(name) is not Name or type(arguments) is not tuple:
            raise ValueError("a call of what is not a name")
        function = self._names[name.text]
        if function is None:
            raise Forbidden(f"it calls {name.text}")
        self._num_given += sum(len(value) for value in arguments if type(value) in (list, tuple, dict))
        if self._num_given > MOST_GIVEN:  # a few bytes can call it again with the same long list
            raise ValueError("it calls functions with too many items")
        self._stack.append(function(*arguments))

    def _build(self, argument: Value) -> None:
        self._pop(1)  # attributes; of all that is admitted only PyTorch's dicts have some, and nothing needs them
        if type(self._stack[-1]) is not dict:
            raise Forbidden("it sets attributes")

    def _persistent_id(self, argument: Value) -> None:
        self._stack.append(self._persistent(self._pop(1)[0]))


_INSTRUCTIONS: dict[str, Callable[[Machine, Value], None]] = {
    "MARK": Machine._mark,
    "TUPLE": Machine._tuple,
    "BINPUT": Machine._put,
    "LONG_BINPUT": Machine._put,
    "MEMOIZE": Machine._put,
    "BINGET": Machine._get,
    "LONG_BINGET": Machine._get,
    "APPEND": lambda machine, argument: machine._extend(machine._pop(1)),
    "APPENDS": lambda machine, argument: machine._extend(machine._pop_mark()),
    "SETITEM": lambda machine, argument: machine._update(machine._pop(2)),
    "SETITEMS": lambda machine, argument: machine._update(machine._pop_mark()),
    "GLOBAL": Machine._global,
    "STACK_GLOBAL": Machine._stack_global,
    "REDUCE": Machine._reduce,
    "BUILD": Machine._build,
    "BINPERSID": Machine._persistent_id,
}


def table(pairs: Iterable[tuple[Value, Value]] = ()) -> dict[Value, Value]:
    """A dict, as collections.OrderedDict makes it, of keys that are text or numbers.

    Raises:
      ValueError: another key; hashing a deeply nested tuple ends the process.
    """
    made = {}
    for key, value in pairs:
        if type(key) not in (str, int, float, bool, bytes):
            raise ValueError("a key that is neither text nor a number")
        made[key] = value
    return made
