"""The measuring of benches/pictures.sh: each task in a folder of its own, all on one core; prints Markdown."""
import os, random, shutil, subprocess, sys, tempfile
from functools import partial
from pathlib import Path

from PIL import Image

from tree import best as best_of, measured, say

MILL = os.environ["MEDIAMILL"]
FULL = "quick" not in sys.argv[1:]
PARTS = [part for part in sys.argv[1:] if part not in ("quick", "full")]
REPEATS = 3 if FULL else 1
FILES = 20 if FULL else 4
SIZE = (4032, 3024)

# One process for all files: Pillow's way to a thumbnail, with the reduced decoding of libjpeg.
PILLOW = """
import sys
from PIL import Image
out = sys.argv[1]
for number, path in enumerate(sys.argv[2:]):
    with Image.open(path) as picture:
        picture.draft("RGB", (1024, 1024))
        picture.thumbnail((512, 512), Image.Resampling.LANCZOS)
        picture.convert("RGB").save(f"{out}/{number}.jpg", quality=85)
"""


best = partial(best_of, repeats=REPEATS)


def mill(folder, step, inputs):
    """The command that runs one step over the inputs with one worker, from nothing."""
    where = Path(tempfile.mkdtemp(dir=folder))
    (where / "p.toml").write_text(
        f'name = "p"\n[output]\ndir = "out/{{item.name}}"\n[[step]]\nid = "work"\nuses = "image.resize"\n{step}\n')
    return [MILL, "run", where / "p.toml", "--no-tui", "-j", "1", "--state", where / "state", "-o", where / "out", *inputs]


ONE = 'with = { width = 512, height = 512 }\nout.picture = "512.jpg"'
SIZES = 'with = { sizes = { large = 1024, middle = 512, small = 256 } }\n' \
    'out = { large = "1024.jpg", middle = "512.jpg", small = "256.jpg" }'
LARGE = 'with = { width = 1024, height = 1024 }\nout.picture = "1024.jpg"'


def vips(folder, inputs):
    where = tempfile.mkdtemp(dir=folder)
    return ["vipsthumbnail", "-s", "512", "-o", f"{where}/%s.jpg[Q=85]", *inputs]


def pillow(folder, inputs):
    return [sys.executable, "-c", PILLOW, tempfile.mkdtemp(dir=folder), *inputs]


def magick(folder, inputs):
    where = tempfile.mkdtemp(dir=folder)
    return ["mogrify", "-path", where, "-define", "jpeg:size=1024x1024", "-thumbnail", "512x512", "-quality", "85",
            "-format", "jpg", *inputs]


RIVALS = {"vipsthumbnail": vips, "Pillow": pillow, "ImageMagick": magick}


