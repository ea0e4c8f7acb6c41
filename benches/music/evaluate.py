#!/usr/bin/env python3
"""Tempo, beats, onsets and key of mediamill beside librosa, essentia and aubio, on the clips of make_clips.py.

    python3 evaluate.py CLIPS [--mediamill target/release/mediamill] [--tools mediamill librosa essentia aubio] [--keep FILE]
                              [--excerpts]

CLIPS is a folder with truth.json. Prints one table: tempo within 4 % (acc1), the same or also 2, 3, 1/2, 1/3 times
(acc2), F1 of beats within 70 ms and of onsets within 50 ms, key exact and by the MIREX weights, and the processor time
(user and system, of all that is asked of the tool) for a minute of sound. Each tool's best figure is taken where it
offers several methods; their rows stand under their own names. Nothing is installed; what is missing is named and its
rows are left out. With --excerpts each clip is cut off at both ends, at places drawn by its name, so that 60 % are left, and
only the key is judged. Needs python3 with numpy; librosa, essentia (python modules) and aubio (the program) for their rows.
"""
import argparse
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import wave

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("NUMBA_NUM_THREADS", "1")

NAMES = ["C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B"]
FLAT = {"Db": "C#", "D#": "Eb", "Gb": "F#", "G#": "Ab", "A#": "Bb"}


def matched(truth, found, within):
    """How many of two ordered rows of times pair off one to one."""
    at = other = count = 0
    truth, found = sorted(truth), sorted(found)
    while at < len(truth) and other < len(found):
        apart = found[other] - truth[at]
        if abs(apart) <= within:
            count, at, other = count + 1, at + 1, other + 1
        elif apart < 0:
            other += 1
        else:
            at += 1
    return count


def f_measure(truth, found, within):
    return 2 * matched(truth, found, within) / max(1, len(truth) + len(found))


def mirex(truth, found):
    """The weights of the MIREX key task: fifth 0.5, relative 0.3, parallel 0.2."""
    if found is None or found[0] is None:
        return 0.0
    apart = (NAMES.index(found[0]) - NAMES.index(truth[0])) % 12
    if found[1] == truth[1]:
        return {0: 1.0, 7: 0.5, 5: 0.5}.get(apart, 0.0)
    if apart == 0:
        return 0.2
    return 0.3 if apart == (9 if truth[1] == "major" else 3) else 0.0


def processor():
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def mediamill(program, extra=None):
    """One run of audio.analyze over one file; its JSON has all the figures."""
    def run(path):
        if extra:
            line = json.loads(subprocess.run([extra, path], check=True, capture_output=True, text=True).stdout)
        else:
            with tempfile.TemporaryDirectory() as folder:
                recipe = os.path.join(folder, "pipeline.toml")
                with open(recipe, "w") as file:
                    file.write('name = "figures"\n[input]\npaths = ["."]\n[output]\ndir = "out"\n'
                               '[[step]]\nid = "figures"\nuses = "audio.analyze"\nin = "{item.path}"\nout = { json = "figures.json" }\n')
                subprocess.run([os.path.abspath(program), "run", recipe, os.path.abspath(path)], check=True,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder)
                found = [os.path.join(at, name) for at, _, names in os.walk(os.path.join(folder, "out"))
                         for name in names if name.endswith(".json")]
                line = next(one for one in map(lambda name: json.load(open(name)), found) if "onsets_s" in one)
        tempo, key = line.get("tempo") or {}, line.get("key") or {}
        return dict(bpm=tempo.get("bpm"), beats=tempo.get("beats_s", []), onsets=line.get("onsets_s", []),
                    key=(key["tonic"], key["mode"]) if key.get("tonic") else None)
    return run


def librosa_tool():
    import librosa
    import numpy
    major = numpy.array([6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88])
    minor = numpy.array([6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17])

    def run(path):
        sound, rate = librosa.load(path, sr=22050)
        tempo, beats = librosa.beat.beat_track(y=sound, sr=rate, units="time")
        onsets = librosa.onset.onset_detect(y=sound, sr=rate, units="time")
        chroma = librosa.feature.chroma_cqt(y=sound, sr=rate).mean(axis=1)
        scored = [(numpy.corrcoef(numpy.roll(profile, tonic), chroma)[0, 1], NAMES[tonic], mode)
                  for tonic in range(12) for profile, mode in ((major, "major"), (minor, "minor"))]
        best = max(scored)
        return dict(bpm=float(numpy.atleast_1d(tempo)[0]), beats=list(beats), onsets=list(onsets), key=best[1:])
    return run


def essentia_tool(method, profile):
    import essentia
    import essentia.standard as es
    essentia.log.infoActive = essentia.log.warningActive = False

    def run(path):
        sound = es.MonoLoader(filename=path, sampleRate=44100)()
        tempo, beats, *_ = es.RhythmExtractor2013(method=method)(sound)
        onsets, _ = es.OnsetRate()(sound)
        tonic, mode, _ = es.KeyExtractor(profileType=profile)(sound)
        return dict(bpm=tempo, beats=list(map(float, beats)), onsets=list(map(float, onsets)), key=(FLAT.get(tonic, tonic), mode))
    return run


