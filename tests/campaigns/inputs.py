"""Wrong inputs, made by hypothesis: command lines, recipes, tables, files, requests.

Each is a plain value that hypothesis can make smaller. `wrong_inputs.py` and `damaged_files.py`
count what becomes of many; `fuzz.py` stops at the first fault and shows the smallest like it.
"""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np
import soundfile
from hypothesis import strategies as st
from PIL import Image

# Words that people, scripts and spreadsheets write where something else is expected.
WORDS = st.sampled_from(
    [
        *("", " ", ".", "..", "...", "/", "/dev/null", "/etc/passwd", "~", "*", "-", "--", "-1"),
        *("0", "-0", "1", "2", "3.5", "1e308", "-1e308", "1e-400", "nan", "inf", "-inf", ".nan"),
        *(str(2**31), str(2**53), str(2**63), str(-(2**63)), "1" + "0" * 30, "0x10", "1_000", "١"),
        *("true", "off", "null", "None", "[]", "{}", "[1", "{a: 1}", "[[1]]", "!!bool maybe"),
        *(
            "&a [*a]",
            "a: b: c",
            "os.system",
            "builtins.exit",
            "g2d",
            "g2d.G2D",
            "a..b",
            "torch.nn.ReLU",
        ),
        *("joint", "g2d", "umt", "late", "sgd", "train", "kind", "x", "x,y", "a|b", "é", "\u202e"),
        *("a\nb", "a\tb", "=1+1", "$^$", "<b>", "%s", "{0}", "a" * 300, "../up", "con", "a b"),
    ]
)
TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=12)
# None between a few and 2^53: what is large and allowed takes long, which is no fault.
NUMBERS = st.one_of(
    st.integers(-3, 3),
    st.sampled_from([2**53, 2**63, -(2**63), 10**30, 0.5, -0.5, 1e308, -1e308, 5e-324]),
    st.sampled_from([float("nan"), float("inf"), float("-inf")]),
)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, WORDS, TEXTS),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.one_of(WORDS, TEXTS), inner, max_size=3)
    ),
    max_leaves=6,
)

COMMANDS = (
    *("train", "teach", "evaluate", "predict", "export", "diagnose", "compare", "tune", "report"),
    *("analyse", "serve", "methods", "recipes", "grids", "data", "demo", "ensemble"),
)
OPTIONS = st.sampled_from(
    [
        *("--seed", "--out", "--target", "--method", "--fusion", "--name", "--data", "--format"),
        *("--on", "--seeds", "--epochs", "--jobs", "--launcher", "--show", "--to", "--json"),
        *("--host", "--port", "--max-mb", "--max-rows", "--threads", "--token", "--allow-host"),
        *("--training.batch_size", "--training.learning_rate", "--training.optimizer"),
        *("--training.workers", "--training.devices", "--training.precision", "--data.target"),
        *("--data.modalities.tabular.columns", "--data.split.val", "--encoders.tabular.width"),
        *("--fusion.width", "--method.alpha", "--method.schedule", "--teachers.tabular", "--a.b"),
        *("--trials", "--time-limit", "--methods", "--verbose", "--help", "--version", "--root"),
        *("--method.gamma", "--method.members", "--labels", "--id", "--of", "--positive"),
        *("--order", "--task", "--weights", "--resume", "--budget-minutes", "--trust", "--split"),
    ]
)
# What stands in place of a folder or file that is there.
PLACES = st.sampled_from(["DONE", "RECIPE", "TABLE", "OUT", "NOWHERE", "DONE/run.json", "STORE"])


@st.composite
def command_lines(draw: st.DrawFn) -> list[str]:
    """Words behind `g2d`; those of `PLACES` are replaced by what is there.

    What would serve, or train what is shipped, for minutes is given nothing to begin with.
    """
    command = draw(st.sampled_from(COMMANDS))
    piece = st.one_of(WORDS, TEXTS, OPTIONS, PLACES)
    words = draw(st.lists(piece, max_size=5))
    idle = {"serve": ["NOWHERE"], "demo": ["--epochs", "0"], "diagnose": ["NOWHERE"]}
    idle |= {"tune": ["NOWHERE"], "compare": ["NOWHERE"], "teach": ["NOWHERE"]}
    first = idle.get(command) or draw(st.lists(PLACES, max_size=1))
    return [command, *first, *words]


