#!/bin/sh
# Makes docs/benchmarks.md and docs/benchmarks.svg from what the benchmarks found, and results.csv and results.json beside
# it. The text of the page stands in bench/page.md.
# Usage: tools/make_benchmarks.sh BUILD_DIRECTORY RESULTS_DIRECTORY          (which holds results.jsonl)
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
build=$1
results=$2
tools=$root/tools

# ---- the machine, as lines "key<tab>value" --------------------------------------------------------------------------

cache() { sed -n "s/^$1:[A-Z]*=//p" "$build/CMakeCache.txt"; }
processor() {
    { sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo 2> /dev/null || sysctl -n machdep.cpu.brand_string; } | head -n 1
}
compiler=$(cache CMAKE_C_COMPILER)
commit=$(git -C "$root" rev-parse --short HEAD 2> /dev/null || echo unknown)
{
    printf 'processor\t%s\n' "$(processor)"
    printf 'cores\t%s\n' "$(getconf _NPROCESSORS_ONLN)"
    printf 'system\t%s\n' "$(uname -s)"
    printf 'compiler\t%s\n' "$("${compiler:-cc}" --version | head -n 1)"
    printf 'version\t%s\n' "$(sed -n 's/^#define  *WG_VERSION  *"\(.*\)".*/\1/p' "$root/include/wengert/types.h")"
    printf 'commit\t%s\n' "$commit"
    printf 'date\t%s\n' "$(date -u +%Y-%m-%d)"
} > "$results/machine.txt"

# ---- the files ------------------------------------------------------------------------------------------------------

with() { awk -f "$tools/bench_results.awk" -f "$tools/$1" "$results/machine.txt" "$results/results.jsonl"; }
with bench_csv.awk > "$results/results.csv"
with bench_chart.awk > "$root/docs/benchmarks.svg"
with bench_page.awk > "$results/tables.md"
{
    printf '{"machine": {'
    awk -F '\t' '{ gsub(/[\\"]/, "\\\\&", $2); printf "%s\"%s\": \"%s\"", (NR > 1 ? ", " : ""), $1, $2 }' "$results/machine.txt"
    printf '},\n"results": [\n'
    sed '$!s/$/,/' "$results/results.jsonl"
    printf ']}\n'
} > "$results/results.json"

# The page: its text, with the tables where a line @tables@ stands.
sed -e "/^@tables@\$/{" -e "r $results/tables.md" -e d -e "}" "$root/bench/page.md" > "$results/page.md"
mv "$results/page.md" "$root/docs/benchmarks.md"
echo "docs/benchmarks.md, docs/benchmarks.svg, $results/results.csv, $results/results.json"
