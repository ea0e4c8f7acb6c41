#!/usr/bin/env python3
"""Makes short pieces of music of known tempo, beats, onsets and key, and renders them with fluidsynth.

    python3 make_clips.py OUT [--seed 1] [--count 96] [--fonts A.sf2 B.sf2] [--jobs 2]

Writes OUT/NAME.wav and OUT/truth.json. The same seed gives the same scores. Needs: python3 with mido and numpy,
fluidsynth, two sound fonts (FluidR3_GM and TimGM6mb by default), and lame for the clips that go through MP3.

A clip is one of 18 styles in one of 24 keys. Every choice that a band would make (pattern, instruments, progression,
voicing, swing, how exactly they play) is drawn by chance within the style; the drum patterns are written for a grid of
16 steps (12 where the time is ternary) to a bar, 'x' loud, 'o' soft.
"""
import argparse
import concurrent.futures
import json
import os
import random
import shutil
import subprocess
import sys
import wave

FONTS = ["/usr/share/sounds/sf2/FluidR3_GM.sf2", "/usr/share/sounds/sf2/TimGM6mb.sf2"]
TONICS = ["C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B"]
KICK, SNARE, RIM, CLAP, HAT, PEDAL, OPEN = 36, 38, 37, 39, 42, 44, 46
RIDE, BELL, CRASH, SHAKER, TAMB, CONGA, CONGA_LOW, COWBELL, TOM = 51, 53, 49, 70, 54, 63, 64, 56, 45

# Progressions as degrees of the scale (0 = tonic); a degree with a letter: M major, m minor, 7 dominant seventh, d diminished.
MAJOR_POP = ["0 4 5 3", "0 5 3 4", "0 3 4 0", "0 3 0 4", "0 2 3 4", "5 3 0 4", "0 3 1 4", "0 0 3 4", "0 4 3 3", "0 4 1 3"]
MINOR_POP = ["0 5 2 6", "0 6 5 6", "0 3 6 2", "0 5 3 4M", "0 6 5 4M", "0 3 4M 0", "0 0 5 6", "0 2 6 5", "0 3 0 4M"]
MAJOR_JAZZ = ["1 4 0 5", "0 5 1 4", "0 3 2 5M 1 4 0 0", "0 0 1 4 0 5 1 4", "2 5 1 4 0 0"]
MINOR_JAZZ = ["0 1d 4M 0", "0 3 6 2 5 1d 4M 0", "0 5 1d 4M", "0 0 3 3 0 4M 0 0"]
MAJOR_CLASSIC = ["0 4 0 3 0 4 4 0", "0 3 4 0", "0 5 1 4 0 3 4 0", "0 0 4 0 3 1 4 0", "0 5 3 1 4 4 0 0", "0 1 4 0"]
MINOR_CLASSIC = ["0 3 4M 0", "0 4M 0 5 3 1d 4M 0", "0 6 2 5 1d 4M 0 0", "0 0 3 4M 0 5 4M 0", "0 4M 4M 0"]
SCALES = {"major": [0, 2, 4, 5, 7, 9, 11], "minor": [0, 2, 3, 5, 7, 8, 10]}

