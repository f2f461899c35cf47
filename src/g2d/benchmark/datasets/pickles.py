"""Reading pickles that others made: arrays and plain containers, and nothing that could run.

A pickle is a program. It may name any function of any module and call it, so opening a data file
from the internet with `pickle.load` is running it. Here a name is looked up in a short table, and
whatever numpy's own pickles call is replaced by functions of this file that check what they are
given: numpy's would believe a forged description of an array's memory.
"""

from __future__ import annotations

import copyreg
import pickle
import re
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from g2d.data.preparation.sample import UnusableError, readable
from g2d.errors import UserError

_PLAIN = re.compile(r"\?|b1|[iu][1248]|f(2|4|8|16)|c(8|16|32)|[SU]\d{1,9}|O8?")


def load_pickle(path: str | Path) -> Any:
    """Reads numpy arrays, scalars and types, and plain containers, of any protocol.

    Strings of Python 2 become text as Latin-1, which keeps every byte.

    Args:
        path: The file.

    Returns:
        What was pickled: dictionaries (also ordered, or with a default), lists, tuples, sets,
        text, bytes, numbers, None, arrays of numbers, text or objects of these sorts.

    Raises:
        UserError: The file is missing, empty, a git-LFS pointer, damaged, or names anything else;
            nothing that it names has been called then.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     file = Path(folder, "data.pkl")
        ...     _ = file.write_bytes(pickle.dumps({"a": np.arange(3)}))
        ...     load_pickle(file)
        {'a': array([0, 1, 2])}
    """
    path = Path(path)
    try:
        readable(path)
    except UnusableError as error:
        raise UserError(f"{path.parent}: {error}") from None
    # An extension that this program has used before would not be asked for by its name.
    copyreg.clear_extension_cache()
    with path.open("rb") as stream:
        try:
            loader = _Unpickler(stream, encoding="latin1")
            content = loader.load()
            return _released(content)
        except _RefusedError as error:
            raise UserError(
                f"{path} was refused: it holds {_shown(error)}, and only numpy arrays and plain "
                "containers are read; ask its maker for such a file"
            ) from None
        except MemoryError:
            raise UserError(f"{path} is damaged, or larger than the memory") from None
        except Exception as error:  # a broken program fails in any way
            raise UserError(
                f"{path} is no pickle, or damaged ({_shown(error)}); obtain it again"
            ) from None


class _RefusedError(Exception):
    """What was asked for, in words."""


def _shown(error: Exception) -> str:
    """One line of an error, fit for a terminal: the words may be the file's own."""
    text = str(error) or type(error).__name__
    return "".join(letter if letter.isprintable() else "?" for letter in text)[:120]


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        try:
            return _TABLE[module, name]
        except KeyError:
            raise _RefusedError(f"{module}.{name}") from None

    def persistent_load(self, pid: Any) -> NoReturn:
        raise _RefusedError("a reference to something outside the file")


class _Maker:
    """A function that a pickle may call but not change."""

    __slots__ = ("_function",)

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    def __call__(self, *args: Any) -> Any:
        return self._function(*args)

    def __setstate__(self, state: Any) -> NoReturn:
        raise _RefusedError("a change of a function")


class _Held:
    """Stands for an array or a type until all is read, since numpy's own would fill in blindly."""

    __slots__ = ("value",)
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, value: Any = None) -> None:
        self.value = value

    def __setstate__(self, state: Any) -> None:
        raise _RefusedError("a change of an array")


class _HeldArray(_Held):
    """An array whose contents follow, as they do up to protocol 4."""

    __slots__ = ()

    def __setstate__(self, state: Any) -> None:
        shape, dtype, in_columns, data = state[-4:]  # oldest numpy gives no version before
        self.value = _array(data, _dtype_of(dtype), shape, "F" if in_columns else "C")


class _HeldType(_Held):
    """A type whose byte order follows."""

    __slots__ = ()

    def __setstate__(self, state: Any) -> None:
        order, *described = state[1:5]
        if any(part is not None for part in described) or order not in ("<", ">", "|", "="):
            raise _RefusedError("a structured array")
        if order in "<>":
            self.value = np.dtype(self.value.newbyteorder(order).str)


def _dtype(name: Any, *_: Any) -> _HeldType:
    if not isinstance(name, str) or not _PLAIN.fullmatch(name):
        raise _RefusedError(f"an array of {str(name)[:40]!r}")
    return _HeldType(np.dtype("O" if name == "O8" else name))


def _dtype_of(held: Any) -> np.dtype[Any]:
    if not isinstance(held, _HeldType):
        raise _RefusedError("an array without a type")
    dtype: np.dtype[Any] = held.value
    return dtype


def _array(data: Any, dtype: np.dtype[Any], shape: Any, order: Any) -> Any:
    if dtype.hasobject:
        if not isinstance(data, list):
            raise _RefusedError("an array of addresses")
        array = np.empty(len(data), dtype)
        for place, element in enumerate(data):
            array[place] = element
        return array.reshape(shape, order=order)
    values = _bytes_of(data)
    expected = int(np.prod(shape, dtype=object)) * dtype.itemsize
    if len(values) != expected:
        raise ValueError(f"an array of {expected} bytes has {len(values)}")
    # A copy: what is read may be written to, and has its own memory.
    return np.ndarray(shape, dtype, values, order=order).copy(order="K")