def make_scene(folder):
    """Something like a photo of 12 megapixels: noise at every scale, as nature has it, soft colours, edges and grain."""
    say("making the scene")
    chance = random.Random(7)
    width, height = SIZE

    def octaves(weight, scales):
        made = Image.new("L", SIZE, 128)
        for scale in scales:
            across, down = max(2, width * scale // 4096), max(2, height * scale // 4096)
            noise = Image.frombytes("L", (across, down), chance.randbytes(across * down))
            made = Image.blend(made, noise.resize(SIZE, Image.Resampling.BICUBIC), weight(scale))
        return made
    light = octaves(lambda scale: 0.5 / (1 + scale ** 0.22), [2 ** power for power in range(2, 12)])
    soft = [octaves(lambda scale: 0.22 / (1 + scale ** 0.3), [2 ** power for power in range(2, 6)]) for _ in range(2)]
    grain = Image.frombytes("L", SIZE, chance.randbytes(width * height))
    light = Image.blend(light, grain, 0.045)
    for _ in range(60):
        x, y, side = chance.randrange(width), chance.randrange(height), chance.randrange(40, 500)
        box = (x, y, min(x + side, width), min(y + side, height))
        light.paste(light.crop(box).point(lambda level, by=chance.randrange(-22, 22): level + by), box)
    scene = folder / "scene.png"
    Image.merge("YCbCr", [light, *soft]).convert("RGB").save(scene, compress_level=3)
    return scene


def coded(folder, scene, label):
    """The scene in this coding, as often as a run takes files."""
    ways = {
        "JPEG": ("jpg", {"quality": 90, "subsampling": 2}), "JPEG, 4:4:4": ("jpg", {"quality": 90, "subsampling": 0}),
        "JPEG, progressive": ("jpg", {"quality": 90, "subsampling": 2, "progressive": True}),
        "PNG": ("png", {"compress_level": 3}), "WebP": ("webp", {"quality": 85}),
    }
    extension, how = ways[label]
    where = folder / "inputs" / label.replace(", ", "-").replace(":", "")
    if not where.exists():
        where.mkdir(parents=True)
        first = where / f"00.{extension}"
        with Image.open(scene) as picture:
            picture.save(first, **how)
        for number in range(1, FILES):
            shutil.copy(first, where / f"{number:02}.{extension}")
    return sorted(where.iterdir())


def table(head, rows):
    print("| " + " | ".join(head) + " |\n" + "|---" * len(head) + "|")
    for row in rows:
        print("| " + " | ".join(row) + " |")
    print(flush=True)


def each(value):
    return f"{value * 1000:.0f} ms"


def beside(folder, scene, labels, count):
    rows = []
    for label in labels:
        inputs = coded(folder, scene, label)[:count]
        ours = best(folder, lambda: mill(folder, ONE, inputs))[0] / len(inputs)
        row = [f"{label} ({inputs[0].stat().st_size / 1e6:.1f} MB)", each(ours)]
        for name, command in RIVALS.items():
            say(f"{label}: {name}")
            theirs = best(folder, lambda: command(folder, inputs))[0] / len(inputs)
            row.append(f"{each(theirs)} ({theirs / ours:.2f})")
        rows.append(row)
    table(["input", "mediamill", *(f"{name} (times ours)" for name in RIVALS)], rows)


def jpeg(folder, scene):
    print(f"12 megapixels to a JPEG of 512 pixels, {FILES} files in one run with one worker, CPU a file:\n")
    beside(folder, scene, ["JPEG", "JPEG, 4:4:4", "JPEG, progressive"], FILES)


def formats(folder, scene):
    count = 5 if FULL else 2
    print(f"Other formats to a JPEG of 512 pixels, {count} files in one run, CPU a file:\n")
    beside(folder, scene, ["PNG", "WebP"], count)
    print("The same for one file in a process of its own, start and all:\n")
    beside(folder, scene, ["PNG", "WebP"], 1)


def sizes(folder, scene):
    inputs = coded(folder, scene, "JPEG")
    cpu = {}
    for name, step in {"512": ONE, "1024": LARGE, "1024, 512 and 256": SIZES}.items():
        say(f"sizes: {name}")
        cpu[name] = best(folder, lambda: mill(folder, step, inputs))[0] / len(inputs)
    three = cpu["1024, 512 and 256"]
    print(f"Sizes from one decode of a JPEG, {FILES} files in one run, CPU a file:\n")
    table(["sizes", "CPU", "three sizes take"],
          [[name, each(value), f"{three / value:.2f} times this"] for name, value in cpu.items()])


def memory(folder, scene):
    rows = []
    for label in ["JPEG", "JPEG, 4:4:4", "JPEG, progressive", "PNG", "WebP"]:
        inputs = coded(folder, scene, label)[:2]
        row = [label, f"{measured(folder, mill(folder, ONE, inputs))[2]:.0f} MiB"]
        for name, command in RIVALS.items():
            say(f"memory: {label}: {name}")
            row.append(f"{measured(folder, command(folder, inputs))[2]:.0f} MiB")
        rows.append(row)
    print("The most memory of any process, 12 megapixels to 512 pixels:\n")
    table(["input", "mediamill", *RIVALS], rows)


def quality(folder, scene):
    try:
        import numpy
    except ImportError:
        say("no numpy: quality is not measured")
        return
    with Image.open(scene) as picture:
        bands = [numpy.asarray(band, numpy.float32) for band in picture.split()]
    rows = []
    for label in ["JPEG", "JPEG, 4:4:4"]:
        path = coded(folder, scene, label)[0]
        for side in (256, 512, 1024):
            say(f"quality: {label} {side}")
            size = (side, round(side * SIZE[1] / SIZE[0]))
            wanted = [numpy.asarray(Image.fromarray(band).resize(size, Image.Resampling.LANCZOS)) for band in bands]

            def apart(path):
                with Image.open(path) as picture:
                    made = [numpy.asarray(band, numpy.float32) for band in picture.convert("RGB").split()]
                error = numpy.mean([numpy.mean((one - other) ** 2) for one, other in zip(made, wanted)])
                return f"{10 * numpy.log10(255 ** 2 / error):.2f} dB"
            command = mill(folder, f'with = {{ width = {side}, height = {side} }}\nout.picture = "q.png"', [path])
            measured(folder, command)
            ours = next(Path(command[command.index("-o") + 1]).glob("**/q.png"))
            theirs = folder / f"vips-{side}.png"
            measured(folder, ["vipsthumbnail", "-s", str(side), "-o", str(theirs), path])
            with Image.open(path) as picture:
                picture.draft("RGB", (side * 2, side * 2))
                picture.thumbnail((side, side), Image.Resampling.LANCZOS)
                picture.save(folder / "pillow.png")
            rows.append([label, str(side), apart(ours), apart(theirs), apart(folder / "pillow.png")])
    print("How near the result comes to the scene that the JPEG was made of, resampled in floating point (PSNR):\n")
    table(["input", "pixels", "mediamill", "vipsthumbnail", "Pillow, draft"], rows)


def main():
    parts = {"jpeg": jpeg, "formats": formats, "sizes": sizes, "memory": memory, "quality": quality}
    unknown = [part for part in PARTS if part not in parts]
    if unknown:
        sys.exit(f"no such part: {', '.join(unknown)}; there are {', '.join(parts)}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        scene = make_scene(folder)
        for part in PARTS or parts:
            parts[part](folder, scene)


main()
