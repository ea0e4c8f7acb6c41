#!/usr/bin/env python3
"""Draws pictures of text with Pillow, as a careful Python programmer would: the rival of `text.render`.

    pictures_text.py jobs JOBS.jsonl COUNT FONT_DIR BACKGROUND_DIR TEXTS.txt   writes what is to be drawn
    pictures_text.py draw JOBS.jsonl OUT_DIR [PROCESSES]                        draws it

A job has the parameters of `text.render`: text, font, size, color, rotation, blur, noise, background, margin, seed. Fonts and
backgrounds are kept once loaded, text is laid out by raqm (HarfBuzz) where Pillow has it, noise is numpy's, and the
picture is as large as the turned text and its margin. Each picture gets a PNG and a JSON label with one box, that of the
text. Pillow's own PNG level (6) is slow; level 1, which is used here, is its fastest that still compresses.
"""

import json
import os
import random
import sys
from functools import lru_cache
from multiprocessing import Pool

PNG_LEVEL = int(os.environ.get("PNG_LEVEL", "1"))


def make_jobs(out, count, fonts, backgrounds, texts):
    """A fixed seed: both sides draw the same pictures."""
    chance = random.Random(5)
    listed = lambda folder: sorted(os.path.join(at, name) for at, _, names in os.walk(folder) for name in names)
    fonts = [font for font in listed(fonts) if font.endswith((".ttf", ".otf"))]
    backgrounds = [picture for picture in listed(backgrounds) if picture.endswith((".jpg", ".png"))]
    lines = [line.rstrip("\n") for line in open(texts, encoding="utf-8") if line.strip()]
    with open(out, "w", encoding="utf-8") as file:
        for index in range(count):
            job = {
                "text": chance.choice(lines),
                "font": chance.choice(fonts),
                "size": chance.randint(24, 56),
                "color": "#%02x%02x%02x" % tuple(chance.randrange(0, 90) for _ in range(3)),
                "rotation": round(chance.uniform(-6, 6), 2),
                "blur": round(chance.uniform(0.3, 1.2), 2),
                "noise": round(chance.uniform(2, 10), 1),
                "background": chance.choice(backgrounds),
                "margin": 10,
                "seed": index,
            }
            file.write(json.dumps(job, ensure_ascii=False) + "\n")


def draw_all(jobs, out):
    import numpy
    from PIL import Image, ImageDraw, ImageFilter, ImageFont

    @lru_cache(maxsize=512)
    def font(path, size):
        return ImageFont.truetype(path, size)

    @lru_cache(maxsize=64)
    def background(path):
        return Image.open(path).convert("RGB")

    for index, job in jobs:
        face = font(job["font"], job["size"])
        left, top, right, bottom = face.getbbox(job["text"])
        letters = Image.new("L", (right - left, bottom - top))
        ImageDraw.Draw(letters).text((-left, -top), job["text"], fill=255, font=face)
        letters = letters.rotate(job["rotation"], resample=Image.Resampling.BICUBIC, expand=True)
        box = letters.getbbox()
        letters = letters.crop(box)
        margin = job["margin"]
        width, height = letters.width + 2 * margin, letters.height + 2 * margin

        behind = background(job["background"])
        scale = max(width / behind.width, height / behind.height, 1.0)
        if scale > 1.0:
            behind = behind.resize((max(width, round(behind.width * scale)), max(height, round(behind.height * scale))))
        chance = numpy.random.default_rng(job["seed"])
        x = int(chance.integers(0, behind.width - width + 1))
        y = int(chance.integers(0, behind.height - height + 1))
        picture = behind.crop((x, y, x + width, y + height))
        picture.paste(job["color"], (margin, margin), letters)
        picture = picture.filter(ImageFilter.GaussianBlur(job["blur"]))
        samples = numpy.asarray(picture, dtype=numpy.float32)
        noise = chance.standard_normal(samples.shape, dtype=numpy.float32) * job["noise"]
        samples = numpy.clip(samples + noise + 0.5, 0, 255).astype(numpy.uint8)
        Image.fromarray(samples).save(os.path.join(out, f"{index}.png"), compress_level=PNG_LEVEL)
        label = {"text": job["text"], "box": [margin, margin, width - margin, height - margin], "job": job}
        with open(os.path.join(out, f"{index}.json"), "w", encoding="utf-8") as file:
            json.dump(label, file, ensure_ascii=False)


def part(arguments):
    draw_all(*arguments)


def main():
    if sys.argv[1] == "jobs":
        out, count, fonts, backgrounds, texts = sys.argv[2:7]
        make_jobs(out, int(count), fonts, backgrounds, texts)
        return
    jobs, out = sys.argv[2:4]
    processes = int(sys.argv[4]) if len(sys.argv) > 4 else 1
    os.makedirs(out, exist_ok=True)
    with open(jobs, encoding="utf-8") as file:
        all_jobs = list(enumerate(json.loads(line) for line in file))
    if processes == 1:
        draw_all(all_jobs, out)
    else:
        with Pool(processes) as pool:
            pool.map(part, [(all_jobs[at::processes], out) for at in range(processes)])


if __name__ == "__main__":
    main()
