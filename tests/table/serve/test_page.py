"""The page in a real browser: files are dropped on it, and it shows what the server says."""

from __future__ import annotations

import base64
import hashlib
import html
import re
import subprocess
from contextlib import contextmanager

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import FileResponse, HTMLResponse
from starlette.routing import Mount, Route

from benchmark.report.browser import CHROMIUM, needs_browser
from g2d.table.serve.app import make_app
from table.serve.conftest import serving

# What a person does, after the page has built its form.
HELPERS = """
const wait = async (what) => { while (!what()) await new Promise((r) => setTimeout(r, 20)); };
const file = async (name, type) =>
  new File([await (await fetch(`data/${name}`)).blob()], name, { type });
const drop = (files, where) => {
  const carrier = new DataTransfer();
  for (const one of files) carrier.items.add(one);
  const options = { bubbles: true, cancelable: true, dataTransfer: carrier };
  where.dispatchEvent(new DragEvent("dragover", options));
  where.dispatchEvent(new DragEvent("drop", options));
};
const done = () => document.body.setAttribute("data-done", "yes");
"""


@contextmanager
def stage(app, folder):
    """Plays a scene on the page in Chromium; gives what the page holds afterwards."""
    scenes = {}

    async def scene(request):
        """The page as it is, and a script after its own, which its policy is told of."""
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app)) as client:
            page = await client.get("http://localhost/")
        script = f"{HELPERS}(async () => {{ {scenes['now']}; done(); }})();"
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        policy = page.headers["content-security-policy"]
        policy = policy.replace("script-src", f"script-src 'sha256-{digest}'")
        content = page.text.replace("</body>", f"<script>{script}</script></body>")
        return HTMLResponse(content, headers={"content-security-policy": policy})

    async def data(request):
        return FileResponse(folder / request.path_params["name"])

    routes = [Route("/scene", scene), Route("/data/{name}", data), Mount("/", app)]
    with serving(Starlette(routes=routes)) as address:

        def play(script, *options):
            scenes["now"] = script
            command = [CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu"]
            command += ["--disable-dev-shm-usage", "--no-first-run", *options]
            command += ["--virtual-time-budget=20000", "--dump-dom", f"{address}/scene"]
            said = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
            assert 'data-done="yes"' in said.stdout, said.stdout + said.stderr
            return said.stdout

        yield play


@pytest.fixture(scope="module")
def played(served_run):
    with stage(make_app(served_run[0], threads=1), served_run[1]) as play:
        yield play


def unimodal(page):
    """What the page says of each modality."""
    found = {}
    for name, inside in re.findall(
        r'<li class="modality" data-modality="(\w+)">(.*?)(?=<li class="modality"|</section>)',
        page,
        re.DOTALL,
    ):
        found[name] = re.search(r'<span class="(?:said|soft)">(.*?)</span>', inside)[1]
    return found


@needs_browser
def test_a_picture_and_a_sound_are_dropped(played):
    """On the page as such: each finds the column that takes it, and an answer comes unasked."""
    page = played(
        """await wait(() => document.getElementById("ask"));
        drop([await file("0.wav", "audio/wav"), await file("0.png", "image/png")], document.body);
        await wait(() => document.getElementById("said"));
        await wait(() => document.querySelector("img").naturalWidth === 24)"""
    )
    assert '<p class="big" id="said">bird</p>' in page
    assert unimodal(page) == {
        "picture": "bird",
        "call": "bird",
        "note": "not given",
        "tabular": "not given",
    }
    assert 'alt="Preview of 0.png"' in page
    assert 'aria-label="Listen to 0.wav"' in page
    assert re.search(r'<p id="error"[^>]*hidden', page)


@needs_browser
def test_words_and_numbers_are_filled_in(played):
    page = played(
        """await wait(() => document.getElementById("ask"));
        const at = (name) => document.querySelector(`[name="${name}"]`);
        at("note").value = "a dog runs near";
        at("weight").value = "20"; at("seen").value = "2024-02-29"; at("place").value = "sea";
        document.getElementById("ask").click();
        await wait(() => document.getElementById("said"))"""
    )
    assert '<p class="big" id="said">dog</p>' in page
    assert unimodal(page)["picture"] == unimodal(page)["call"] == "not given"
    assert unimodal(page)["note"] == unimodal(page)["tabular"] == "dog"


@needs_browser
def test_a_number_in_another_unit_is_doubted(played):
    page = played(
        """await wait(() => document.getElementById("ask"));
        document.querySelector('[name="weight"]').value = "20000";
        document.getElementById("ask").click();
        await wait(() => document.getElementById("said"))"""
    )
    assert re.search(r'<p class="note">weight: 20000 is outside the [\d.]+ to [\d.]+ of', page)


@needs_browser
def test_what_cannot_be_used_is_said(played):
    page = played(
        """await wait(() => document.getElementById("ask"));
        const at = (name) => document.querySelector(`[name="${name}"]`);
        drop([new File(["none"], "<b>x.png", { type: "image/png" })], at("picture"));
        await wait(() => document.querySelector(".note"));
        drop([new File(["none"], "letter.odt")], document.body);
        const lost = document.getElementById("error").textContent;
        document.body.setAttribute("data-lost", lost);
        at("weight").value = "heavy";
        document.getElementById("ask").click();
        await wait(() => document.getElementById("error").textContent.includes("weight"))"""
    )
    assert 'data-lost="No column takes letter.odt."' in page
    assert "'weight': got 'heavy', expected a number" in html.unescape(page)


@needs_browser
def test_the_page_is_cleared(played):
    page = played(
        """await wait(() => document.getElementById("ask"));
        drop([await file("1.png", "image/png")], document.body);
        await wait(() => document.getElementById("said"));
        document.querySelector("[type=reset]").click();
        await wait(() => !document.getElementById("said"))"""
    )
    assert unimodal(page) == {}
    assert "<img" not in page
    assert re.search(r'id="alone" hidden', page)


@needs_browser
def test_every_field_has_a_label(played):
    page = played('await wait(() => document.getElementById("ask"))')
    form = page.partition('id="inputs"')[2]
    fields = re.findall(r"<(?:input|textarea)\b[^>]*\bid=\"([^\"]+)\"", form)
    assert len(fields) == 7
    for field in fields:
        assert re.search(rf'<label for="{field}"><span[^>]*>\w+</span>[^<]*</label>', page)


@needs_browser
def test_a_token_is_asked_for(served_run):
    with stage(make_app(served_run[0], threads=1, token="a secret"), served_run[1]) as play:
        page = play(
            """const say = (token) => {
              document.getElementById("token").value = token;
              document.querySelector("#key button").click();
            };
            const key = document.getElementById("key");
            await wait(() => !key.hidden);
            say("another");
            await wait(() => document.getElementById("error").textContent);
            document.body.setAttribute("data-said", document.getElementById("error").textContent);
            say("a secret");
            await wait(() => document.getElementById("ask"));
            document.querySelector('[name="note"]').value = "the bird sings";
            document.getElementById("ask").click();
            await wait(() => document.getElementById("said"))"""
        )
    assert 'data-said="That is another token."' in page
    assert '<p class="big" id="said">bird</p>' in page
    assert re.search(r'id="key"[^>]*hidden', page)
    assert re.search(
        r"Trained \d{4}-\d\d-\d\d with joint, g2d [\d.]+; weights [0-9a-f]{12}\.", page
    )


def test_the_page_needs_nobody_else(client):
    """One file: it names no other address, and its policy allows none."""
    said = client.get("/")
    assert said.headers["content-type"] == "text/html; charset=utf-8"
    assert not re.findall(
        r"https?://|//\w+\.|@import|url\(|\bsrc=|<link(?! rel=\"icon\")", said.text
    )
    policy = said.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    for tag in ("script", "style"):
        (inside,) = re.findall(rf"<{tag}>(.*?)</{tag}>", said.text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
