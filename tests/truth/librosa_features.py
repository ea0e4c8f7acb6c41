"""Writes tests/fixtures/truth/librosa_features.json: what librosa says of the lossless sounds in tests/fixtures/media.

Made with librosa 0.11.0 and numpy: `python tests/truth/librosa_features.py` from the root of the repository.
"""

import json
import pathlib

import librosa
import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
SOUNDS = ["speech-1.wav", "speech-2.flac", "music-1.wav", "music-1.flac"]
CLASSES = ["C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B"]


def frames_for(rate):
    """2048 samples from 32 to 64 kHz, elsewhere about as long."""
    size, least = 2048, 32_000
    while rate < least:
        size, least = size // 2, least / 2
    return size, size // 4


def statistics(values):
    values = np.asarray(values, dtype=np.float64)
    p10, p50, p90 = np.percentile(values, [10, 50, 90])
    return {
        "mean": values.mean(), "std": values.std(), "min": values.min(), "max": values.max(),
        "p10": p10, "p50": p50, "p90": p90,
    }


def features(sound, rate):
    size, hop = frames_for(rate)
    stft = np.abs(librosa.stft(sound, n_fft=size, hop_length=hop))
    how = {"S": stft, "sr": rate, "n_fft": size, "hop_length": hop}
    unit = stft / np.linalg.norm(stft, axis=0)
    found = {
        "spectral_centroid": librosa.feature.spectral_centroid(**how)[0],
        "spectral_bandwidth": librosa.feature.spectral_bandwidth(**how)[0],
        "spectral_rolloff": librosa.feature.spectral_rolloff(**how)[0],
        "spectral_flatness": librosa.feature.spectral_flatness(S=stft)[0],
        # librosa has no flux: from its spectrum.
        "spectral_flux": np.linalg.norm(np.diff(unit, axis=1), axis=0),
        "zero_crossing_rate": librosa.feature.zero_crossing_rate(sound, frame_length=size, hop_length=hop)[0],
        "rms": librosa.feature.rms(y=sound, frame_length=size, hop_length=hop)[0],
    }
    mfcc = librosa.feature.mfcc(y=sound, sr=rate, n_mfcc=13, n_fft=size, hop_length=hop)
    found |= {f"mfcc_{at}": row for at, row in enumerate(mfcc)}
    chroma = librosa.feature.chroma_stft(S=stft**2, sr=rate, n_fft=size, hop_length=hop, tuning=0.0)
    found |= {f"chroma_{name}": row for name, row in zip(CLASSES, chroma)}
    return {
        "tuning_cents": 100 * librosa.estimate_tuning(y=sound, sr=rate, n_fft=size, hop_length=hop),
        "frames": stft.shape[1],
        "features": {name: statistics(values) for name, values in found.items()},
    }


truth = {}
for name in SOUNDS:
    sound, rate = librosa.load(ROOT / "tests/fixtures/media" / name, sr=None, mono=True)
    truth[name] = features(sound, rate)
text = json.dumps(truth, indent=1, default=float)
text = json.dumps(json.loads(text, parse_float=lambda number: float(f"{float(number):.7g}")), indent=1)
(ROOT / "tests/fixtures/truth/librosa_features.json").write_text(text + "\n")