def aubio_tool(path):
    def lines(*command):
        return [float(line.split()[0]) for line in subprocess.run(command, capture_output=True, text=True).stdout.splitlines() if line[:1].isdigit()]
    beats, onsets, tempo = lines("aubio", "beat", path), lines("aubio", "onset", path), lines("aubio", "tempo", path)
    return dict(bpm=tempo[0] if tempo else None, beats=beats, onsets=onsets, key=None)


def excerpt(path, name, out):
    """Writes 60 % of a clip, from a place that depends on its name alone."""
    with wave.open(path) as file:
        params, frames = file.getparams(), file.readframes(file.getnframes())
    width = params.nchannels * params.sampwidth
    start = int(random.Random("cut/" + name).uniform(0.05, 0.35) * params.nframes)
    with wave.open(out, "wb") as file:
        file.setparams(params)
        file.writeframes(frames[start * width: (start + int(0.6 * params.nframes)) * width])


def tools(arguments):
    """The tools that are here, by name; says which are not."""
    found = {}
    if "mediamill" in arguments.tools:
        if arguments.command or shutil.which(arguments.mediamill):
            found["mediamill"] = mediamill(arguments.mediamill, arguments.command)
        else:
            print("missing: " + arguments.mediamill, file=sys.stderr)
    for name, make in (("librosa", lambda: {"librosa": librosa_tool()}),
                       ("essentia", lambda: {"essentia degara, edma": essentia_tool("degara", "edma"),
                                             "essentia degara, shaath": essentia_tool("degara", "shaath"),
                                             "essentia multifeature, bgate": essentia_tool("multifeature", "bgate")})):
        if name in arguments.tools:
            try:
                found.update(make())
            except ImportError:
                print("missing: python module " + name, file=sys.stderr)
    if "aubio" in arguments.tools:
        if shutil.which("aubio"):
            found["aubio"] = aubio_tool
        else:
            print("missing: aubio", file=sys.stderr)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clips")
    parser.add_argument("--mediamill", default="target/release/mediamill")
    parser.add_argument("--command", help="a program that prints the figures of a file as one line of JSON, instead of mediamill")
    parser.add_argument("--tools", nargs="+", default=["mediamill", "librosa", "essentia", "aubio"])
    parser.add_argument("--keep", help="write what each tool said of each clip to this file")
    parser.add_argument("--excerpts", action="store_true", help="judge the key of excerpts instead")
    arguments = parser.parse_args()
    truth = json.load(open(os.path.join(arguments.clips, "truth.json")))
    folder, said = arguments.clips, {}
    if arguments.excerpts:
        cuts = tempfile.TemporaryDirectory()
        folder = cuts.name
        for name, right in truth.items():
            excerpt(os.path.join(arguments.clips, name + ".wav"), name, os.path.join(folder, name + ".wav"))
        truth = {name: {"tonic": right["tonic"], "mode": right["mode"]} for name, right in truth.items() if right.get("tonic")}
    print(f"{'tool':30} {'clips':>5} {'acc1':>6} {'acc2':>6} {'beats':>6} {'onsets':>6} {'key':>6} {'MIREX':>6} {'CPU s/min':>9}")
    for tool, run in tools(arguments).items():
        rows, said[tool] = [], {}
        first = os.path.join(folder, next(iter(truth)) + ".wav")
        run(first)  # loading code and compiling it is not counted
        for name, right in truth.items():
            path = os.path.join(folder, name + ".wav")
            with wave.open(path) as file:
                minutes = file.getnframes() / file.getframerate() / 60
            before = processor()
            got = run(path)
            spent = processor() - before
            said[tool][name] = got
            row = dict(cpu=(spent, minutes))
            if right.get("bpm"):
                ratio = (got["bpm"] or 1e-9) / right["bpm"]
                row["acc1"] = abs(ratio - 1) <= 0.04
                row["acc2"] = any(abs(ratio / by - 1) <= 0.04 for by in (1, 2, 3, 1 / 2, 1 / 3))
            if right.get("beats"):
                row["beats"] = f_measure(right["beats"], got["beats"], 0.07)
            if right.get("onsets"):
                row["onsets"] = f_measure(right["onsets"], got["onsets"], 0.05)
            if right.get("tonic"):
                row["key"] = got["key"] == (right["tonic"], right["mode"])
                row["mirex"] = mirex((right["tonic"], right["mode"]), got["key"])
            rows.append(row)
        def mean(figure):
            known = [row[figure] for row in rows if figure in row]
            return f"{sum(known) / len(known):6.3f}" if known else "     -"
        cpu = sum(row["cpu"][0] for row in rows) / sum(row["cpu"][1] for row in rows)
        print(f"{tool:30} {len(rows):5} " + " ".join(map(mean, ("acc1", "acc2", "beats", "onsets", "key", "mirex"))) + f" {cpu:9.3f}", flush=True)
    if arguments.keep:
        with open(arguments.keep, "w") as file:
            json.dump(said, file)


if __name__ == "__main__":
    main()
