"""The table of docs/export.md: every fusion with every encoder, in both formats."""

from __future__ import annotations

import pytest
import torch

from g2d import UserError
from g2d.models.multimodal import TokenEncoder
from g2d.recipes.blueprint import build
from g2d.recipes.catalog import ENCODERS as KNOWN
from g2d.recipes.catalog import FUSIONS as KNOWN_FUSIONS
from g2d.recipes.catalog import METHODS
from g2d.recipes.components import locate
from g2d.table.export.export import TOLERANCE, export_model
from table.export.exports import ENCODERS, FUSIONS, TASK, VARIANTS, model_of, pair, table_of_page

FEW = {("late", "mlp"), ("di_mml", "words")}
GRID = [
    pytest.param(fusion, encoder, marks=() if (fusion, encoder) in FEW else pytest.mark.slow)
    for fusion in FUSIONS
    for encoder in ENCODERS
]


def formats_of(model, shapes, folder):
    """Those that export."""
    formats = []
    for name, suffix in (("torch", ".pt2"), ("onnx", ".onnx")):
        file = folder / f"model{suffix}"
        try:
            done = export_model(model, TASK, shapes, file, name)
        except UserError:
            continue
        assert done.difference <= TOLERANCE
        file.unlink()  # some are large
        formats.append(name)
    return ", ".join(formats) or "none"


def what_exports(fusion, encoder, folder):
    """As the page says it: the formats, or `–` where there is no such model."""
    options, _ = ENCODERS[encoder]
    with torch.device("meta"):
        tokens = isinstance(build(locate(encoder, KNOWN, "encoders"), options, ""), TokenEncoder)
    if not tokens and "sequence" in fusion:
        with pytest.raises(UserError, match=r"has no tokens\(x\)"):
            pair(encoder, fusion)
        return "–"
    return formats_of(*pair(encoder, fusion), folder)


@pytest.mark.parametrize(("fusion", "encoder"), GRID)
def test_the_table_says_what_exports(fusion, encoder, tmp_path):
    assert table_of_page()[fusion][encoder] == what_exports(fusion, encoder, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(("encoder", "shape", "fusion"), VARIANTS)
def test_options_and_clips_export_as_well(encoder, shape, fusion, tmp_path):
    assert formats_of(*model_of(encoder, shape, fusion), tmp_path) == "torch, onnx"


def test_the_table_has_every_fusion_and_encoder_and_every_fusion_of_a_method():
    table = table_of_page()
    assert list(table) == list(FUSIONS)
    assert set(KNOWN_FUSIONS) <= set(table)
    assert {name for name, entry in METHODS.items() if entry.fusions == "own"} <= set(table)
    # published models are as many as there are: two are tried in test_published_models
    own = set(KNOWN) - {"sentence_transformers", "timm", "transformers"}
    assert all(set(row) == own for row in table.values())