def _bytes_of(data: Any) -> bytes | bytearray:
    if isinstance(data, str):  # Python 2 has one type for both
        return data.encode("latin1")
    if not isinstance(data, bytes | bytearray):
        raise _RefusedError("an array without contents")
    return data


def _reconstruct(kind: Any, *_: Any) -> _HeldArray:
    if kind is not _NDARRAY:
        raise _RefusedError("an array of a kind of its own")
    return _HeldArray()


def _frombuffer(data: Any, dtype: Any, shape: Any, order: Any, *_: Any) -> _Held:
    return _Held(_array(data, _dtype_of(dtype), shape, order))


def _scalar(dtype: Any, data: Any = b"") -> Any:
    kind = _dtype_of(dtype)
    if kind.hasobject:
        raise _RefusedError("a number made of an address")
    return _array(data, kind, (), "C")[()]


def _encode(text: Any, encoding: Any = None) -> bytes:
    """How protocols 0 to 2 write bytes."""
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
        raise _RefusedError(f"_codecs.encode into {str(encoding)[:40]!r}")
    return text.encode("latin1")


def _bytes(*args: Any) -> bytes:
    """Empty, as protocols 0 to 2 write it; a number would ask for that much memory."""
    if args:
        raise _RefusedError("bytes made of something else")
    return b""


def _defaultdict(factory: Any = None, *rest: Any) -> defaultdict[Any, Any]:
    if rest or not (factory is None or factory in (dict, list, set, tuple, str, int, float, bool)):
        raise _RefusedError("a collections.defaultdict with a function of its own")
    return defaultdict(factory)


_NDARRAY = _Maker(_reconstruct)
_NUMPY: dict[str, tuple[str, Callable[..., Any]]] = {
    "_reconstruct": ("multiarray", _reconstruct),
    "scalar": ("multiarray", _scalar),
    "_frombuffer": ("numeric", _frombuffer),
}
# Types made in C, which no pickle can change, and makers.
_TYPES = (dict, list, tuple, set, frozenset, str, int, float, bool, complex)
_TABLE: dict[tuple[str, str], Any] = {
    **{(home, kind.__name__): kind for home in ("builtins", "__builtin__") for kind in _TYPES},
    **{(home, "bytes"): _Maker(_bytes) for home in ("builtins", "__builtin__")},
    ("__builtin__", "unicode"): str,
    ("__builtin__", "long"): int,
    ("collections", "OrderedDict"): OrderedDict,
    ("collections", "defaultdict"): _Maker(_defaultdict),
    ("_codecs", "encode"): _Maker(_encode),
    ("numpy", "ndarray"): _NDARRAY,
    ("numpy", "dtype"): _Maker(_dtype),
    **{
        (f"numpy.{core}.{module}", name): _Maker(function)
        for core in ("core", "_core")
        for name, (module, function) in _NUMPY.items()
    },
}


def _released(content: Any) -> Any:
    """The same with arrays in the place of what stood for them, each once."""
    found: dict[int, Any] = {}
    waiting = [content]
    while waiting:  # no recursion: lists in lists may be deep
        one = waiting.pop()
        if not isinstance(one, dict | list | tuple | _Held | np.ndarray) or id(one) in found:
            continue
        found[id(one)] = one
        waiting.extend(_inside(one))
    if not any(isinstance(one, _Held) for one in found.values()):
        return content
    new: dict[int, Any] = {}
    for one in found.values():
        if isinstance(one, dict):
            for key, value in list(one.items()):
                one[key] = _renewed(value, new)
        elif isinstance(one, list):
            one[:] = [_renewed(value, new) for value in one]
        elif isinstance(one, np.ndarray) and one.dtype.hasobject:
            flat = one.reshape(-1, order="A")
            for place, value in enumerate(flat):
                flat[place] = _renewed(value, new)
    return _renewed(content, new)


def _inside(one: Any) -> list[Any]:
    """What a container holds that may hold something itself."""
    if isinstance(one, _Held):
        return [one.value]
    if isinstance(one, np.ndarray):
        return one.reshape(-1).tolist() if one.dtype.hasobject else []
    inner = one.values() if isinstance(one, dict) else one
    return [value for value in inner if type(value) not in (float, int, str)]


def _renewed(value: Any, new: dict[int, Any]) -> Any:
    if isinstance(value, _Held):
        if value.value is None:
            raise ValueError("an array has no contents")
        return value.value
    if not isinstance(value, tuple):
        return value
    if id(value) not in new:
        inner = [_renewed(part, new) for part in value]
        same = all(a is b for a, b in zip(inner, value, strict=True))
        new[id(value)] = value if same else tuple(inner)
    return new[id(value)]
