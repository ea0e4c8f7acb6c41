#!/usr/bin/env python3
"""Fits the weights of src/media/rhythm/metre.rs and phase.rs and prints them as Rust.

    python3 make_clips.py A --seed 1 --count 216
    MEDIAMILL_CLIPS=A cargo test --release --lib fitting -- --ignored     (writes A/rhythms.jsonl)
    python3 fit_rhythm.py A B ... [--test C ...] [--penalty 0.03]

Metre: the right tempo against the others that are candidates for a clip. Phase: the right place in the beat against the
other eleven, for clips whose tempo was found. Both by multinomial logistic regression with a penalty on large weights.
Other music takes part as a folder of 16-bit WAV files with a truth.json that tells bpm and beats of each. The same clips
give the same tables. Needs numpy and scipy.
"""
import argparse
import json
import os
import sys

import numpy
from scipy.optimize import minimize

NEAR = 0.04  # tempi this near are the same
USUAL_BPM = 110  # as in metre.rs
LATE_S = 0.025  # strokes are strongest about so long after the score has them


def metre(row, right):
    """What each candidate is judged by, and which are right."""
    bpm = numpy.array(row["bpm"])
    octaves = numpy.log2(bpm / USUAL_BPM)[:, None]
    levels = numpy.array(row["levels"]).reshape(len(bpm), -1)
    return numpy.hstack([levels, octaves, octaves ** 2]), abs(bpm / right["bpm"] - 1) < NEAR


def phase(row, right):
    """What each of the places is judged by, and which is right."""
    beats, truth, places = numpy.array(row["beats_s"]), numpy.array(right["beats"]), numpy.array(row["places"])
    if len(beats) < 6 or len(truth) < 6 or not places.size:
        return None
    step = 60 / right["bpm"]
    if abs(numpy.median(numpy.diff(beats)) / step - 1) > NEAR:
        return None
    inside = beats[(beats > truth[0]) & (beats < truth[-1])]
    parts = numpy.interp(inside - LATE_S, truth, numpy.arange(len(truth)))
    behind = -numpy.angle(numpy.exp(2j * numpy.pi * parts).mean()) / (2 * numpy.pi)
    count = places.shape[1]
    shifted = numpy.stack([numpy.roll(places, -shift, axis=1).ravel() for shift in range(count)])
    apart = abs((numpy.arange(count) / count - behind + 0.5) % 1 - 0.5)
    return shifted, apart == apart.min()


def load(folder, look):
    with open(os.path.join(folder, "truth.json")) as file:
        truth = json.load(file)
    with open(os.path.join(folder, "rhythms.jsonl")) as file:
        rows = [row for row in map(json.loads, file) if row["name"] in truth]
    cases = [look(row, truth[row["name"]]) for row in rows]
    return [case for case in cases if case is not None]


def fit(cases, penalty):
    cases = [case for case in cases if case[1].any()]
    every = numpy.concatenate([judged for judged, _ in cases])
    spread = every.std(axis=0) + 1e-9

    def loss(weights):
        value, slope = penalty * (weights ** 2).sum(), 2 * penalty * weights
        for judged, right in cases:
            judged = judged / spread
            odds = judged @ weights
            odds = numpy.exp(odds - odds.max())
            odds /= odds.sum()
            good = odds * right
            value -= numpy.log(good.sum() + 1e-12) / len(cases)
            slope = slope + judged.T @ (odds - good / (good.sum() + 1e-12)) / len(cases)
        return value, slope

    return minimize(loss, numpy.zeros(every.shape[1]), jac=True, method="L-BFGS-B", options={"maxiter": 300}).x / spread


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clips", nargs="+")
    parser.add_argument("--test", nargs="*", default=[])
    parser.add_argument("--penalty", type=float, default=0.03)
    arguments = parser.parse_args()
    for name, look in (("metre", metre), ("phase", phase)):
        weights = fit([case for folder in arguments.clips for case in load(folder, look)], arguments.penalty)
        for folder in [*arguments.clips, *arguments.test]:
            hits = [right[(judged @ weights).argmax()] for judged, right in load(folder, look)]
            print(f"{name}, {folder}: {numpy.mean(hits):.3f} of {len(hits)}", file=sys.stderr)
        rest = len(weights) % 3
        print(f"{name}:")
        for row in weights[: len(weights) - rest].reshape(3, -1):
            print("    [" + ", ".join(f"{one:.2f}" for one in row) + "],")
        if rest:
            print(f"FAST {weights[-2]:.3f}, EXTREME {weights[-1]:.3f}")


if __name__ == "__main__":
    main()
