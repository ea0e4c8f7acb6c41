"""The measuring of benches/ocr.sh: a pool of 40 fonts, 4 of them broken, and the same pictures drawn by Pillow."""
import hashlib, json, os, resource, shutil, subprocess, sys, tempfile, time
from pathlib import Path

MILL = os.environ["MEDIAMILL"]
COUNT = 2000 if "quick" in sys.argv[1:] else 30000
WORKERS = 2
# Of these Pillow draws one in so many: it would take most of the time, and is no faster or slower for it.
SAMPLE = 1 if COUNT < 10000 else 10
ROOT = Path(__file__).resolve().parent.parent
ASSETS = ROOT / "pipelines/ocr"

PIPELINE = """
name = "ocr-bench"
[generate]
count = {count}
seed = 5
[generate.values]
text = {{ lines = "{assets}/texts.txt" }}
size = {{ from = 24, to = 56 }}
ink = {{ one_of = ["#101010", "#1c2a4a", "#3a2414", "#402020"] }}
rotation = {{ from = -6.0, to = 6.0 }}
blur = {{ from = 0.3, to = 1.2 }}
noise = {{ from = 2.0, to = 10.0 }}
[pools.fonts]
kind = "fonts"
dirs = ["{fonts}"]
{covers}
[pools.backgrounds]
kind = "images"
dir_weights = {{ "{assets}/backgrounds/paper" = 0.7, "{assets}/backgrounds/surfaces" = 0.3 }}
[output]
dir = "out"
[[step]]
id = "draw"
uses = "text.render"
out = {{ picture = "{{item.stem}}.png", label = "{{item.stem}}.json" }}
with = {{ text = "{{item.text}}", seed = "{{item.seed}}", font = "{{pools.fonts}}", background = "{{pools.backgrounds}}", \
size = "{{item.size}}", color = "{{item.ink}}", rotation = "{{item.rotation}}", blur = "{{item.blur}}", \
noise = "{{item.noise}}", margin = 10 }}
"""


def say(text):
    print(text, file=sys.stderr, flush=True)


def make_fonts(folder):
    """Forty fonts of the five that ship; every tenth has lost its outlines: it opens, and cannot be drawn with."""
    good = sorted((ASSETS / "fonts").glob("*.ttf"))
    for index in range(40):
        data = bytearray(good[index % len(good)].read_bytes())
        if index % 10 == 3:
            tables = int.from_bytes(data[4:6], "big")
            for entry in range(12, 12 + 16 * tables, 16):
                if data[entry : entry + 4] == b"loca":
                    data[entry : entry + 4] = b"loc_"
        (folder / f"font{index:02}{'-broken' if index % 10 == 3 else ''}.ttf").write_bytes(data)


def timed(command, folder):
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    wall, after = time.monotonic() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        sys.exit(f"{command} ended with {done.returncode}: {done.stderr.decode()[-2000:]}")
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def run(place, fonts, workers):
    place.mkdir()
    pipeline = PIPELINE.format(count=COUNT, assets=ASSETS, fonts=fonts, covers='covers = "{item.text}"')
    (place / "p.toml").write_text(pipeline)
    say(f"{COUNT} pictures by {workers} workers")
    return timed([MILL, "run", "p.toml", "--no-tui", "-j", str(workers)], place)


def sums(place):
    """One hash of all pictures, and how many there are."""
    whole, count = hashlib.blake2b(), 0
    for path in sorted((place / "out").glob("*.png")):
        whole.update(path.name.encode() + hashlib.blake2b(path.read_bytes()).digest())
        count += 1
    return whole.hexdigest(), count


def pools(place):
    newest = max((place / "checkpoints/ocr-bench/runs").iterdir())
    summary = json.loads((newest / "summary.json").read_text())
    return next(pool for pool in summary["pools"] if pool["name"] == "fonts")


def jobs_of(place, out):
    """The same pictures for Pillow, from the labels."""
    names = ["text", "font", "size", "color", "rotation", "blur", "noise", "background", "margin", "seed"]
    with open(out, "w", encoding="utf-8") as file:
        for path in sorted((place / "out").glob("*.json"))[::SAMPLE]:
            parameters = json.loads(path.read_text())["parameters"]
            file.write(json.dumps({name: parameters[name] for name in names}, ensure_ascii=False) + "\n")


def main():
    folder = Path(tempfile.mkdtemp(prefix="ocr-bench-"))
    try:
        fonts = folder / "fonts"
        fonts.mkdir()
        make_fonts(fonts)
        ours = run(folder / "two", fonts, WORKERS)
        hashes = {WORKERS: sums(folder / "two")}
        used = {WORKERS: pools(folder / "two")}
        jobs_of(folder / "two", folder / "jobs.jsonl")
        say(f"the same by Pillow, {WORKERS} processes")
        script = [sys.executable, str(ROOT / "benches/pictures_text.py"), "draw", "jobs.jsonl", "pillow", str(WORKERS)]
        theirs = timed(script, folder)
        shutil.rmtree(folder / "pillow")
        for workers in (1, 8):
            run(folder / str(workers), fonts, workers)
            hashes[workers] = sums(folder / str(workers))
            used[workers] = pools(folder / str(workers))
            shutil.rmtree(folder / str(workers))
        theirs = [seconds * SAMPLE for seconds in theirs]
        each = lambda seconds: f"{seconds / COUNT * 1000:.2f} ms"
        print(f"| {COUNT:,} pictures of text, {WORKERS} at once | wall, each | CPU, each | times as fast, by wall and by CPU |")
        print("|---|--:|--:|--:|")
        print(f"| a Pillow script, one box for each picture | {each(theirs[0])} | {each(theirs[1])} | 1.0 |")
        print(f"| **mediamill**, boxes of all lines, words and letters | {each(ours[0])} | {each(ours[1])} | {theirs[0] / ours[0]:.1f}, {theirs[1] / ours[1]:.1f} |")
        print()
        print("| workers | pictures | broken fonts on the denylist, of 4 | the most draws of one | bytes of all pictures |")
        print("|--:|--:|--:|--:|---|")
        for workers in (1, WORKERS, 8):
            (total, count), pool = hashes[workers], used[workers]
            most = max((asset["draws"] for asset in pool["denylist"]), default=0)
            print(f"| {workers} | {count} | {pool['denylisted']} | {most} | {total[:12]} |")
    finally:
        shutil.rmtree(folder)


main()
