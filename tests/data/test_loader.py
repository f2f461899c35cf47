"""The loader's order, and that nothing is lost on the way."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from g2d.data.arrays import ArraySplit
from g2d.data.loader import limit, make_loader
from g2d.errors import UserError


def split_of(n):
    sound = np.arange(n, dtype=np.float32)[:, None]
    return ArraySplit({"sound": sound}, np.arange(n) % 3)


def order(loader, epoch=None):
    if epoch is not None:
        loader.batch_sampler.sampler.set_epoch(epoch)
    return torch.cat([batch.index for batch in loader]).tolist()


@given(n=st.integers(1, 40), batch_size=st.integers(1, 12), shuffle=st.booleans())
def test_every_sample_exactly_once_an_epoch(n, batch_size, shuffle):
    loader = make_loader(split_of(n), batch_size, shuffle=shuffle, seed=3)
    assert sorted(order(loader)) == list(range(n))
    assert len(loader) == len(list(loader))


@given(n=st.integers(2, 40), batch_size=st.integers(2, 12), epoch=st.integers(0, 3))
def test_no_sample_is_left_alone_to_train_on(n, batch_size, epoch):
    """Batch norm of vectors cannot train on one sample: 33 rows in batches of 32 did not run."""
    loader = make_loader(split_of(n), batch_size, shuffle=True, seed=3)
    loader.batch_sampler.sampler.set_epoch(epoch)
    sizes = [len(batch) for batch in loader]
    assert min(sizes) >= 2
    assert max(sizes) <= batch_size + 1
    assert sum(sizes) == n


def test_evaluation_keeps_the_order():
    assert order(make_loader(split_of(10), 4, shuffle=False)) == list(range(10))


def test_order_is_a_function_of_seed_and_epoch():
    first, second = (make_loader(split_of(50), 8, shuffle=True, seed=1) for _ in range(2))
    at_3 = order(first, epoch=3)
    assert order(first, epoch=4) != at_3
    assert order(second, epoch=3) == at_3  # however it was come to
    assert order(make_loader(split_of(50), 8, shuffle=True, seed=2), epoch=3) != at_3


def test_seeds_do_not_share_orders_in_other_epochs():
    zero, one = (make_loader(split_of(50), 8, shuffle=True, seed=seed) for seed in (0, 1))
    assert order(zero, epoch=1) != order(one, epoch=0)


def test_ranks_share_the_samples():
    parts = [
        order(make_loader(split_of(11), 4, shuffle=True, seed=5, rank=rank, world_size=3), 2)
        for rank in range(3)
    ]
    assert len({len(part) for part in parts}) == 1  # a rank with fewer batches would hang
    assert set().union(*parts) == set(range(11))


def test_rows_stay_together():
    for batch in make_loader(split_of(20), 6, shuffle=True):
        assert torch.equal(batch.inputs["sound"][:, 0].long(), batch.index)
        assert torch.equal(batch.target, batch.index % 3)


def test_global_randomness_is_left_alone():
    before = torch.random.get_rng_state()
    order(make_loader(split_of(20), 6, shuffle=True))
    assert torch.equal(torch.random.get_rng_state(), before)


def test_workers_give_the_same_batches(tmp_path):
    np.save(tmp_path / "sound.npy", np.arange(24, dtype=np.float32).reshape(12, 2))
    mapped = ArraySplit({"sound": np.load(tmp_path / "sound.npy", mmap_mode="r")}, np.arange(12))
    here, there = (
        list(make_loader(mapped, 5, shuffle=True, seed=1, workers=workers)) for workers in (0, 2)
    )
    assert len(here) == len(there) == 3
    for a, b in zip(here, there, strict=True):
        assert torch.equal(a.index, b.index)
        assert torch.equal(a.inputs["sound"], b.inputs["sound"])


class Jittered(ArraySplit):
    """Draws from torch's global generator, as an augmentation in a worker does."""

    augmented = True

    def __getitems__(self, indices):
        batch = super().__getitems__(indices)
        batch.inputs["sound"] = batch.inputs["sound"] + torch.rand(len(indices), 1)
        return batch


