#!/bin/sh
# Prints the line coverage of the library's sources after a run of an instrumented build, the least covered file first.
# Usage: tools/coverage.sh BUILD_DIRECTORY           Environment: GCOV (gcov)
#
# All counts go to one run of gcov, which adds up a source that is compiled into several objects.
set -eu
cd "$(dirname "$0")/.."
: "${GCOV:=gcov}"
find "$1/src" -name '*.gcda' -exec "$GCOV" -n {} + 2> /dev/null | awk -v root="$PWD/" '
    /^File / { file = $0; gsub(/^File .|.$/, "", file); sub(root, "", file); next }
    /^Lines executed:/ && file ~ /^src\// {
        percent = $2; sub(/executed:/, "", percent); sub(/%.*/, "", percent)
        lines = $NF
        printf "%6.2f %% of %5d  %s\n", percent, lines, file
        covered += percent * lines / 100
        total += lines
        file = ""
    }
    END {
        if (!total) exit 1
        printf "%6.2f %% of %5d  in all\n", 100 * covered / total, total
    }' | sort -n
