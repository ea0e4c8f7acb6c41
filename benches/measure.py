"""The measuring of benches/run.sh: runs each batch in a folder of its own, and prints Markdown."""
import fcntl, filecmp, json, os, pty, select, shutil, signal, struct, subprocess, sys, tempfile, termios, threading
import time
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


def run_seconds(folder):
    """How long the run took by its own journal, or nothing while it works."""
    for journal in folder.glob("checkpoints/p/runs/*/journal.jsonl"):
        with open(journal, "rb") as file:
            # Only its end: who looks must not cost what is measured.
            file.seek(max(0, file.seek(0, os.SEEK_END) - 4096))
            lines = file.read().splitlines()
        if lines and b'"event":"run_finished"' in lines[-1] and lines[-1].endswith(b"}"):
            return json.loads(lines[-1])["elapsed"] / 1e3
    return None


def on_screen(folder, command, until, size=(30, 120)):
    """Runs the command in a terminal of its own until `until(pid)` is true, then leaves by the key q."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(folder)
        os.environ["TERM"] = "xterm-256color"
        os.execvp(command[0], command)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))
    read, looked = 0, time.monotonic()
    while True:
        ready, _, _ = select.select([terminal], [], [], 0.05)
        try:
            read += len(os.read(terminal, 1 << 16)) if ready else 0
        except OSError:
            break
        # Where the screen does not know yet that the run is over, the first one opens a question.
        if time.monotonic() - looked > 0.3:
            looked = time.monotonic()
            if until(pid):
                os.write(terminal, b"q")
    os.waitpid(pid, 0)
    os.close(terminal)
    return read


def cpu_seconds(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def part_screen(place):
    """A batch with its screen open beside the same one with plain lines; and what the screen costs when nothing happens."""
    media = Path(__file__).resolve().parent.parent / "tests" / "fixtures" / "media"
    sounds = sorted(path for path in media.iterdir() if path.suffix in (".wav", ".flac", ".mp3", ".ogg", ".m4a"))
    batches = {"/bin/true": ("run = ['/bin/true']", 6000 if FULL else 300, None),
               "audio.analyze": ('uses = "audio.analyze"\nout = { json = "{item.stem}.json" }', 2000 if FULL else 40, sounds)}
    print(f"\n#### A batch with the screen open (120x30), beside plain lines, {JOBS} at once, by the run's own journal\n")
    print("| step | items | lines | screen | ratio | bytes to the terminal |")
    print("|---|--:|--:|--:|--:|--:|")
    for name, (step, count, files) in batches.items():
        times, written = {"lines": [], "screen": []}, 0
        for repeat in range(2 * REPEATS + 1):
            for how in ("lines", "screen") if repeat % 2 else ("screen", "lines"):
                folder = place / f"{name.replace('/', '')}-{repeat}-{how}"
                if files:
                    (folder / "in").mkdir(parents=True)
                    for item in range(count):
                        source = files[item % len(files)]
                        os.link(source, folder / "in" / f"{item}{source.suffix}") if folder.stat().st_dev == source.stat(
                        ).st_dev else shutil.copy(source, folder / "in" / f"{item}{source.suffix}")
                else:
                    inputs(folder, count)
                pipeline(folder, step)
                if how == "lines":
                    measured(folder, mill())
                else:
                    command = [word for word in mill() if word != "--no-tui"]
                    written = on_screen(folder, command, lambda pid: run_seconds(folder) is not None)
                times[how].append(run_seconds(folder))
        # The first repeat fills the caches.
        lines, screen = (sorted(times[how][1:])[REPEATS] for how in ("lines", "screen"))
        print(f"| `{name}` | {count:,} | {lines:.2f} s | {screen:.2f} s | {screen / lines:.3f} | {written:,} |")

    folder, seconds = place / "idle", 10 if FULL else 3
    inputs(folder, 1)
    pipeline(folder, "run = ['sleep', '3600']")
    shown = {}

    def looked(pid):
        now = time.monotonic()
        begun = shown.setdefault("begun", now)
        if now - begun > 2 and "cpu" not in shown:
            shown["cpu"], shown["since"] = cpu_seconds(pid), now
        if "cpu" in shown and now - shown["since"] > seconds and "used" not in shown:
            shown["used"] = (cpu_seconds(pid) - shown["cpu"]) / (now - shown["since"])
            os.kill(pid, signal.SIGTERM)
        return False
    on_screen(folder, [word for word in mill() if word != "--no-tui"], looked)
    print(f"\nOne tool at work and nothing happening: {shown['used'] * 100:.2f} % of one core for the screen, over {seconds} s.")


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