def test_workers_augment_by_seed_and_epoch():
    def run(epochs):
        split = Jittered({"sound": np.zeros((6, 1), np.float32)}, np.zeros(6, int))
        loader = make_loader(split, 3, shuffle=True, seed=1, workers=1)
        for epoch in epochs:
            loader.batch_sampler.sampler.set_epoch(epoch)
            last = torch.cat([batch.inputs["sound"] for batch in loader])
        return last

    assert torch.equal(run([0, 1]), run([1]))
    assert not torch.equal(run([0]), run([1]))


def jitter(workers, epochs, rank=0, seed=1):
    """What is drawn in the last of some epochs, read in one loader, and in which order."""
    split = Jittered({"sound": np.zeros((23, 1), np.float32)}, np.zeros(23, int))
    how = {"shuffle": True, "rank": rank, "world_size": 2, "workers": workers, "seeded": True}
    loader = make_loader(split, 3, seed=seed, **how)
    for epoch in epochs:
        loader.batch_sampler.sampler.set_epoch(epoch)
        batches = list(loader)
    return [torch.cat([b.index for b in batches]), torch.cat([b.inputs["sound"] for b in batches])]


@pytest.mark.filterwarnings("ignore:This DataLoader will create")  # more than this machine has
@pytest.mark.parametrize("workers", [1, 2, 3])
def test_seeded_draws_are_the_same_with_any_number_of_workers(workers):
    here = jitter(0, [0, 1])
    for found in (jitter(workers, [0, 1]), jitter(workers, [1])):  # and resumed
        assert all(torch.equal(a, b) for a, b in zip(found, here, strict=True))


def test_seeded_draws_differ_by_seed_epoch_rank_batch_and_row():
    drawn = [
        jitter(0, [epoch], rank, seed)[1] for epoch in (0, 1) for rank in (0, 1) for seed in (1, 2)
    ]
    assert len(torch.cat(drawn).unique()) == sum(map(len, drawn))


def test_seeded_draws_leave_global_randomness_alone():
    before = torch.random.get_rng_state()
    jitter(0, [0, 1])
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize(("augmented", "seeded"), [(False, False), (False, True), (True, True)])
def test_workers_stay_for_the_next_epoch(augmented, seeded):
    split = (Jittered if augmented else ArraySplit)(
        {"sound": np.arange(12, dtype=np.float32)[:, None]}, np.arange(12)
    )
    loader = make_loader(split, 5, shuffle=True, seed=1, workers=2, seeded=seeded)
    epochs = []
    for epoch in (0, 1):
        loader.batch_sampler.sampler.set_epoch(epoch)
        readers = [worker.pid for worker in iter(loader)._workers]
        epochs.append(readers)
        fresh = order(make_loader(split, 5, shuffle=True, seed=1), epoch)
        assert order(loader, epoch) == fresh
    assert epochs[0] == epochs[1]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"batch_size": 0}, "batch_size=0"),
        ({"workers": -1}, "workers=-1"),
        ({"rank": 2, "world_size": 2}, "rank=2"),
    ],
)
def test_wrong_options(options, said):
    with pytest.raises(UserError, match=said):
        make_loader(split_of(3), **{"batch_size": 2, "shuffle": False, **options})


def test_empty_split():
    with pytest.raises(UserError, match="0 samples"):
        make_loader(split_of(0), 2, shuffle=False)


@given(n=st.integers(1, 30), k=st.integers(1, 35), seed=st.integers(0, 5))
def test_limit(n, k, seed):
    whole = split_of(n)
    part = limit(whole, k, seed)
    assert len(part) == min(n, k)
    batch = part.__getitems__(list(range(len(part))))
    assert batch.index.tolist() == list(range(len(part)))
    rows = batch.inputs["sound"][:, 0].long()
    assert len(set(rows.tolist())) == len(part)
    assert torch.equal(batch.target, rows % 3)
    assert torch.equal(part.target, batch.target)
