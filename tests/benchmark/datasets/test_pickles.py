"""Data comes out as it went in, and nothing else comes out or runs."""

from __future__ import annotations

import collections
import copyreg
import os
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from g2d.benchmark.datasets.pickles import load_pickle
from g2d.errors import UserError

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)


@pytest.fixture(scope="session")
def file(tmp_path_factory):
    return tmp_path_factory.mktemp("pickles") / "data.pkl"


def read(file: Path, content: bytes):
    file.write_bytes(content)
    return load_pickle(file)


def same(a, b) -> bool:
    """Equal and of the same types, all the way down."""
    if type(a) is not type(b):
        return False
    if isinstance(a, np.ndarray):
        if a.dtype != b.dtype or a.shape != b.shape:
            return False
        if a.dtype.hasobject:
            return all(map(same, a.reshape(-1).tolist(), b.reshape(-1).tolist()))
        return a.tobytes() == b.tobytes()
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b or (a != a and b != b)


numbers = hnp.scalar_dtypes().filter(lambda dtype: dtype.kind in "biufc")
texts = hnp.byte_string_dtypes(max_len=5) | hnp.unicode_string_dtypes(max_len=5)
arrays = hnp.arrays(numbers | texts, hnp.array_shapes(min_dims=0, min_side=0, max_side=4))
keys = st.text(max_size=4) | st.integers() | st.binary(max_size=4) | st.booleans()
leaves = (
    st.none() | keys | st.floats() | arrays | arrays.map(lambda a: a.T) | st.sets(keys, max_size=3)
)
contents = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(keys, inner, max_size=4)
        | st.dictionaries(keys, inner, max_size=3).map(collections.OrderedDict)
        | st.dictionaries(keys, inner, max_size=3).map(lambda d: collections.defaultdict(list, d))
    ),
    max_leaves=12,
)


@given(content=contents, protocol=st.sampled_from(PROTOCOLS))
def test_containers_and_arrays_come_back(file, content, protocol):
    assert same(read(file, pickle.dumps(content, protocol)), content)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_what_is_rare_comes_back_too(file, protocol):
    inner = np.empty(3, object)
    inner[:] = ["a", np.arange(2.0), (None, [np.float32(1)])]
    content = {
        "scalars": [np.float64(1.5), np.int8(-3), np.bool_(True), np.str_("é"), np.str_("")],
        "types": (np.dtype("f4"), np.dtype(">i2"), np.dtype("U3")),
        "objects": inner,
        "in columns": np.asfortranarray(np.arange(6).reshape(2, 3)),
        "other end first": np.array([1, 256], ">u2"),
        "frozen": frozenset({"a", b"b"}),
        "complex": 1 + 2j,
    }
    assert same(read(file, pickle.dumps(content, protocol)), content)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_what_is_shared_stays_shared_and_a_circle_closes(file, protocol):
    array = np.arange(4.0)
    content: list = [array, (array, 1)]
    content.append((content,))
    got = read(file, pickle.dumps(content, protocol))
    assert got[0] is got[1][0]
    assert got[2][0] is got
    got[0][0] = 9  # an array of its own, which may be written to


def test_both_names_of_numpys_core(file):
    made = pickle.dumps(np.arange(3.0), 2)
    for core in (b"numpy.core", b"numpy._core"):
        renamed = made.replace(b"numpy._core", b"numpy.core").replace(b"numpy.core", core)
        assert read(file, renamed).tolist() == [0, 1, 2]


