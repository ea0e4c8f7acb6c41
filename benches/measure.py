"""The measuring of benches/run.sh: runs each batch in a folder of its own, and prints Markdown."""
import filecmp, os, shutil, signal, subprocess, sys, tempfile, threading, time
from pathlib import Path

MILL, FLOOR = os.environ["MEDIAMILL"], os.environ["FLOOR"]
FULL = "quick" not in sys.argv[1:]
PARTS = [part for part in sys.argv[1:] if part not in ("quick", "full")]
JOBS, REPEATS = 2, 3


def say(text):
    print(text, file=sys.stderr, flush=True)


def pipeline(folder, step, items="in"):
    """Writes p.toml with one step; the items' outputs come to out/NAME."""
    text = f'name = "p"\n[input]\npaths = ["{items}"]\n[output]\ndir = "out"\n[[step]]\nid = "work"\n{step}\n'
    (folder / "p.toml").write_text(text)


def inputs(folder, count, size=4096):
    (folder / "in").mkdir(parents=True)
    (folder / "out").mkdir()
    for item in range(count):
        (folder / "in" / str(item)).write_bytes(b"%08d" % item * (size // 8))
    (folder / "items").write_text("".join(f"{item}\n" for item in range(count)))


def measured(folder, command):
    """Wall seconds, CPU seconds of the whole tree, peak MiB of the process itself, exit code."""
    peak, over = [0.0], threading.Event()

    def watch(pid):
        # What wait4 tells counts the memory of this script, which every child begins with.
        while not over.wait(0.02):
            peak[0] = max(peak[0], high_water(pid))
    with open(folder / "log", "ab") as log:
        start = time.monotonic()
        child = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        watcher = threading.Thread(target=watch, args=[child.pid])
        watcher.start()
        _, status, used = os.wait4(child.pid, 0)
        wall = time.monotonic() - start
        child.returncode = os.waitstatus_to_exitcode(status)
        over.set()
        watcher.join()
    return wall, used.ru_utime + used.ru_stime, peak[0], child.returncode


def mill(*more):
    return [MILL, "run", "p.toml", "--no-tui", "-j", str(JOBS), *more]


def commands(work, count):
    """The runners: how each does the work, once its file is written."""
    shell = {"true": "/bin/true", "copy": "cp in/{} out/{}"}[work]
    found = {"floor": lambda folder: [FLOOR, str(count), str(JOBS), work]}
    if shutil.which("xargs"):
        each = ["-n1", "/bin/true"] if work == "true" else ["-I{}", *shell.split()]
        found["xargs"] = lambda folder: ["xargs", "-a", "items", f"-P{JOBS}", *each]
    if shutil.which("parallel"):
        found["parallel, joblog"] = lambda folder: [
            "parallel", "--will-cite", f"-j{JOBS}", "--joblog", "joblog", "--resume", "-a", "items", shell]
    if shutil.which("make"):
        def make(folder):
            command = shell.replace("{}", "$*")
            rule = f"out/%: in/%\n\t@{command}\n" if work == "copy" else f"t/%:\n\t@{command}\n"
            prefix = "out/" if work == "copy" else "t/"
            (folder / "Makefile").write_text(f"all: $(addprefix {prefix},$(shell cat items))\n{rule}")
            return ["make", "-s", f"-j{JOBS}"]
        found["make"] = make
    if shutil.which("ninja"):
        def ninja(folder):
            lines = ["rule r", " command = " + ("cp $in $out" if work == "copy" else shell)]
            lines += [f"build out/{i}: r in/{i}" if work == "copy" else f"build t{i}: r" for i in range(count)]
            (folder / "build.ninja").write_text("\n".join(lines) + "\n")
            return ["ninja", f"-j{JOBS}"]
        found["ninja"] = ninja

    def ours(folder):
        copy = 'run = ["cp", "{in}", "{out}"]\nout = { file = "{item.name}" }'
        pipeline(folder, copy if work == "copy" else 'run = ["/bin/true"]')
        return mill()
    found["mediamill"] = ours
    return found


def part_items(place):
    counts = {"true": 2000 if FULL else 200, "copy": 500 if FULL else 100}
    for work, count in counts.items():
        best = {}
        for repeat in range(REPEATS):
            for name, prepare in commands(work, count).items():
                # A new folder each time: ext4 takes long to make files where many were just removed.
                folder = place / f"{work}-{repeat}" / name.split(",")[0]
                inputs(folder, count)
                wall, cpu, peak, code = measured(folder, prepare(folder))
                copies = range(count) if work == "copy" and code == 0 else []
                good = all(filecmp.cmp(folder / "in" / str(i), folder / "out" / str(i), False) for i in copies)
                say(f"{work} {name}: {wall:.2f} s, {cpu / count * 1e3:.2f} ms CPU an item, exit {code}")
                if code != 0 or not good:
                    sys.exit((folder / "log").read_text()[-2000:])
                old = best.get(name, (wall, cpu, peak))
                best[name] = tuple(min(pair) for pair in zip(old, (wall, cpu, peak)))
        what = "`/bin/true`" if work == "true" else "`cp` of 4 KiB"
        print(f"\n#### {count:,} times {what}, {JOBS} at once (best of {REPEATS})\n")
        print("| runner | wall, an item | times the floor | CPU, an item | above the floor | peak |")
        print("|---|--:|--:|--:|--:|--:|")
        floor = best["floor"]
        for name, (wall, cpu, peak) in best.items():
            each, ours = wall / count * 1e3, cpu / count * 1e3
            print(f"| {name} | {each:.2f} ms | {wall / floor[0]:.1f} | {ours:.2f} ms "
                  f"| {ours - floor[1] / count * 1e3:+.2f} ms | {peak:.0f} MiB |")


def part_noop(place):
    count = 100_000 if FULL else 10_000
    folder = place / "noop"
    inputs(folder, count, 8)
    pipeline(folder, 'uses = "file.copy"\nout = { copy = "{item.name}" }')
    first = measured(folder, mill())
    runs = [measured(folder, mill()) for _ in range(REPEATS)]
    assert first[3] == 0 and all(run[3] == 0 for run in runs), (folder / "log").read_text()[-2000:]
    print(f"\n#### {count:,} items done before, inputs and outputs looked at (best of {REPEATS})\n")
    print("| first run | no-op run | CPU | peak |\n|--:|--:|--:|--:|")
    print(f"| {first[0]:.1f} s | {min(run[0] for run in runs):.2f} s | {min(run[1] for run in runs):.2f} s "
          f"| {max(run[2] for run in runs):.0f} MiB |")


def part_builtin(place):
    count = 50_000 if FULL else 5_000
    folder = place / "builtin"
    inputs(folder, count, 8)
    pipeline(folder, 'uses = "noop"')
    wall, cpu, peak, code = measured(folder, mill())
    assert code == 0, (folder / "log").read_text()[-2000:]
    print(f"\n#### {count:,} items through a built-in step that does nothing, checkpoints on\n")
    print(f"| items a second | CPU, an item | peak |\n|--:|--:|--:|\n| {count / wall:,.0f} | {cpu / count * 1e3:.3f} ms | {peak:.0f} MiB |")


def part_list(place):
    count = 1_000_000 if FULL else 100_000
    folder = place / "list"
    for group in range(count // 1000):
        (folder / "in" / f"{group:04}").mkdir(parents=True)
        for item in range(1000):
            (folder / "in" / f"{group:04}" / f"recording-{group:04}-{item:03}.wav").touch()
    say(f"{count:,} files are made")
    pipeline(folder, 'uses = "noop"')
    start, first = time.monotonic(), None
    with open(folder / "log", "ab") as log:
        child = subprocess.Popen(mill(), cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        while child.poll() is None and time.monotonic() - start < 15:
            if first is None and started(folder):
                first = time.monotonic() - start
            time.sleep(0.02)
        peak = high_water(child.pid)
        child.send_signal(signal.SIGINT)
        child.wait(60)
    print(f"\n#### {count:,} items listed\n\n| first task begun after | peak |\n|--:|--:|")
    print(f"| {first:.2f} s | {peak:.0f} MiB |" if first else f"| not within 15 s | {peak:.0f} MiB |")


def started(folder):
    """Whether an attempt or a result stands in the newest journal."""
    for journal in (folder / "checkpoints/p/runs").glob("*/journal.jsonl"):
        with open(journal, "rb") as lines:
            lines.seek(max(0, os.fstat(lines.fileno()).st_size - 100_000))
            tail = lines.read()
            return b'"attempt_started"' in tail or b'"task_done"' in tail or b'"item_finished"' in tail
    return False


def high_water(pid):
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), 0.0)


def below(folder):
    """Processes whose working folder lies below this one."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if Path(os.readlink(entry / "cwd")).is_relative_to(folder.resolve()):
                    if (entry / "stat").read_text().rsplit(")", 1)[1].split()[0] != "Z":
                        found.append(int(entry.name))
            except OSError:
                pass
    return found


def part_crash(place):
    count = 12
    print(f"\n#### {count} items of 1 s, {JOBS} at once, the engine ended in the middle, then the same command\n")
    print("| signal | tools alive after 3 s | torn outputs | the same command | finished items done again | right |")
    print("|---|--:|--:|--:|--:|--:|")
    for name in ("SIGTERM", "SIGKILL"):
        folder = place / f"crash-{name}"
        inputs(folder, count)
        script = 'head -c 2048 "$1" > "$2"; sleep 1; tail -c +2049 "$1" >> "$2"'
        pipeline(folder, f"run = ['sh', '-c', '{script}', 'slow', '{{in}}', '{{out}}']\nout = {{ file = '{{item.name}}' }}")

        def outputs():
            return {item: folder / "out" / str(item) for item in range(count) if (folder / "out" / str(item)).exists()}

        def right():
            return {item: out.stat().st_mtime_ns for item, out in outputs().items()
                    if filecmp.cmp(folder / "in" / str(item), out, False)}
        with open(folder / "log", "ab") as log:
            child = subprocess.Popen(mill(), cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                     start_new_session=True)
            deadline = time.monotonic() + 60
            while len(outputs()) < 3 and time.monotonic() < deadline:
                time.sleep(0.01)
            time.sleep(0.4)
            child.send_signal(getattr(signal, name))
            child.wait(30)
        time.sleep(3)
        alive, before = below(folder), right()
        torn = len(outputs()) - len(before)
        code = measured(folder, mill())[3]
        after = right()
        again = sum(after.get(item) != when for item, when in before.items())
        print(f"| {name} | {len(alive)} | {torn} | exit {code} | {again} of {len(before)} | {len(after)} of {count} |")


def part_start(place):
    place.joinpath("start").mkdir()
    folder = place / "start"
    version = min(measured(folder, [MILL, "--version"])[0] for _ in range(20))
    health = min(measured(folder, [MILL, "health"])[0] for _ in range(REPEATS))
    print(f"\n#### Start\n\n| `--version` | `health` |\n|--:|--:|\n| {version * 1e3:.1f} ms | {health:.2f} s |")


def main():
    parts = {name.removeprefix("part_"): part for name, part in globals().items() if name.startswith("part_")}
    unknown = [part for part in PARTS if part not in parts]
    if unknown:
        sys.exit(f"no such part: {', '.join(unknown)}; there are {', '.join(parts)}")
    version = subprocess.run([MILL, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    print(f"{version}, {os.cpu_count()} CPUs, Linux {os.uname().release}, {time.strftime('%F')}")
    for name in PARTS or parts:
        with tempfile.TemporaryDirectory(prefix="mill-bench-") as place:
            say(f"== {name}")
            parts[name](Path(place))


main()
