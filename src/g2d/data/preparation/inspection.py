"""Checks original files before (or without) preparing them."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from g2d.checksums import sha256
from g2d.data.preparation.chunks import one_thread_each
from g2d.data.preparation.report import Report
from g2d.data.preparation.sample import Counted, Decode, Sample
from g2d.data.threads import one_thread
from g2d.errors import UserError
from g2d.wording import listed

# Of faults of one sort, as many are shown; the last line counts the others.
SHOWN = 20


def inspect(
    samples: Sequence[Sample],
    decode: Decode,
    split_of: Callable[[Sample], str],
    class_names: Sequence[str] = (),
    *,
    workers: int | None = None,
    progress: Counted | None = None,
) -> Report:
    """Decodes every sample, keeps nothing, and reports what is there and what is wrong.

    Args:
        samples: What was found.
        decode: What preparation would make of each.
        split_of: The split of a sample.
        class_names: Names of the classes; none where the target is a number.
        workers: Processes; one for each core when not given, 0 for this one.
        progress: Called with the number of samples done and of all samples.

    Returns:
        Sizes and classes of the splits; files that are missing, broken, empty or pointers of Git
        LFS; files of the same content in two splits, or with two labels.
    """
    looks = list(_look_at_all(samples, decode, workers, progress))
    reasons = {sample.id: reason for sample, (reason, _) in zip(samples, looks, strict=True)}
    unusable = [f"{id}: {reason}" for id, reason in reasons.items() if reason]
    hashes = {sample.id: found for sample, (_, found) in zip(samples, looks, strict=True)}
    facts = [f"{len(samples)} samples, {len(unusable)} of them unusable"]
    facts += _counts(samples, split_of, class_names)
    twins = _twins(samples, hashes)
    problems = [*some(unusable), *some(_across(twins, split_of)), *some(_contradicting(twins))]
    same = sum(len(group) - 1 for group in twins)
    if same:
        facts.append(f"{same} files are copies of others")
    return Report(tuple(facts), tuple(problems))


def _look_at_all(
    samples: Sequence[Sample],
    decode: Decode,
    workers: int | None,
    progress: Counted | None,
) -> list[tuple[str, dict[str, str]]]:
    found = []
    count = os.cpu_count() or 1 if workers is None else workers
    if count == 0:
        with one_thread():
            for number, sample in enumerate(samples, 1):
                found.append(_look(sample, decode))
                if progress is not None:
                    progress(number, len(samples))
        return found
    with ProcessPoolExecutor(count, get_context("spawn"), one_thread_each) as pool:
        decodes = [decode] * len(samples)
        for number, one in enumerate(pool.map(_look, samples, decodes, chunksize=8), 1):
            found.append(one)
            if progress is not None:
                progress(number, len(samples))
    return found


def _look(sample: Sample, decode: Decode) -> tuple[str, dict[str, str]]:
    """Why a sample cannot be used (or nothing), and the hashes of its files."""
    try:
        decode(sample)
        reason = ""
    except UserError as error:
        reason = str(error)
    return reason, {name: sha256(path) for name, path in sample.sources.items() if path.is_file()}


def _counts(
    samples: Sequence[Sample], split_of: Callable[[Sample], str], class_names: Sequence[str]
) -> list[str]:
    by_split: dict[str, Counter[int | float]] = defaultdict(Counter)
    for sample in samples:
        by_split[split_of(sample)][sample.target] += 1
    lines = []
    for split, counts in by_split.items():
        line = f"{split}: {counts.total()}"
        if class_names:
            each = (f"{name} {counts[number]}" for number, name in enumerate(class_names))
            line += f" ({', '.join(each)})"
        lines.append(line)
    return lines


def _twins(
    samples: Sequence[Sample], hashes: Mapping[str, Mapping[str, str]]
) -> list[list[tuple[Sample, str]]]:
    """Files of the same content in different samples: the samples, and what the file is there."""
    owners: dict[tuple[str, str], list[tuple[Sample, str]]] = defaultdict(list)
    paths: dict[tuple[str, str], set[Path]] = defaultdict(set)
    for sample in samples:
        for name, digest in hashes[sample.id].items():
            owners[name, digest].append((sample, name))
            paths[name, digest].add(sample.sources[name])
    # one file that many samples share by design is no copy
    return [group for key, group in owners.items() if len(group) > 1 and len(paths[key]) > 1]


def _across(
    twins: Sequence[Sequence[tuple[Sample, str]]], split_of: Callable[[Sample], str]
) -> list[str]:
    found = []
    for group in twins:
        splits = sorted({split_of(sample) for sample, _ in group})
        if len(splits) > 1:
            names = ", ".join(sample.id for sample, _ in group[:4])
            found.append(f"the {group[0][1]} of {names} is the same, in {listed(splits)}")
    return found


def _contradicting(twins: Sequence[Sequence[tuple[Sample, str]]]) -> list[str]:
    return [
        f"the {group[0][1]} of {', '.join(sample.id for sample, _ in group[:4])} is the same, and "
        "their labels differ"
        for group in twins
        if len({sample.target for sample, _ in group}) > 1
    ]


def some(problems: list[str]) -> list[str]:
    """At most `SHOWN` of these, and how many more there are."""
    if len(problems) <= SHOWN:
        return problems
    return [*problems[:SHOWN], f"and {len(problems) - SHOWN} more of this sort"]