def _paths(content: Any, before: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [before] if before else []
    items: Any = ()
    if isinstance(content, dict):
        items = content.items()
    elif isinstance(content, list):
        items = enumerate(content)
    for key, value in items:
        found += _paths(value, (*before, key))
    return found


@st.composite
def recipes(draw: st.DrawFn, whole: dict[str, Any]) -> str:
    """The text of a recipe of which a few places are changed, lacking or more than there should be.

    Epochs are let alone: many of them are no fault.
    """
    content = json.loads(json.dumps(whole))
    for _ in range(draw(st.integers(1, 3))):
        paths = [path for path in _paths(content) if path[-1] != "epochs"]
        *above, last = draw(st.sampled_from(paths))
        inner = content
        for key in above:
            inner = inner[key]
        act = draw(st.sampled_from(["change", "change", "drop", "add"]))
        if act == "change":
            inner[last] = draw(VALUES)
        elif act == "drop":
            del inner[last]
        elif isinstance(inner, dict):
            inner[draw(st.one_of(WORDS, TEXTS))] = draw(VALUES)
        if not _paths(content):
            break
    text = json.dumps(content, indent=1)
    if draw(st.integers(0, 4)) == 0:  # broken as text
        at = draw(st.integers(0, len(text)))
        text = (
            text[:at]
            + draw(st.one_of(WORDS, TEXTS, st.just("")))
            + text[at:][: draw(st.one_of(st.none(), st.integers(0, 50)))]
        )
    return text


BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{b}: &{b} [{','.join(9 * ['*' + a])}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)
DEEP = "[" * 3000 + "]" * 3000

CELLS = st.one_of(
    WORDS,
    TEXTS,
    st.sampled_from(["1,5", "1.234", "$50,000", "30 %", "2024-02-30", "29/02/2024", "12:60", "NA"]),
    st.integers(-5, 5).map(str),
    st.floats(width=32).map(str),
)


@st.composite
def tables(draw: st.DrawFn) -> bytes:
    """A CSV, mostly: columns of many kinds, cells of any, bytes that are lost or changed."""
    names = draw(
        st.lists(st.one_of(st.sampled_from(["x", "y", "note", "kind"]), CELLS), max_size=5)
    )
    pools = [draw(st.lists(CELLS, min_size=1, max_size=4)) for _ in names]
    rows = draw(st.sampled_from([0, 1, 2, 3, 20, 40]))
    separator = draw(st.sampled_from([",", ";", "\t", "|"]))
    lines = [separator.join(names)]
    for row in range(rows):
        cells = [pool[(row * (place + 1)) % len(pool)] for place, pool in enumerate(pools)]
        lines.append(separator.join(cells[: len(cells) - (row % 7 == 6 and draw(st.booleans()))]))
    encoding = draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252"]))
    content = "\n".join(lines).encode(encoding, errors="replace")
    return draw(damaged(content)) if draw(st.integers(0, 3)) == 0 else content


@st.composite
def damaged(draw: st.DrawFn, content: bytes) -> bytes:
    """Bytes of which some are changed, lacking or other."""
    if not content:
        return draw(st.binary(max_size=20))
    at = draw(st.integers(0, len(content) - 1))
    how = draw(st.sampled_from(["flip", "cut", "hole", "junk", "more"]))
    if how == "flip":
        return (
            content[:at] + bytes([content[at] ^ 1 << draw(st.integers(0, 7))]) + content[at + 1 :]
        )
    if how == "cut":
        return content[:at]
    if how == "hole":
        size = min(draw(st.integers(1, 512)), len(content) - at)
        return content[:at] + bytes(size) + content[at + size :]
    if how == "more":
        return content[:at] + draw(st.binary(min_size=1, max_size=20)) + content[at:]
    return draw(st.binary(max_size=300))


@st.composite
def media(draw: st.DrawFn) -> tuple[str, bytes]:
    """A kind of column and the content of its file, mostly damaged."""
    kind = draw(st.sampled_from(["image", "audio", "features"]))
    stream = io.BytesIO()
    if kind == "image":
        mode, form = draw(
            st.sampled_from(
                [
                    *(("RGB", "PNG"), ("L", "JPEG"), ("CMYK", "JPEG"), ("P", "GIF")),
                    *(("RGBA", "WEBP"), ("I;16", "PNG"), ("1", "TIFF"), ("RGB", "BMP")),
                    *(("LA", "PNG"), ("F", "TIFF")),
                ]
            )
        )
        Image.new(mode, (draw(st.integers(1, 40)), draw(st.integers(1, 40)))).save(stream, form)
    elif kind == "audio":
        shape = (draw(st.integers(0, 3000)), draw(st.integers(1, 3)))
        samples = draw(st.sampled_from([0.0, 0.5, 1.0, 1e30, float("nan")]))
        rate = draw(st.sampled_from([1, 4000, 44_100, 384_000]))
        soundfile.write(stream, np.full(shape, samples), rate, "FLOAT", format="WAV")
    else:
        values = draw(st.sampled_from([0.0, 1.0, 1e300, float("nan"), float("inf")]))
        shape = tuple(draw(st.lists(st.integers(0, 4), max_size=3)))
        kind_of = draw(st.sampled_from(["float32", "float64", "int8", "complex64", "U3", "bool"]))
        with np.errstate(all="ignore"):
            np.save(stream, np.nan_to_num(np.full(shape, values)).astype(kind_of))
    content = stream.getvalue()
    return kind, draw(damaged(content)) if draw(st.integers(0, 3)) else content


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    """What somebody sends to a server: nearly HTTP."""
    method = draw(st.sampled_from(["GET", "POST", "HEAD", "PUT", "OPTIONS", "", "get", "CONNECT"]))
    path = draw(
        st.one_of(
            st.sampled_from(["/", "/health", "/schema", "/metrics", "/predict", "/predict/files"]),
            st.sampled_from(["*", "//", "/..%2f..", "/%00", "http://evil.example/schema", "/é"]),
        )
    )
    rows = json.dumps({"rows": draw(st.lists(VALUES, max_size=3))}).encode()
    row = json.dumps({"rows": [draw(st.dictionaries(CELLS, VALUES, max_size=3))]}).encode()
    form = b'--b\r\nContent-Disposition: form-data; name="note"; filename="a"\r\n\r\nx\r\n--b--\r\n'
    body = draw(st.one_of(st.just(rows), st.just(row), st.just(form), st.binary(max_size=40)))
    body = draw(damaged(body)) if draw(st.booleans()) else body
    lines = [f"{method} {path} HTTP/1.1"]
    known = {
        "Host": ["localhost", "evil.example", "", "127.0.0.1:1", "[::1"],
        "Content-Type": ["application/json", "multipart/form-data; boundary=b", "a", "/"],
        "Content-Length": [str(len(body)), str(len(body)), "-1", "x", "1" * 30],
        "Transfer-Encoding": ["chunked", "gzip"],
        "Origin": ["null", "http://evil.example", "http://localhost"],
        "Expect": ["100-continue"],
        "Upgrade": ["websocket"],
        "Connection": ["close", "upgrade", "keep-alive"],
    }
    kept = ["Host", "Content-Type", "Content-Length"]
    kept += draw(st.lists(st.sampled_from(list(known)), max_size=2))
    lines += [f"{name}: {draw(st.sampled_from(known[name]))}" for name in kept]
    whole = "\r\n".join(lines).encode() + b"\r\n\r\n" + body
    return draw(damaged(whole)) if draw(st.integers(0, 4)) == 0 else whole
