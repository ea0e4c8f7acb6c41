#!/usr/bin/env python3
"""Makes the fonts and backgrounds of this folder. Needs fontTools, NumPy, Pillow, and the fonts of Noto and DejaVu.

    make.py            writes fonts/ and backgrounds/ beside itself
"""

import io
import os

import numpy
from fontTools import subset
from fontTools.ttLib import TTFont
from PIL import Image, ImageFilter

HERE = os.path.dirname(os.path.abspath(__file__))
FONTS = "/usr/share/fonts/truetype"


def cut(source, name, unicodes):
    """A font with fewer characters, and without hints: they are not used."""
    options = subset.Options(hinting=False, layout_features=["*"], name_IDs=["*"], notdef_outline=True)
    font = TTFont(os.path.join(FONTS, source))
    cutter = subset.Subsetter(options)
    cutter.populate(unicodes=unicodes)
    cutter.subset(font)
    font.save(os.path.join(HERE, "fonts", name))


def fonts():
    latin = [*range(0x20, 0x7F), *range(0xA0, 0x180), 0x300, 0x301, 0x302, 0x303, 0x308, 0x30A, 0x323, 0x327, 0x328]
    signs = [*range(0x2010, 0x2027), 0x2030, 0x2032, 0x2033, 0x2039, 0x203A, 0x20AC, 0x2122, 0x2212, 0xFB01, 0xFB02]
    greek, cyrillic = range(0x384, 0x3CF), [*range(0x400, 0x460), 0x490, 0x491, 0x2116]
    for source, name in [
        ("noto/NotoSans-Regular.ttf", "NotoSans-Regular.ttf"),
        ("noto/NotoSans-Bold.ttf", "NotoSans-Bold.ttf"),
        ("noto/NotoSerif-Regular.ttf", "NotoSerif-Regular.ttf"),
        ("noto/NotoSerif-Italic.ttf", "NotoSerif-Italic.ttf"),
        ("dejavu/DejaVuSansMono.ttf", "DejaVuSansMono.ttf"),
    ]:
        cut(source, name, [*latin, *signs, *greek, *cyrillic])


def clouds(chance, size, roughness):
    """Soft spots of many sizes, from 0 to 1: noise at every scale, the finer the weaker."""
    total = numpy.zeros((size, size))
    step, weight = 4, 1.0
    while step <= size:
        noise = Image.fromarray(chance.standard_normal((step, step)).astype(numpy.float32))
        total += weight * numpy.asarray(noise.resize((size, size), Image.Resampling.BICUBIC))
        step, weight = step * 2, weight * roughness
    return (total - total.min()) / (total.max() - total.min())


def save(folder, name, colour):
    samples = numpy.clip(colour, 0, 255).astype(numpy.uint8)
    Image.fromarray(samples).save(os.path.join(HERE, "backgrounds", folder, name), quality=70, optimize=True)


def tinted(grey, dark, light):
    return numpy.stack([low + (high - low) * grey for low, high in zip(dark, light)], axis=-1)


def backgrounds():
    size = 480
    chance = numpy.random.default_rng(2026)
    spots = lambda roughness: clouds(chance, size, roughness)
    rows = numpy.arange(size)
    save("paper", "white.jpg", tinted(spots(0.8), (232, 232, 230), (252, 252, 250)))
    save("paper", "cream.jpg", tinted(spots(0.75), (226, 214, 186), (248, 240, 222)))
    save("paper", "old.jpg", tinted(spots(0.6), (178, 150, 104), (236, 218, 178)))
    recycled = spots(0.9) * 0.7 + (chance.random((size, size)) > 0.997) * -0.5
    save("paper", "recycled.jpg", tinted(recycled, (176, 172, 164), (226, 222, 214)))
    ruled = tinted(spots(0.7), (240, 240, 236), (252, 252, 248))
    ruled[rows % 32 < 1] = (150, 180, 220)
    save("paper", "ruled.jpg", ruled)
    squared = tinted(spots(0.7), (238, 242, 240), (250, 252, 250))
    squared[rows % 20 < 1] = (196, 214, 206)
    squared[:, rows % 20 < 1] = (196, 214, 206)
    save("paper", "squared.jpg", squared)

    save("surfaces", "concrete.jpg", tinted(spots(0.85), (120, 120, 122), (186, 186, 184)))
    grain = spots(0.7)[:, :1] * 0.3 + numpy.sin(clouds(chance, size, 0.45) * 40 + rows[:, None] / 18) * 0.25 + 0.4
    save("surfaces", "wood.jpg", tinted(grain, (120, 78, 44), (206, 160, 108)))
    weave = (numpy.sin(rows / 1.6)[:, None] * numpy.sin(rows / 1.6)[None, :]) * 0.25 + 0.5 + (spots(0.7) - 0.5) * 0.3
    save("surfaces", "cloth.jpg", tinted(weave, (92, 110, 140), (176, 190, 210)))
    slope = (rows[:, None] + rows[None, :]) / (2 * size)
    save("surfaces", "sky.jpg", tinted(slope * 0.7 + spots(0.5) * 0.3, (96, 150, 214), (230, 238, 246)))
    metal = numpy.repeat(chance.standard_normal((size, 1)), size, axis=1)
    metal = Image.fromarray((metal * 24 + 128).clip(0, 255).astype(numpy.uint8)).filter(ImageFilter.GaussianBlur(0.7))
    save("surfaces", "metal.jpg", tinted(numpy.asarray(metal) / 255.0, (130, 134, 138), (220, 222, 224)))
    save("surfaces", "marble.jpg", tinted(numpy.abs(numpy.sin(clouds(chance, size, 0.6) * 14)) ** 0.3, (150, 150, 156), (240, 240, 242)))


if __name__ == "__main__":
    for folder in ["fonts", "backgrounds/paper", "backgrounds/surfaces"]:
        os.makedirs(os.path.join(HERE, folder), exist_ok=True)
    fonts()
    backgrounds()
