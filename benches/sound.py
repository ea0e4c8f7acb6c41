"""The measuring of benches/sound.sh: each task in a folder of its own, all on one core but for `jobs`; prints Markdown."""
import os, shutil, subprocess, sys, tempfile
from functools import partial
from pathlib import Path

from tree import best as best_of, measured, say

MILL = os.environ["MEDIAMILL"]
FULL = "quick" not in sys.argv[1:]
PARTS = [part for part in sys.argv[1:] if part not in ("quick", "full")]
REPEATS = 3 if FULL else 1
SECONDS = 600 if FULL else 120
FIXTURES = Path(__file__).resolve().parent.parent / "tests/fixtures/media"
RIVALS = os.environ.get("RIVALS", "python3")
FFMPEG = ["ffmpeg", "-nostdin", "-hide_banner", "-loglevel", "error", "-y", "-threads", "1"]

# What each rival does to one file, in a Python of its own; the import is not counted, the first call's warming-up is.
LIBROSA = """
import sys, time, librosa
sound, rate = librosa.load(librosa.ex('trumpet') if len(sys.argv) < 2 else sys.argv[1], sr=22050, duration=2)
librosa.beat.beat_track(y=sound, sr=rate)
begin = time.process_time()
y, sr = librosa.load(sys.argv[1], sr=None)
librosa.beat.beat_track(y=y, sr=sr); librosa.onset.onset_detect(y=y, sr=sr)
librosa.feature.mfcc(y=y, sr=sr); librosa.feature.chroma_stft(y=y, sr=sr); librosa.feature.spectral_centroid(y=y, sr=sr)
librosa.feature.spectral_bandwidth(y=y, sr=sr); librosa.feature.spectral_rolloff(y=y, sr=sr)
librosa.feature.spectral_flatness(y=y); librosa.feature.zero_crossing_rate(y); librosa.feature.rms(y=y)
print(time.process_time() - begin)
"""
ESSENTIA = """
import sys, time, essentia, essentia.standard as es
essentia.log.infoActive = False
begin = time.process_time()
es.MusicExtractor(lowlevelStats=['mean', 'stdev', 'min', 'max'], rhythmStats=['mean'], tonalStats=['mean'])(sys.argv[1])
print(time.process_time() - begin)
"""


best = partial(best_of, repeats=REPEATS)


def mill(folder, step, inputs, jobs=1):
    """The command that runs one step over the inputs, from nothing."""
    where = Path(tempfile.mkdtemp(dir=folder))
    (where / "p.toml").write_text(
        f'name = "p"\n[output]\ndir = "out/{{item.name}}"\n[[step]]\nid = "work"\n{step}\n')
    return [MILL, "run", str(where / "p.toml"), "--no-tui", "-j", str(jobs), "--state", str(where / "state"),
            "-o", str(where / "out"), *map(str, inputs)]


def inner(script, path):
    """CPU seconds that a rival's script tells of itself; None where it cannot run."""
    told = [subprocess.run(["taskset", "-c", "0", RIVALS, "-c", script, str(path)], capture_output=True, text=True)
            for _ in range(REPEATS)]
    if any(run.returncode for run in told):
        say(told[0].stderr.strip().splitlines()[-1] if told[0].stderr.strip() else "it failed")
        return None
    return min(float(run.stdout.split()[-1]) for run in told)


def make_sound(folder):
    """Music that does not repeat itself: two real recordings at drifting speeds and levels, with a little noise."""
    out = folder / "music.wav"
    mix = ("[0:a]aresample=44100,aformat=channel_layouts=stereo,vibrato=f=0.1:d=0.4,"
           "volume='0.55+0.4*sin(t/41)':eval=frame[a];"
           "[1:a]aresample=44100,aformat=channel_layouts=stereo,volume='0.5+0.45*sin(t/17+1)':eval=frame[b];"
           "anoisesrc=r=44100:c=pink:a=0.02:seed=7[n];[n]aformat=channel_layouts=stereo[m];"
           "[a][b][m]amix=inputs=3:duration=first:normalize=0,alimiter=limit=0.97:level=0")
    subprocess.run([*FFMPEG, "-stream_loop", "-1", "-t", str(SECONDS), "-i", str(FIXTURES / "music-1.flac"),
                    "-stream_loop", "-1", "-t", str(SECONDS), "-i", str(FIXTURES / "music-2.mp3"),
                    "-filter_complex", mix, "-t", str(SECONDS), "-c:a", "pcm_s16le", str(out)], check=True)
    return out