# name: tempo range, beats a bar, steps a bar, swing (part of the beat that the first half takes), drums, roles
# drums: list of patterns, each a dict of instrument to steps.
ROCK = [
    {KICK: "x.......x.......", SNARE: "....x.......x...", HAT: "x.x.x.x.x.x.x.x."},
    {KICK: "x.....x.x.......", SNARE: "....x.......x...", HAT: "x.o.x.o.x.o.x.o."},
    {KICK: "x..x....x.x.....", SNARE: "....x.......x..o", RIDE: "x.x.x.x.x.x.x.x."},
    {KICK: "x.x.....x.x...x.", SNARE: "....x.......x...", OPEN: "x...x...x...x..."},
    {KICK: "x.........x.....", SNARE: "....x.......x...", HAT: "x.x.x.x.x.x.x.o.", TAMB: "....x.......x..."},
]
STYLES = {
    "rock": dict(bpm=(95, 165), drums=ROCK, bass="eighths", comp="strum", lead=0.6, inst=[27, 29, 30, 25], bassinst=[33, 34]),
    "pop": dict(bpm=(90, 132), drums=ROCK + [{KICK: "x...x...x...x...", CLAP: "....x.......x...", SHAKER: "xoxoxoxoxoxoxoxo"}], bass="roots",
                comp="block", lead=0.8, inst=[0, 4, 5, 25, 88], bassinst=[33, 38]),
    "ballad": dict(bpm=(60, 80), drums=[
        {KICK: "x.......x.......", SNARE: "....x.......x...", HAT: "x.x.x.x.x.x.x.x."},
        {KICK: "x......xx.......", RIM: "....x.......x...", HAT: "xoxoxoxoxoxoxoxo"},
        {KICK: "x.........x.....", SNARE: "....x.......x...", RIDE: "x.o.x.o.x.o.x.o."},
        {}], bass="roots", comp="arpeggio", lead=0.9, inst=[0, 4, 24, 48], bassinst=[32, 33]),
    "reggae": dict(bpm=(64, 86), drums=[
        {KICK: "........x.......", RIM: "........x.......", HAT: "x.x.x.x.x.x.x.x."},
        {KICK: "x.......x.......", SNARE: "....x.......x...", HAT: "..x...x...x...x."},
        {KICK: "....x.......x...", RIM: "....x.......x...", HAT: "x.xox.xox.xox.xo"},
        {KICK: "x...x...x...x...", SNARE: "....x.......x...", HAT: "x.xox.xox.xox.xo"}], bass="dub", comp="skank", lead=0.4,
        inst=[27, 16, 0], bassinst=[33, 32]),
    "dnb": dict(bpm=(160, 180), drums=[
        {KICK: "x.........x.....", SNARE: "....x.......x...", HAT: "x.x.x.x.x.x.x.x."},
        {KICK: "x.x.......x.....", SNARE: "....x..o.o..x..o", RIDE: "x.x.x.x.x.x.x.x."},
        {KICK: "x.........xx....", SNARE: "....x..o....x...", HAT: "x.xxx.xxx.xxx.xx"}], bass="long", comp="pad", lead=0.4,
        inst=[89, 90, 4, 81], bassinst=[38, 39, 87]),
    "funk": dict(bpm=(88, 122), drums=[
        {KICK: "x.x...x..x.....x", SNARE: "....x..o.o..x..o", HAT: "xoxoxoxoxoxoxoxo"},
        {KICK: "x..x..x...x.....", SNARE: "....x..o....x.o.", HAT: "x.xxx.x.x.xxx.x."},
        {KICK: "x.....x...x..x..", SNARE: "....x..o.o..x...", HAT: "x.x.x.x.x.x.x.x."}], bass="funk", comp="chops", lead=0.5,
        inst=[28, 7, 27, 61], bassinst=[36, 33]),
    "swing": dict(bpm=(100, 180), steps=12, drums=[
        {RIDE: "x..x.xx..x.x", PEDAL: "...x.....x..", KICK: "o..o..o..o.."},
        {RIDE: "x..x.xx..x.x", PEDAL: "...x.....x..", SNARE: "........o..."},
        {HAT: "x..x.xx..x.x", KICK: "x.....x.....", RIM: ".........x.."}], bass="walk", comp="charleston", lead=0.9,
        inst=[0, 26, 11], bassinst=[32]),
    "shuffle": dict(bpm=(84, 140), steps=12, drums=[
        {KICK: "x.....x.....", SNARE: "...x.....x..", HAT: "x.xx.xx.xx.x"},
        {KICK: "x....xx.....", SNARE: "...x.....x.o", RIDE: "x.xx.xx.xx.x"}], bass="shuffle", comp="shuffle", lead=0.7,
        inst=[27, 0, 16, 29], bassinst=[33, 34]),
    "waltz": dict(bpm=(90, 180), beats=3, steps=12, drums=[{}, {}, {KICK: "x...........", SNARE: "....o...o...", HAT: "x...x...x..."},
        {KICK: "x...........", RIDE: "x...x.x.x...", PEDAL: "....x...x..."}], bass="roots", comp="waltz", lead=1.0,
        inst=[0, 21, 48, 24, 6], bassinst=[32, 43, 58], classic=True),
    "bossa": dict(bpm=(110, 160), drums=[
        {KICK: "x..xx..xx..xx..x", RIM: "x..x..x...x..x..", HAT: "xoxoxoxoxoxoxoxo"},
        {KICK: "x..xx..xx..xx..x", RIM: "..x..x..x..x..x.", SHAKER: "xoxoxoxoxoxoxoxo"}], bass="bossa", comp="bossa", lead=0.8,
        inst=[24, 0, 4], bassinst=[32, 33], half=True),
    "techno": dict(bpm=(118, 150), drums=[
        {KICK: "x...x...x...x...", CLAP: "....x.......x...", OPEN: "..x...x...x...x."},
        {KICK: "x...x...x...x...", HAT: "xoxoxoxoxoxoxoxo", OPEN: "..x...x...x...x.", COWBELL: "...x..x....x...."},
        {KICK: "x...x...x...x...", SNARE: "....x.......x...", HAT: "..x...x...x...xx"}], bass="off", comp="stab", lead=0.3,
        inst=[81, 80, 62, 90], bassinst=[38, 39]),
    "hiphop": dict(bpm=(80, 104), drums=[
        {KICK: "x......x..x.....", SNARE: "....x.......x...", HAT: "x.x.x.x.x.x.x.x."},
        {KICK: "x..x......x..x..", CLAP: "....x.......x...", HAT: "x.xxx.x.x.x.x.xx"},
        {KICK: "x.x.......x.....", SNARE: "....x.......x..o", HAT: "xxxxxxx.xxxxxxx."}], bass="long", comp="pad", lead=0.5,
        inst=[4, 0, 11, 48], bassinst=[38, 33]),
    "metal": dict(bpm=(100, 180), drums=[
        {KICK: "x.x.x.x.x.x.x.x.", SNARE: "....x.......x...", CRASH: "x...x...x...x..."},
        {KICK: "xxxxxxxxxxxxxxxx", SNARE: "....x.......x...", OPEN: "x...x...x...x..."},
        {KICK: "x..xx..xx..xx...", SNARE: "....x.......x...", RIDE: "x.x.x.x.x.x.x.x."}], bass="eighths", comp="gallop", lead=0.4,
        inst=[29, 30], bassinst=[34], minor=0.85),
    "country": dict(bpm=(96, 170), drums=[
        {KICK: "x.......x.......", SNARE: "....x.......x...", HAT: "x.x.x.x.x.x.x.x."},
        {KICK: "x.......x.......", SNARE: "o.o.x.o.o.o.x.o."}, {KICK: "x.......x.......", RIM: "....x.......x...", SHAKER: "xoxoxoxoxoxoxoxo"}],
        bass="rootfifth", comp="boomchick", lead=0.8, inst=[25, 105, 0], bassinst=[32, 33], minor=0.2),
    "folk": dict(bpm=(70, 130), drums=[{}], bass=None, comp="picking", lead=0.6, inst=[24, 25, 46], bassinst=[32]),
    "piano": dict(bpm=(66, 140), drums=[{}], bass=None, comp="alberti", lead=1.0, inst=[0, 1, 6], bassinst=[0], classic=True),
    "quartet": dict(bpm=(66, 132), drums=[{}], bass="cello", comp="strings", lead=1.0, inst=[48, 40, 41], bassinst=[42], classic=True),
    "solo": dict(bpm=(76, 132), drums=[{}], bass=None, comp=None, lead=1.0, inst=[73, 40, 22, 0, 56, 71], bassinst=[32], classic=True),
}


