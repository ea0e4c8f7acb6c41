#!/usr/bin/env bash
# Lets a harness that compares batch runners run mediamill: ADAPTER WORKLOAD N JOBS, in a fresh folder that holds in/0 to
# in/N-1; writes run.sh, which is run there, twice for a resume. Outputs come to out/0 to out/N-1.
#   MEDIAMILL   the program (default: mediamill)      PB, SLOW_MS   for the workload `slow`: $PB slowcopy FROM TO MS
set -euo pipefail
workload=$1 jobs=$3
case $workload in
true) step='run = ["/bin/true"]' ;;
copy) step='run = ["cp", "{in}", "{out}"]
out = { file = "{item.name}" }' ;;
slow) step="run = [\"sh\", \"-c\", '\"\$0\" slowcopy \"\$1\" \"\$2\" \"\$3\"; :', \"$PB\", \"{in}\", \"{out}\", \"$SLOW_MS\"]
out = { file = \"{item.name}\" }" ;;
*) exit 3 ;;
esac
printf '%s\n' 'name = "p"' '[input]' 'paths = ["in"]' '[output]' 'dir = "out"' '[[step]]' 'id = "work"' "$step" > p.toml
printf 'exec %q run p.toml --no-tui -j %s\n' "${MEDIAMILL:-mediamill}" "$jobs" > run.sh
