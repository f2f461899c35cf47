"""A checksum of tensors follows all that loading them depends on."""

from __future__ import annotations

import torch

from g2d.checksums import of_file, of_tensors, sealed, unsealed


def test_names_types_shapes_and_values_are_in_it():
    values = torch.arange(6.0)
    states = [
        {"a": values},
        {"b": values},
        {"a": values.reshape(2, 3)},
        {"a": values.view(torch.int32)},
        {"a": values + torch.tensor([0, 0, 0, 0, 0, 1e-6])},
        {"a": values[:3], "b": values[3:]},
        {"a": values[3:], "b": values[:3]},
    ]
    assert len({of_tensors(state) for state in states}) == len(states)


def test_the_order_of_names_and_the_memory_are_not():
    matrix = torch.randn(3, 4)
    one = {"a": matrix, "b": torch.zeros(0)}
    assert of_tensors(one) == of_tensors({"b": torch.zeros(0), "a": matrix.T.contiguous().T})


def test_a_file_longer_than_a_block_is_read_to_its_end(tmp_path):
    content = bytes(range(256)) * (1 << 15)  # two blocks of 4 MiB
    files = [tmp_path / name for name in ("whole", "last", "short")]
    for file, held in zip(files, (content, content[:-1] + b"x", content[:-1]), strict=True):
        file.write_bytes(held)
    assert len({of_file(file) for file in files}) == 3


def test_what_is_sealed_twice_is_sealed_once():
    once = sealed({"a": [1, 2]})
    assert sealed(once) == once
    assert unsealed(once, "here") == {"a": [1, 2]}
