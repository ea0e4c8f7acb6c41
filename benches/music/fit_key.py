#!/usr/bin/env python3
"""Fits the weights of src/media/key/weights.rs and prints them as Rust.

    python3 make_clips.py A --seed 1 --count 216        (and more seeds)
    MEDIAMILL_CLIPS=A cargo test --release --lib fitting -- --ignored     (writes A/holdings.jsonl)
    python3 fit_key.py A B ... [--test C ...] [--penalty 0.003] > table

Multinomial logistic regression over the 24 keys. A holding on the degree d of a key weighs the same for every tonic, so
that every clip teaches all twelve. Whole clips and cut ones count the same in sum. --test prints how often the key is
right on clips that were not fitted on. The same clips give the same table. Needs numpy and scipy.
"""
import argparse
import json
import os
import sys

import numpy
from scipy.optimize import minimize

NAMES = ["C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B"]


def load(folder):
    """Holdings turned to each of the twelve tonics, the right key (12 and up for minor), and whether the clip is cut."""
    with open(os.path.join(folder, "truth.json")) as file:
        truth = json.load(file)
    with open(os.path.join(folder, "holdings.jsonl")) as file:
        rows = [row for row in map(json.loads, file) if row["name"] in truth]
    held = numpy.array([row["holdings"] for row in rows])
    turned = numpy.stack([numpy.roll(held, -tonic, axis=2) for tonic in range(12)], axis=1)
    right = [truth[row["name"]] for row in rows]
    keys = numpy.array([NAMES.index(one["tonic"]) + 12 * (one["mode"] == "minor") for one in right])
    return turned, keys, numpy.array([row["cut"] for row in rows])


def judged(turned, weights):
    major, minor = weights[:-1].reshape(2, *turned.shape[2:])
    return numpy.concatenate([numpy.einsum("ntkd,kd->nt", turned, major),
                              numpy.einsum("ntkd,kd->nt", turned, minor) + weights[-1]], axis=1)


def fit(turned, keys, cut, penalty):
    count = numpy.arange(len(keys))
    share = numpy.where(cut, 0.5 / max(1, cut.sum()), 0.5 / max(1, (~cut).sum()))

    def loss(weights):
        odds = judged(turned, weights)
        odds = numpy.exp(odds - odds.max(axis=1, keepdims=True))
        odds /= odds.sum(axis=1, keepdims=True)
        value = -(share * numpy.log(odds[count, keys] + 1e-12)).sum() + penalty * (weights ** 2).sum()
        off = odds.copy()
        off[count, keys] -= 1
        off *= share[:, None]
        slopes = [numpy.einsum("nt,ntkd->kd", part, turned).ravel() for part in (off[:, :12], off[:, 12:])]
        return value, numpy.concatenate([*slopes, [off[:, 12:].sum()]]) + 2 * penalty * weights

    start = numpy.zeros(2 * turned.shape[2] * 12 + 1)
    return minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 500}).x


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clips", nargs="+")
    parser.add_argument("--test", nargs="*", default=[])
    parser.add_argument("--penalty", type=float, default=0.003)
    arguments = parser.parse_args()
    turned, keys, cut = (numpy.concatenate(part) for part in zip(*map(load, arguments.clips)))
    weights = fit(turned, keys, cut, arguments.penalty)
    for folder in [*arguments.clips, *arguments.test]:
        test, right, cuts = load(folder)
        hits = judged(test, weights).argmax(axis=1) == right
        print(f"{folder}: whole {hits[~cuts].mean():.3f}, cut {hits[cuts].mean():.3f}", file=sys.stderr)
    for mode in weights[:-1].reshape(2, -1, 12):
        rows = "".join("        [" + ", ".join(f"{one:.2f}" for one in row) + "],\n" for row in mode)
        print("    [\n" + rows + "    ],")
    print(f"MINOR {weights[-1]:.2f}")


if __name__ == "__main__":
    main()