def coded(folder, wav):
    """The same sound in each format."""
    ways = {
        "WAV 16": ("a.wav", ["-c:a", "pcm_s16le"]), "WAV float": ("f.wav", ["-c:a", "pcm_f32le"]),
        "FLAC 16": ("a.flac", ["-c:a", "flac", "-sample_fmt", "s16"]),
        "FLAC 24, 96 kHz": ("h.flac", ["-ar", "96000", "-c:a", "flac", "-sample_fmt", "s32",
                                        "-bits_per_raw_sample", "24"]),
        "MP3 128": ("a.mp3", ["-c:a", "libmp3lame", "-b:a", "128k"]),
        "MP3 V2": ("v.mp3", ["-c:a", "libmp3lame", "-q:a", "2"]),
        "Vorbis": ("a.ogg", ["-c:a", "libvorbis", "-q:a", "5"]), "AAC": ("a.m4a", ["-c:a", "aac", "-b:a", "160k"]),
        "ALAC": ("l.m4a", ["-c:a", "alac"]), "Opus": ("a.opus", ["-c:a", "libopus", "-b:a", "96k"]),
    }
    for name, how in ways.values():
        subprocess.run([*FFMPEG, "-i", str(wav), *how, str(folder / name)], check=True)
    return {label: folder / name for label, (name, _) in ways.items()}


def table(head, rows):
    print("| " + " | ".join(head) + " |\n" + "|---" * len(head) + "|")
    for row in rows:
        print("| " + " | ".join(row) + " |")
    print(flush=True)


def ratio(theirs, ours):
    return f"{theirs / ours:.2f}" if theirs else "-"


def seconds(value):
    return f"{value:.2f} s" if value is not None else "not there"


def decode(folder, wav):
    rows = []
    for label, path in coded(folder, wav).items():
        say(f"decode {label}")
        # Ours holds FLAC against the checksum in the file: theirs makes one, too.
        end = {"FLAC 16": ["-c:a", "pcm_s16le", "-f", "md5"], "FLAC 24, 96 kHz": ["-c:a", "pcm_s24le", "-f", "md5"]}
        theirs, *_ = best(folder, lambda: [*FFMPEG, "-i", str(path), *end.get(label, ["-f", "null"]), "-"])
        ours, *_ = best(folder, lambda: mill(folder, 'uses = "audio.verify"', [path]))
        rows.append([label, seconds(theirs), seconds(ours), ratio(theirs, ours)])
    print(f"Decoding {SECONDS // 60} minutes (`audio.verify`):\n")
    table(["format (FLAC with its MD5)", "ffmpeg", "mediamill", "times as fast"], rows)


def loudness(folder, wav):
    say("loudness")
    ffmpeg, *_ = best(folder, lambda: [*FFMPEG, "-i", str(wav), "-af", "ebur128=peak=true", "-f", "null", "-"])
    gain = best(folder, lambda: ["loudgain", "-q", str(wav)])[0] if shutil.which("loudgain") else None
    ours, *_ = best(folder, lambda: mill(folder, 'uses = "audio.loudness"', [wav]))
    print(f"Loudness with range and true peak, {SECONDS // 60} minutes of WAV:\n")
    table(["program", "CPU", "mediamill is faster by"], [
        ["ffmpeg ebur128=peak=true", seconds(ffmpeg), ratio(ffmpeg, ours)],
        ["loudgain", seconds(gain), ratio(gain, ours)], ["mediamill audio.loudness", seconds(ours), ""]])


def picture(folder, wav):
    say("picture")
    sox, *_ = best(folder, lambda: ["sox", str(wav), "-n", "spectrogram", "-o", "sox.png"])
    step = 'uses = "audio.spectrogram"\nout.picture = "a.png"'
    ours, *_ = best(folder, lambda: mill(folder, step, [wav]))
    print(f"Spectrogram picture with axes, {SECONDS // 60} minutes of WAV:\n")
    table(["program", "CPU", "mediamill is faster by"], [
        ["sox spectrogram", seconds(sox), ratio(sox, ours)], ["mediamill audio.spectrogram", seconds(ours), ""]])


def analyze(folder, wav):
    mp3 = folder / "analyze.mp3"
    minutes = min(SECONDS, 240) / 60
    subprocess.run([*FFMPEG, "-i", str(wav), "-t", str(minutes * 60), "-c:a", "libmp3lame", "-q:a", "2", str(mp3)],
                   check=True)
    say("analyze: librosa")
    librosa = inner(LIBROSA, mp3)
    say("analyze: essentia")
    essentia = inner(ESSENTIA, mp3)
    say("analyze: mediamill")
    step = 'uses = "audio.analyze"\nout = { json = "a.json", picture = "a.png" }'
    ours, *_ = best(folder, lambda: mill(folder, step, [mp3]))
    each = lambda value: value / minutes if value else None
    print(f"The whole analysis of a {minutes:.0f} minute MP3, CPU seconds for a minute of sound:\n")
    table(["program", "CPU for a minute", "mediamill is faster by"], [
        ["librosa (beats, onsets, MFCC, chroma, six spectral)", seconds(each(librosa)), ratio(librosa, ours)],
        ["essentia MusicExtractor", seconds(each(essentia)), ratio(essentia, ours)],
        ["mediamill audio.analyze, with its picture", seconds(each(ours)), ""]])


