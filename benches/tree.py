"""What the benchmarks share: a command measured with all that it starts."""
import os, subprocess, sys, threading, time
from pathlib import Path


def say(text):
    print(text, file=sys.stderr, flush=True)


def descendants(pid):
    """The process and all below it."""
    found, queue = [], [pid]
    while queue:
        pid = queue.pop()
        found.append(pid)
        try:
            for task in os.listdir(f"/proc/{pid}/task"):
                queue += [int(child) for child in Path(f"/proc/{pid}/task/{task}/children").read_text().split()]
        except OSError:
            pass
    return found


def high_water(pid):
    """The most memory the process ever held, in MiB."""
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) / 1024
    except OSError:
        pass
    return 0.0


def measured(folder, command, cores="0"):
    """Wall seconds, CPU seconds of the whole tree, the most MiB of any process of it."""
    peak, over = [0.0], threading.Event()
    with open(folder / "log", "ab") as log:
        start = time.monotonic()
        child = subprocess.Popen(["taskset", "-c", cores, *map(str, command)], cwd=folder, stdin=subprocess.DEVNULL,
                                 stdout=log, stderr=log)

        def watch():
            while not over.wait(0.01):
                peak[0] = max([peak[0], *map(high_water, descendants(child.pid))])
        watcher = threading.Thread(target=watch)
        watcher.start()
        _, status, used = os.wait4(child.pid, 0)
        wall = time.monotonic() - start
        child.returncode = os.waitstatus_to_exitcode(status)
        over.set()
        watcher.join()
    if child.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))} ended with {child.returncode}: see {folder / 'log'}")
    return wall, used.ru_utime + used.ru_stime, peak[0]


def best(folder, make, cores="0", repeats=1):
    """The least CPU seconds of some repeats, the most MiB, and the least wall seconds."""
    runs = [measured(folder, make(), cores) for _ in range(repeats)]
    return min(cpu for _, cpu, _ in runs), max(peak for *_, peak in runs), min(wall for wall, *_ in runs)