class Score:
    """Notes of a clip in beats; time comes in when the clip is played."""

    def __init__(self):
        self.notes = []

    def add(self, channel, pitch, start, length, velocity):
        while pitch > 108:
            pitch -= 12
        self.notes.append((start, channel, int(pitch), max(length, 0.05), int(max(8, min(127, velocity)))))


def chord(tonic, mode, word, seventh):
    """The pitch classes of a chord, its root first."""
    degree = int(word[0])
    scale = SCALES[mode]
    root = tonic + scale[degree]
    kind = word[1:]
    if kind == "M":
        thirds = [4, 7, 10] if seventh else [4, 7]
    elif kind == "d":
        thirds = [3, 6, 10] if seventh else [3, 6]
    else:
        steps = [2, 4, 6] if seventh else [2, 4]
        thirds = [(scale[(degree + step) % 7] - scale[degree]) % 12 for step in steps]
    return [root % 12] + [(root + third) % 12 for third in thirds]


def voicing(classes, low, spread=12):
    return sorted(low + (pitch - low) % 12 for pitch in classes)


def near(pitch_class, around):
    low = around - 6
    return low + (pitch_class - low) % 12


def compose(rng, name, tonic, mode, bpm, seconds):
    style = STYLES[name]
    beats, steps = style.get("beats", 4), style.get("steps", 16)
    sub = steps // beats
    bars = max(4, int(round(seconds * bpm / 60 / beats)))
    score = Score()
    classic = style.get("classic")
    jazz = name in ("swing", "bossa")
    table = {("major", 0): MAJOR_POP, ("minor", 0): MINOR_POP, ("major", 1): MAJOR_CLASSIC, ("minor", 1): MINOR_CLASSIC,
             ("major", 2): MAJOR_JAZZ, ("minor", 2): MINOR_JAZZ}
    kind = 1 if classic else 2 if jazz else 0
    first = rng.choice(table[(mode, kind)]).split()
    second = rng.choice(table[(mode, kind)]).split() if rng.random() < 0.4 else first
    # Where the harmony moves faster than the bar, two chords share it.
    per_bar = 2 if (not classic and bpm < 90 and rng.random() < 0.3 and beats == 4) else 1
    seventh = jazz or (name in ("funk", "hiphop") and rng.random() < 0.5)
    drums = rng.choice(style["drums"])
    if drums and name in ("rock", "pop", "country", "funk", "techno", "hiphop") and rng.random() < 0.08:
        drums = {}
    instrument, bass_instrument = rng.choice(style["inst"]), rng.choice(style["bassinst"])
    lead_instrument = rng.choice({"metal": [30, 29], "swing": [56, 65, 66, 11], "quartet": [40], "piano": [instrument],
                                  "solo": [instrument], "techno": [80, 81], "waltz": [40, 73, 71, 21]}.get(
                                      name, [73, 52, 65, 25, 53, 11, 22, 81, 0, 60]))
    lead_on = rng.random() < style["lead"]
    comp_on = style["comp"] is not None and (rng.random() < 0.93 or not (drums or style["bass"]))
    bass_on = style["bass"] is not None and rng.random() < 0.95
    late_drums = rng.choice([0, 0, 0, 0, 2]) if drums else 0
    comp_low = rng.randint(50, 60)
    fill_every = rng.choice([0, 4, 8])
    rhythm = lead_rhythm(rng, beats, steps, name)
    pitch = 60 + tonic + rng.choice([0, 4 if mode == "major" else 3, 7]) + (12 if name == "solo" and rng.random() < 0.5 else 0)
    comp_pattern = [rng.random() for _ in range(16)]
    for bar in range(bars):
        at = bar * beats
        words = (second if (bar // 8) % 2 else first)
        names = [words[(bar * per_bar + half) % len(words)] for half in range(per_bar)]
        if bar == bars - 1:
            names = ["0"] * per_bar
        chords = [chord(tonic, mode, word, seventh) for word in names]
        if drums and bar >= late_drums:
            drum_bar(rng, score, drums, at, steps, sub, fill_every and bar % fill_every == fill_every - 1, bar % 8 == 0)
        for half, classes in enumerate(chords):
            begin, length = at + half * beats / per_bar, beats / per_bar
            following = chords[(half + 1) % per_bar] if half + 1 < per_bar else chord(
                tonic, mode, words[((bar + 1) * per_bar) % len(words)], seventh)
            if bass_on:
                play_bass(rng, score, style["bass"], classes, following, begin, length, tonic, mode)
            if comp_on:
                play_comp(rng, score, style["comp"], classes, begin, length, comp_low, comp_pattern)
        if lead_on and (bar % 4 != 3 or name in ("solo", "quartet", "piano") or rng.random() < 0.5):
            if bar % 4 == 0 and rng.random() < 0.25:
                rhythm = lead_rhythm(rng, beats, steps, name)
            pitch = play_lead(rng, score, rhythm, chords, at, beats, sub, pitch, tonic, mode, bar == bars - 1)
    return score, dict(beats=beats, bars=bars, instrument=instrument, bass=bass_instrument, lead=lead_instrument)


def drum_bar(rng, score, drums, at, steps, sub, fill, crash):
    for instrument, pattern in drums.items():
        for step, mark in enumerate(pattern):
            if mark == "." and not (instrument in (HAT, SNARE) and rng.random() < 0.01):
                continue
            if fill and step >= steps * 3 // 4:
                continue
            loud = 100 if mark == "x" else 50
            if instrument in (HAT, RIDE, SHAKER, PEDAL):
                loud -= 18 + (0 if step % sub == 0 else 12)
            score.add(9, instrument, at + step / sub, 0.2, loud + rng.gauss(0, 6))
    if fill:
        for step in range(steps * 3 // 4, steps):
            if rng.random() < 0.75:
                score.add(9, rng.choice([SNARE, SNARE, TOM, 48, 43]), at + step / sub, 0.2, 88 + rng.gauss(0, 10))
    if crash and rng.random() < 0.5:
        score.add(9, CRASH, at, 1, 90)


def play_bass(rng, score, kind, classes, following, begin, length, tonic, mode):
    root = near(classes[0], 38)
    fifth = root + (classes[2] - classes[0]) % 12
    loud = lambda: 92 + rng.gauss(0, 6)
    if kind == "eighths":
        for half in range(int(length * 2)):
            score.add(1, root, begin + half / 2, 0.42, loud())
    elif kind in ("roots", "cello"):
        score.add(1, root, begin, length * 0.9 if kind == "cello" or rng.random() < 0.6 else length / 2, loud())
        if rng.random() < 0.4 and length >= 3:
            score.add(1, rng.choice([root, fifth]), begin + (2 if length == 4 else 2), 0.9, loud())
    elif kind == "long":
        score.add(1, root, begin, length * 0.6, loud())
        if rng.random() < 0.6:
            score.add(1, root, begin + length * 0.625, length * 0.3, loud())
    elif kind == "rootfifth":
        for beat in range(0, int(length), 2):
            score.add(1, root if beat % 4 == 0 else fifth - 12 if fifth > 43 else fifth, begin + beat, 0.9, loud())
    elif kind == "walk":
        target = near(following[0], 38)
        path = [root, near(classes[1], root + 3), near(classes[2], root + 5), target + rng.choice([-1, 1, 2, -2])]
        for beat in range(int(length)):
            score.add(1, path[beat % 4], begin + beat, 0.9, loud())
    elif kind == "shuffle":
        third, sixth = near(classes[1], root + 4), fifth + 2
        path = rng.choice([[root, third, fifth, sixth], [root, root, fifth, fifth], [root, fifth, sixth, fifth]])
        for beat in range(int(length)):
            score.add(1, path[beat % 4], begin + beat, 0.6, loud())
            if rng.random() < 0.3:
                score.add(1, path[beat % 4], begin + beat + 2 / 3, 0.25, loud() - 10)
    elif kind == "dub":
        cells = rng.choice([[(0, 0), (0.5, 0), (1.5, 2), (2, 0)], [(0, 0), (1, 1), (1.5, 2), (2.5, 0)], [(1, 0), (1.5, 0), (2, 2), (3, 0)]])
        for offset, member in cells:
            if offset < length:
                score.add(1, near(classes[member], root + 3), begin + offset, 0.45, loud())
    elif kind == "funk":
        for step in range(int(length * 4)):
            if step == 0 or rng.random() < 0.33:
                score.add(1, root + (rng.choice([0, 0, 12, 10, 7]) if step else 0), begin + step / 4, 0.2, loud())
    elif kind == "bossa":
        for beat in range(0, int(length), 2):
            note = root if beat % 4 == 0 else fifth
            score.add(1, note, begin + beat, 1.3, loud())
            score.add(1, note, begin + beat + 1.5, 0.45, loud() - 8)
    elif kind == "off":
        for beat in range(int(length)):
            score.add(1, root, begin + beat + 0.5, 0.4, loud())
            if rng.random() < 0.4:
                score.add(1, root, begin + beat + 0.75, 0.2, loud() - 10)


def play_comp(rng, score, kind, classes, begin, length, low, pattern):
    notes = voicing(classes, low)
    loud = lambda: 74 + rng.gauss(0, 6)
    hit = lambda offset, hold, extra=0: [score.add(2, note, begin + offset, hold, loud() + extra) for note in notes]
    if kind == "strum":
        for half in range(int(length * 2)):
            if half == 0 or pattern[half] < 0.75:
                hit(half / 2, 0.45, 6 if half % 2 == 0 else -6)
    elif kind == "block":
        hit(0, length * 0.48)
        for beat in range(1, int(length)):
            if pattern[beat] < 0.7:
                hit(beat, 0.8, -6)
    elif kind == "pad":
        hit(0, length * 0.97, -10)
    elif kind == "arpeggio":
        path = notes + [notes[0] + 12] + notes[::-1][:2]
        each = 0.5 if pattern[0] < 0.6 else 0.25
        for step in range(int(length / each)):
            score.add(2, path[step % len(path)], begin + step * each, each * 1.8, loud() + (5 if step % int(1 / each) == 0 else -4))
    elif kind == "skank":
        for beat in range(int(length)):
            if pattern[0] < 0.5:
                hit(beat + 0.5, 0.2, 6)
            elif beat % 2 == 1:
                hit(beat, 0.2, 6)
            if pattern[1] < 0.3:
                hit(beat + 0.75, 0.15, -8)
    elif kind == "chops":
        for step in range(int(length * 4)):
            if pattern[step % 16] < 0.42:
                hit(step / 4, 0.14)
    elif kind == "charleston":
        hit(0, 0.6)
        hit(1 + 2 / 3, 0.3)
        if rng.random() < 0.4:
            hit(3, 0.4)
    elif kind == "shuffle":
        for beat in range(int(length)):
            hit(beat, 0.5)
            hit(beat + 2 / 3, 0.25, -8)
    elif kind == "waltz":
        for beat in range(1, int(length)):
            hit(beat, 0.6)
    elif kind == "bossa":
        for step in (0, 3, 6, 10, 12) if pattern[0] < 0.5 else (0, 4, 7, 10, 13):
            if step / 4 < length:
                hit(step / 4, 0.4)
    elif kind == "stab":
        for step in range(int(length * 4)):
            if pattern[step % 16] < 0.25:
                hit(step / 4, 0.2)
    elif kind == "gallop":
        low_root = near(classes[0], 43)
        for beat in range(int(length)):
            offsets = (0, 0.5, 0.75) if pattern[0] < 0.5 else (0, 0.25, 0.5, 0.75)
            for offset in offsets:
                for add in (0, 7):
                    score.add(2, low_root + add, begin + beat + offset, 0.2, loud() + 15)
    elif kind == "boomchick":
        for beat in range(int(length)):
            if beat % 2 == 0:
                score.add(2, notes[0] - 12, begin + beat, 0.8, loud() + 6)
            else:
                hit(beat, 0.4, 4)
                if pattern[2] < 0.5:
                    hit(beat + 0.5, 0.3, -8)
    elif kind == "picking":
        bass = near(classes[0], 43)
        path = [bass, notes[1], notes[-1], notes[1], bass + 7, notes[0], notes[-1], notes[1]]
        for half in range(int(length * 2)):
            score.add(2, path[half % 8], begin + half / 2, 0.9, loud() + (10 if half % 2 == 0 else -4))
    elif kind == "alberti":
        bass = voicing(classes, 45)
        path = [bass[0], bass[2], bass[1], bass[2]]
        each = 0.5 if pattern[0] < 0.6 else 0.25
        if pattern[1] < 0.3:
            score.add(2, bass[0] - 12, begin, length * 0.5, loud() + 5)
            for beat in range(1, int(length)):
                for note in bass[1:]:
                    score.add(2, note, begin + beat, 0.7, loud() - 8)
        else:
            for step in range(int(length / each)):
                score.add(2, path[step % 4], begin + step * each, each, loud() - 4)
    elif kind == "strings":
        if pattern[0] < 0.5:
            hit(0, length * 0.95)
        else:
            for beat in range(int(length)):
                if pattern[beat] < 0.8:
                    hit(beat, 0.9)


def lead_rhythm(rng, beats, steps, name):
    """Steps of a bar on which the melody has a note; the first always."""
    sub = steps // beats
    marks = [0]
    dense = rng.choice([0.2, 0.35, 0.5])
    for step in range(1, steps):
        on_beat = step % sub == 0
        half = sub == 4 and step % 2 == 0 or sub == 3 and step % 3 == 2
        chance = 0.75 if on_beat else dense if half else dense * 0.15
        if sub == 3 and step % 3 == 1:
            chance = 0.03
        if rng.random() < chance:
            marks.append(step)
    return marks


def play_lead(rng, score, rhythm, chords, at, beats, sub, pitch, tonic, mode, last):
    scale = [(tonic + step) % 12 for step in SCALES[mode]]
    if last:
        score.add(3, near(tonic, pitch), at, beats * 0.8, 95)
        return pitch
    total = beats * sub
    for index, step in enumerate(rhythm):
        if step and rng.random() < 0.12:
            continue
        classes = chords[min(len(chords) - 1, step * len(chords) // total)]
        allowed = classes if step % sub == 0 and rng.random() < 0.75 else list(scale)
        # The leading tone over a dominant in minor.
        if mode == "minor" and (tonic + 11) % 12 in classes:
            allowed = [(tonic + 11) % 12 if one == (tonic + 10) % 12 else one for one in allowed]
        wish = pitch + rng.choice([-4, -3, -2, -2, -1, 1, 2, 2, 3, 4, 0])
        pitch = near(min(allowed, key=lambda one: abs(near(one, wish) - wish)), wish)
        if pitch > 86:
            pitch -= 12
        if pitch < 60:
            pitch += 12
        end = rhythm[index + 1] if index + 1 < len(rhythm) else total
        score.add(3, pitch, at + step / sub, (end - step) / sub * 0.9, 92 + rng.gauss(0, 7))
    return pitch


def play(rng, score, info, bpm, path, tuning):
    """Writes the score as MIDI with human timing and returns the truth."""
    import mido
    tight = rng.choice([0.0, 0.003, 0.006, 0.010])
    wander = rng.choice([0.0, 0.0, 0.0, 0.004, 0.010])
    lead_in = rng.choice([0.1, 0.3, 0.5, 1.0, 2.5])
    count_beats = info["bars"] * info["beats"]
    # The tempo may wander slowly about its mean.
    times, drift, at = [], 0.0, lead_in
    for _ in range(count_beats + 8):
        times.append(at)
        drift = 0.9 * drift + rng.gauss(0, wander) * 0.44
        at += 60 / bpm * (1 + max(-0.03, min(0.03, drift)))

    def clock(beat):
        whole = min(int(beat), len(times) - 2)
        return times[whole] + (beat - whole) * (times[whole + 1] - times[whole])

    events, onsets = [], []
    for start, channel, pitch, length, velocity in score.notes:
        begin = max(0.0, clock(start) + max(-2.5 * tight, min(2.5 * tight, rng.gauss(0, tight))))
        events.append((begin, 1, channel, pitch, velocity))
        events.append((max(begin + 0.02, clock(start + length) - 0.005), 0, channel, pitch, 0))
        onsets.append(begin)
    events.sort(key=lambda one: (one[0], one[1]))
    song = mido.MidiFile(ticks_per_beat=1000)
    track = mido.MidiTrack()
    song.tracks.append(track)
    track.append(mido.MetaMessage("set_tempo", tempo=1_000_000, time=0))
    for channel, program in ((1, info["bass"]), (2, info["instrument"]), (3, info["lead"])):
        track.append(mido.Message("program_change", channel=channel, program=program, time=0))
    volumes = {1: rng.randint(80, 115), 2: rng.randint(65, 105), 3: rng.randint(70, 110), 9: rng.randint(75, 120)}
    for channel, volume in volumes.items():
        track.append(mido.Message("control_change", channel=channel, control=7, value=volume, time=0))
        if tuning and channel != 9:
            bend = int(tuning / 200 * 8192)
            track.append(mido.Message("pitchwheel", channel=channel, pitch=bend, time=0))
    clocked = 0
    for time, on, channel, pitch, velocity in events:
        tick = int(round(time * 1000))
        kind = "note_on" if on else "note_off"
        track.append(mido.Message(kind, channel=channel, note=pitch, velocity=velocity, time=tick - clocked))
        clocked = tick
    song.save(path)
    merged = []
    for onset in sorted(onsets):
        if not merged or onset - merged[-1][0] > 0.03:
            merged.append([onset])
        else:
            merged[-1].append(onset)
    span = times[count_beats - 1]
    mean = 60 * (count_beats - 1) / (times[count_beats - 1] - times[0])
    return dict(bpm=round(mean, 4), beats=[round(one, 4) for one in times[:count_beats]],
                onsets=[round(sum(group) / len(group), 4) for group in merged], end=round(span, 3))


def render(job):
    """Renders one MIDI file and spoils it as asked."""
    midi, out, font, spoil, seed = job
    import numpy
    subprocess.run(["fluidsynth", "-ni", "-q", "-F", out, "-T", "wav", "-r", "44100", "-g", str(spoil["gain"]), font, midi],
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with wave.open(out) as file:
        sound = numpy.frombuffer(file.readframes(file.getnframes()), dtype="<i2").reshape(-1, 2).astype(numpy.float32)
    sound = sound[: int(spoil["seconds"] * 44100)]
    if spoil["mono"]:
        sound = sound.mean(axis=1, keepdims=True)
    fade = int(spoil["fade"] * 44100)
    if fade:
        sound[-fade:] *= numpy.linspace(1, 0, fade, dtype=numpy.float32)[:, None]
    if spoil["noise_db"] is not None:
        dice = numpy.random.default_rng(seed)
        level = numpy.sqrt((sound ** 2).mean()) * 10 ** (spoil["noise_db"] / 20)
        sound = sound + dice.normal(0, level, sound.shape).astype(numpy.float32)
    sound = numpy.clip(numpy.round(sound), -32768, 32767).astype("<i2")
    with wave.open(out, "wb") as file:
        file.setnchannels(sound.shape[1])
        file.setsampwidth(2)
        file.setframerate(44100)
        file.writeframes(sound.tobytes())
    if spoil["mp3"]:
        # lame and its decoder are gapless, so that the truth keeps its place.
        subprocess.run(["lame", "--quiet", "-b", str(spoil["mp3"]), out, out + ".mp3"], check=True)
        subprocess.run(["lame", "--quiet", "--decode", out + ".mp3", out], check=True)
        os.remove(out + ".mp3")
    os.remove(midi)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=96)
    parser.add_argument("--fonts", nargs="+", default=FONTS)
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    missing = [tool for tool in ("fluidsynth", "lame") if not shutil.which(tool)]
    missing += [font for font in arguments.fonts if not os.path.exists(font)]
    for module in ("mido", "numpy"):
        try:
            __import__(module)
        except ImportError:
            missing.append("python module " + module)
    if missing:
        sys.exit("make_clips: missing: " + ", ".join(missing))
    os.makedirs(arguments.out, exist_ok=True)
    names = list(STYLES)
    truth, jobs = {}, []
    keys = [(tonic, mode) for tonic in range(12) for mode in ("major", "minor")]
    random.Random(arguments.seed).shuffle(keys)
    for index in range(arguments.count):
        rng = random.Random(f"{arguments.seed}/{index}")
        style = names[index % len(names)]
        tonic, mode = keys[index % 24] if arguments.count >= 24 else rng.choice(keys)
        wish = STYLES[style].get("minor")
        if wish is not None and rng.random() < 0.7:
            mode = "minor" if rng.random() < wish else "major"
        bpm = round(rng.uniform(*STYLES[style]["bpm"]), rng.choice([0, 1, 2]))
        seconds = rng.uniform(20, 30)
        score, info = compose(rng, style, tonic, mode, bpm, seconds)
        name = f"{index:03}-{style}"
        midi, out = os.path.join(arguments.out, name + ".mid"), os.path.join(arguments.out, name + ".wav")
        tuning = rng.choice([0, 0, 0, 0, rng.uniform(-40, 40)])
        entry = play(rng, score, info, bpm, midi, tuning)
        spoil = dict(gain=rng.choice([0.15, 0.3, 0.5]), seconds=entry["end"] + rng.choice([0.5, 2.0]), mono=rng.random() < 0.2,
                     fade=rng.choice([0, 0, 0, 3.0]), noise_db=rng.choice([None, None, None, -45, -30]),
                     mp3=rng.choice([None, None, None, 128, 64]))
        entry.update(style=style, tonic=TONICS[tonic], mode=mode, tuning_cents=round(tuning, 1), **{"spoil": spoil})
        truth[name] = entry
        jobs.append((midi, out, arguments.fonts[index // len(names) % len(arguments.fonts)], spoil, index))
    with concurrent.futures.ProcessPoolExecutor(arguments.jobs) as pool:
        list(pool.map(render, jobs))
    with open(os.path.join(arguments.out, "truth.json"), "w") as file:
        json.dump(truth, file, indent=1)
    print(f"{len(truth)} clips in {arguments.out}")


if __name__ == "__main__":
    main()