def resample(folder, wav):
    say("resample")
    soxr = "aresample=48000:resampler=soxr:precision=28"
    ffmpeg, *_ = best(folder, lambda: [*FFMPEG, "-i", str(wav), "-af", soxr, "-c:a", "pcm_s16le", "r.wav"])
    step = 'uses = "audio.convert"\nwith = { sample_rate = 48000 }\nout.wav = "r.wav"'
    ours, *_ = best(folder, lambda: mill(folder, step, [wav]))
    print(f"44.1 to 48 kHz, {SECONDS // 60} minutes of stereo WAV:\n")
    table(["program", "CPU", "mediamill is faster by"], [
        ["ffmpeg, soxr", seconds(ffmpeg), ratio(ffmpeg, ours)], ["mediamill audio.convert", seconds(ours), ""]])


def flac(folder, wav):
    say("flac")
    step = 'uses = "audio.convert"\nout.flac = "r.flac"'
    theirs, *_ = best(folder, lambda: ["flac", "-s", "-f", "-5", "-o", "their.flac", str(wav)])
    ours, *_ = best(folder, lambda: mill(folder, step, [wav]))
    size = max(path.stat().st_size for path in folder.glob("*/out/**/r.flac"))
    mib = lambda count: f"{count / (1 << 20):.2f} MiB"
    print(f"FLAC from {SECONDS // 60} minutes of WAV:\n")
    table(["program", "CPU", "size"], [
        ["flac -5", seconds(theirs), mib((folder / "their.flac").stat().st_size)],
        ["mediamill audio.convert", seconds(ours), mib(size)]])


STEPS = {
    "audio.verify": 'uses = "audio.verify"', "audio.probe": 'uses = "audio.probe"',
    "audio.loudness": 'uses = "audio.loudness"',
    "audio.analyze": 'uses = "audio.analyze"\nout = { json = "a.json", picture = "a.png" }',
    "audio.spectrogram": 'uses = "audio.spectrogram"\nout.picture = "a.png"',
    "audio.waveform": 'uses = "audio.waveform"\nout = { picture = "a.png", json = "a.json" }',
    "audio.convert": 'uses = "audio.convert"\nwith = { sample_rate = 48000 }\nout.wav = "a.wav"',
    "audio.convert to FLAC": 'uses = "audio.convert"\nout.flac = "a.flac"',
    "audio.normalize": 'uses = "audio.normalize"\nwith = { mode = "limit" }\nout.wav = "a.wav"',
    "audio.trim": 'uses = "audio.trim"\nout.wav = "a.wav"',
    "audio.slice": 'uses = "audio.slice"\nwith = { by = "speech" }\nout.clips = "clips/*.wav"',
    "audio.mix": 'uses = "audio.mix"\nin = ["{item.path}", "{item.path}"]\nout.wav = "a.wav"',
    "audio.compare": 'uses = "audio.compare"\nin = ["{item.path}", "{item.path}"]',
}


def memory(folder, wav):
    long = folder / "hour.wav"
    length = 3600 if FULL else 600
    subprocess.run([*FFMPEG, "-stream_loop", "-1", "-i", str(wav), "-t", str(length), "-c:a", "copy", str(long)],
                   check=True)
    rows = []
    for name, step in STEPS.items():
        say(f"memory: {name}")
        command = mill(folder, step, [long])
        wall, cpu, peak = measured(folder, command)
        rows.append([name, f"{peak:.0f} MiB", seconds(cpu)])
        shutil.rmtree(Path(command[2]).parent)
    print(f"{length // 60} minutes of stereo WAV through each step, the most memory of any process:\n")
    table(["step", "memory", "CPU"], rows)


def jobs(folder, wav):
    say("jobs")
    piece = folder / "piece.mp3"
    subprocess.run([*FFMPEG, "-i", str(wav), "-t", "60", "-c:a", "libmp3lame", "-q:a", "2", str(piece)], check=True)
    (folder / "many").mkdir()
    for number in range(40 if FULL else 10):
        shutil.copy(piece, folder / "many" / f"{number:02}.mp3")
    step = 'uses = "audio.analyze"\nout.json = "a.json"'
    walls = {count: best(folder, lambda: mill(folder, step, [folder / "many"], count), "0,1")[2] for count in (1, 2)}
    print(f"`audio.analyze` of {40 if FULL else 10} files of a minute: {walls[1]:.2f} s with one job, "
          f"{walls[2]:.2f} s with two: {walls[1] / walls[2]:.2f} times as fast.\n", flush=True)


def main():
    parts = {"decode": decode, "loudness": loudness, "picture": picture, "analyze": analyze, "resample": resample,
             "flac": flac, "memory": memory, "jobs": jobs}
    unknown = [part for part in PARTS if part not in parts]
    if unknown:
        sys.exit(f"no such part: {', '.join(unknown)}; there are {', '.join(parts)}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        wav = make_sound(folder)
        for part in PARTS or parts:
            parts[part](folder, wav)


main()
