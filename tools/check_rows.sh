#!/bin/sh
# Checks ops.h, the registry of ops, against the tests: each op that it declares has a row in tests/ops/.
# Usage: tools/check_rows.sh
#
# A row is ROW(wg_name, ...) or, for ops tested in another way, the comment "row: wg_name". That each op is also defined
# in the library is seen by check_symbols.sh. Functions of ops.h that are no op (nothing is recorded) are listed here:
not_ops=''
set -eu
cd "$(dirname "$0")/.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tools/public_functions.sh include/wengert/ops.h | sed 's/^unmarked //' > "$work/all"
for name in $not_ops; do echo "$name"; done | sort > "$work/not_ops"
comm -23 "$work/all" "$work/not_ops" > "$work/declared"
[ -s "$work/declared" ] || { echo "rows: no op found in include/wengert/ops.h"; exit 1; }

if [ -d tests/ops ]; then find tests/ops -type f -exec cat {} +; fi |
    grep -oE '(ROW\(|row: )wg_[a-z0-9_]+' | sed 's/.*wg_/wg_/' | sort -u > "$work/rows"

comm -23 "$work/declared" "$work/rows" > "$work/missing"
comm -13 "$work/all" "$work/rows" > "$work/unknown"
if [ -s "$work/missing" ]; then
    echo "rows: declared in ops.h, but without a row in tests/ops:"
    sed 's/^/    /' "$work/missing"
fi
if [ -s "$work/unknown" ]; then
    echo "rows: in tests/ops, but not declared in ops.h:"
    sed 's/^/    /' "$work/unknown"
fi
[ ! -s "$work/missing" ] && [ ! -s "$work/unknown" ] || exit 1
echo "rows: $(wc -l < "$work/declared" | tr -d ' ') ops, each with a row"
