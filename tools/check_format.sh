#!/bin/sh
# Checks the formatting of every C source against .clang-format; with --fix, formats them.
# Usage: tools/check_format.sh [--fix]               Environment: CLANG_FORMAT (clang-format)
#
# clang-format's output differs a little from version to version; .clang-format is kept for 14, Debian 12's.
set -eu
cd "$(dirname "$0")/.."
: "${CLANG_FORMAT:=clang-format}"
command -v "$CLANG_FORMAT" > /dev/null || { echo "format: skipped, clang-format is missing"; exit 77; }

# sources: the C sources of this tree, one a line.
sources() { find include src command tests examples bench -type f \( -name '*.[ch]' -o -name '*.inc' -o -name '*.cpp' \) | sort; }
if [ "${1:-}" = --fix ]; then
    sources | xargs "$CLANG_FORMAT" -i
    exit 0
fi
wrong=$(sources | while read -r file; do
    "$CLANG_FORMAT" --dry-run -Werror "$file" > /dev/null 2>&1 || echo "    $file"
done)
if [ -n "$wrong" ]; then
    printf 'format: to be formatted (./dev fmt):\n%s\n' "$wrong"
    exit 1
fi
echo "format: $(sources | wc -l | tr -d ' ') files as clang-format has them"
