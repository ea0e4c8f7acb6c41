"""Writes tests/fixtures/truth/skimage_similar.json: what scikit-image says of photo-cat.png beside spoilt copies of it.

Made with scikit-image 0.26.0 and numpy: `python tests/truth/skimage_similar.py` from the root of the repository.
The copies are spoilt by the same whole numbers in tests/similar.rs. The luma is that of ITU-R BT.601, not rounded.
"""

import json
import pathlib

import numpy as np
from skimage.io import imread
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

ROOT = pathlib.Path(__file__).resolve().parents[2]
cat = imread(ROOT / "tests/fixtures/media/photo-cat.png")[..., :3].astype(np.int64)
y, x, channel = np.indices(cat.shape)


def luma(picture):
    return picture @ np.array([0.299, 0.587, 0.114])


def held(first, second, most):
    ssim = structural_similarity(
        luma(first), luma(second), gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=most
    )
    psnr = peak_signal_noise_ratio(first, second, data_range=most)
    largest = np.abs(first - second).max() * 255 / most
    return {"psnr_db": float(psnr), "ssim": float(ssim), "largest_difference": float(largest)}


deep = cat * 257
spoilt = {
    "noise": (cat, np.clip(cat + (x * 7 + y * 13 + channel * 29) % 31 - 15, 0, 255), 255),
    "steps": (cat, cat // 32 * 32, 255),
    "dull": (cat, cat * 3 // 4 + 32, 255),
    "shifted": (cat, np.roll(cat, 3, axis=1), 255),
    "upside_down": (cat, cat[::-1], 255),
    "deep": (deep, np.clip(deep + (x * 131 + y * 977 + channel * 71) % 401 - 200, 0, 65535), 65535),
}
truth = {name: held(*pictures) for name, pictures in spoilt.items()}
(ROOT / "tests/fixtures/truth/skimage_similar.json").write_text(json.dumps(truth, indent=1) + "\n")