def python2_array(values: np.ndarray) -> bytes:
    """What Python 2's cPickle writes at protocol 2: every string is a string of bytes."""
    shape = b"".join(b"K" + bytes([side]) for side in values.shape)
    return (
        b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R(K\x01("
        + shape
        + b"tcnumpy\ndtype\nU\x02"
        + values.dtype.str[1:].encode()
        + b"K\x00K\x01\x87R(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89T"
        + struct.pack("<I", values.nbytes)
        + values.tobytes()
        + b"tb"
    )


def test_python_2(file):
    values = np.array([[1.5, -2.25], [3e300, 255]])
    got = read(file, b"\x80\x02}(U\x03id1" + python2_array(values) + b"U\x03id\xe9K\x01u.")
    assert same(got, {"id1": values, "idé": 1})
    unversioned = python2_array(values).replace(b"R(K\x01(K", b"R((K", 1)
    assert same(read(file, unversioned + b"."), values)
    assert read(file, b"c__builtin__\nset\n((lp0\nI1\naI2\natR.") == {1, 2}
    assert read(file, b"(dp0\nS'a'\np1\n(lp2\nF1.5\naL7L\nasS'b'\nI01\ns.") == {
        "a": [1.5, 7],
        "b": True,
    }


FILE = "ran-all-the-same"
COMMAND = f"touch {FILE}".encode()
SHORT = b"\x8c" + bytes([len(COMMAND)]) + COMMAND


def word(text: str) -> bytes:
    return b"\x8c" + bytes([len(text)]) + text.encode()


ATTACKS = {
    "a call": (b"cos\nsystem\n(S'" + COMMAND + b"'\ntR.", r"os\.system"),
    "posix": (b"\x80\x04cposix\nsystem\n(" + SHORT + b"tR.", r"posix\.system"),
    "from the stack": (
        b"\x80\x04" + word("os") + word("system") + b"\x93" + SHORT + b"\x85R.",
        r"os\.system",
    ),
    "an instance": (b"(S'" + COMMAND + b"'\nios\nsystem\n.", r"os\.system"),
    "an object": (b"(cos\nsystem\nS'" + COMMAND + b"'\no.", r"os\.system"),
    "a new object": (
        b"\x80\x02csubprocess\nPopen\nS'" + COMMAND + b"'\n\x85\x81.",
        r"subprocess\.Popen",
    ),
    "a new object by keys": (
        b"\x80\x04" + word("subprocess") + word("Popen") + b"\x93" + SHORT + b"\x85}\x92.",
        r"subprocess\.Popen",
    ),
    "eval": (b"cbuiltins\neval\n(S'1'\ntR.", r"builtins\.eval"),
    "eval of Python 2": (b"c__builtin__\neval\n(S'1'\ntR.", r"__builtin__\.eval"),
    "exec": (b"cbuiltins\nexec\n(S'1'\ntR.", r"builtins\.exec"),
    "open": (b"cbuiltins\nopen\n(S'" + FILE.encode() + b"'\nS'w'\ntR.", r"builtins\.open"),
    "getattr": (b"cbuiltins\ngetattr\n(cbuiltins\ndict\nS'fromkeys'\ntR.", r"builtins\.getattr"),
    "import": (b"cbuiltins\n__import__\n(S'os'\ntR.", r"builtins\.__import__"),
    "a dotted name": (
        b"\x80\x04" + word("builtins") + word("str.format") + b"\x93.",
        r"builtins\.str\.format",
    ),
    "numpy.load": (b"cnumpy\nload\n(S'x.npy'\ntR.", r"numpy\.load"),
    "numpy.fromfile": (b"cnumpy\nfromfile\n(S'/etc/passwd'\ntR.", r"numpy\.fromfile"),
    "numpy's runner": (b"cnumpy.testing._private.utils\nruncstring\n(S'1'\ntR.", "runcstring"),
    "numpy's loader": (b"cnumpy.ctypeslib\nload_library\n(S'libc'\nS'/'\ntR.", "load_library"),
    "another module's": (b"cfunctools\npartial\n(cos\nsystem\ntR.", r"functools\.partial"),
    "copyreg": (b"ccopy_reg\n_reconstructor\n(cos\n_wrap_close\nNNtR.", "copy_reg"),
    "operator": (b"coperator\nattrgetter\n(S'system'\ntR.", "operator"),
    "a default": (b"ccollections\ndefaultdict\n(cos\ngetcwd\ntR.", r"os\.getcwd"),
    "a default of ours": (
        b"ccollections\ndefaultdict\n(c_codecs\nencode\ntR.",
        "defaultdict with a function of its own",
    ),
    "persistent": (b"P" + FILE.encode() + b"\n.", "outside the file"),
    "persistent, binary": (b"\x80\x02U\x01xQ.", "outside the file"),
    "a codec": (b"c_codecs\nencode\n(S'x'\nS'zlib'\ntR.", r"_codecs\.encode into 'zlib'"),
    "memory": (b"cbuiltins\nbytes\n(I100000000000000\ntR.", "bytes made of something"),
    "a change of a function": (
        b"\x80\x02c_codecs\nencode\n}X\x01\x00\x00\x00aK\x01sb.",
        "a change of a function",
    ),
    "a change of a slot": (
        b"\x80\x02c_codecs\nencode\nN}X\x09\x00\x00\x00_functionK\x01s\x86b.",
        "a change of a function",
    ),
    "a change of an array": (
        pickle.dumps(np.arange(2), 5)[:-1] + b"N}(X\x05\x00\x00\x00value(lu\x86b.",
        "a change of an array",
    ),
    "addresses as numbers": (
        python2_array(np.arange(2)).replace(b"U\x02i8", b"U\x02O8") + b".",
        "an array of addresses",
    ),
    "an address as a number": (
        b"cnumpy.core.multiarray\nscalar\n(cnumpy\ndtype\n(S'O8'\nI0\nI1\ntRS'12345678'\ntR.",
        "a number made of an address",
    ),
    "a record": (b"cnumpy\ndtype\n(S'V8'\nI0\nI1\ntR.", "an array of 'V8'"),
    "forged fields": (
        python2_array(np.arange(2)).replace(b"<NNNJ", b"<N)}J") + b".",
        "a structured array",
    ),
    "an array of another class": (
        b"cnumpy.core.multiarray\n_reconstruct\n(cbuiltins\ndict\n(I0\ntS'b'\ntR.",
        "a kind of its own",
    ),
}  # fmt: skip


def test_a_name_does_not_write_on_the_terminal(file):
    program = b"\x80\x04" + word("os\n\x1b[2J") + word("system") + b"\x93."
    with pytest.raises(UserError, match=r"it holds os\?\?\[2J\.system, and"):
        read(file, program)


@pytest.mark.parametrize("attack", ATTACKS)
def test_attacks_are_refused_by_name_and_do_not_run(attack, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    program, named = ATTACKS[attack]
    with pytest.raises(UserError, match=named) as raised:
        read(tmp_path / "data.pkl", program)
    assert str(raised.value).startswith(f"{tmp_path / 'data.pkl'} was refused: it holds ")
    assert "\n" not in str(raised.value)
    assert [path.name for path in tmp_path.iterdir()] == ["data.pkl"]


def test_the_attacks_are_real(tmp_path, monkeypatch):
    """Python's own reader runs them."""
    monkeypatch.chdir(tmp_path)
    for attack in ("a call", "posix", "from the stack", "an instance", "an object"):
        pickle.loads(ATTACKS[attack][0])
        (tmp_path / FILE).unlink()


class Harmful:
    def __reduce__(self):
        return os.system, (COMMAND.decode(),)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("hidden", [lambda h: {"train": [h]}, lambda h: np.array([h, 1], object)])
def test_what_is_hidden_among_data_is_found(protocol, hidden, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"system, and only numpy arrays and plain containers"):
        read(tmp_path / "data.pkl", pickle.dumps(hidden(Harmful()), protocol))
    assert not (tmp_path / FILE).exists()


@pytest.mark.parametrize("used_before", [False, True])
def test_extension_codes_are_looked_up_by_name(file, used_before):
    copyreg.add_extension("os", "getcwd", 250)
    try:
        if used_before:
            assert pickle.loads(b"\x80\x02\x82\xfa)R.") == str(Path.cwd())
        with pytest.raises(UserError, match=r"it holds os\.getcwd"):
            read(file, b"\x80\x02\x82\xfa)R.")
        with pytest.raises(UserError, match="unregistered extension code"):
            read(file, b"\x80\x02\x82\xfb)R.")
    finally:
        copyreg.remove_extension("os", "getcwd", 250)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_files_cut_short(file, protocol):
    whole = pickle.dumps({"a": [np.arange(20.0), "text"], "b": (1, 2.5)}, protocol)
    for length in range(1, len(whole), 7):
        with pytest.raises(UserError, match=r"no pickle, or damaged|was refused"):
            read(file, whole[:length])


@example(place=128, byte=10, protocol=5)
@given(place=st.integers(0, 10_000), byte=st.integers(0, 255), protocol=st.sampled_from(PROTOCOLS))
def test_a_flipped_byte_is_data_or_an_error_in_words(file, place, byte, protocol):
    content = bytearray(pickle.dumps({"a": [np.arange(6), "text", {1}], "b": (1, 2.5)}, protocol))
    place %= len(content)
    # a memo index of four random bytes would make Python ask for as many entries
    if chr(content[place]) not in "qhr" and chr(byte) not in "rj":
        content[place] = byte
    said = f"{file} is damaged"
    try:
        read(file, bytes(content))
    except UserError as error:
        said = str(error)
    assert said.startswith(str(file))
    assert "\n" not in said


def test_an_array_without_contents_is_damage(file):
    program = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR."
    with pytest.raises(UserError, match="damaged"):
        read(file, program)
    with pytest.raises(UserError, match="an array of 24 bytes has 16"):
        read(file, python2_array(np.arange(2)).replace(b"K\x02t", b"K\x03t", 1) + b".")


def test_no_pickle_at_all(tmp_path):
    with pytest.raises(UserError, match=r": nothing\.pkl is missing"):
        load_pickle(tmp_path / "nothing.pkl")
    file = tmp_path / "data.pkl"
    for content, said in (
        (b"", "is empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "is a Git LFS pointer"),
        (b"<!DOCTYPE html><html>", "no pickle, or damaged"),
        (b"PK\x03\x04 a zip", "no pickle, or damaged"),
    ):
        with pytest.raises(UserError, match=said):
            read(file, content)
