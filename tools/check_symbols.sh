#!/bin/sh
# Checks what the library exports: exactly the functions that the public headers declare, each with the prefix wg_.
# Usage: tools/check_symbols.sh LIBRARY              (a shared or a static one, in ELF)
#
# In a static library the exported symbols are the global ones of default visibility: what a shared library made of the
# same objects would export. Names beginning with __ are the compiler's (sanitizers, coverage).
set -eu
cd "$(dirname "$0")/.."
[ $# -eq 1 ] || { sed -n 3p "$0" >&2; exit 2; }
library=$1

for tool in nm readelf; do
    command -v "$tool" > /dev/null || { echo "symbols: skipped, $tool is missing"; exit 77; }
done
readelf -h "$library" > /dev/null 2>&1 || { echo "symbols: skipped, $library is not in ELF"; exit 77; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
case $library in
*.a) readelf -sW "$library" | awk '($5 == "GLOBAL" || $5 == "WEAK") && $6 == "DEFAULT" && $7 != "UND" { print $8 }' ;;
*) nm -D --defined-only "$library" | awk '{ print $NF }' ;;
esac | sed 's/@.*//' | grep -v '^__' | sort -u > "$work/exported" || true
tools/public_functions.sh > "$work/declared"

# report TEXT: prints the names on standard input below the text, and remembers the failure in a file, since as the end of
# a pipeline it runs in a shell of its own.
report() {
    cat > "$work/names"
    [ -s "$work/names" ] || return 0
    : > "$work/failed"
    echo "symbols: $1:"
    sed 's/^/    /' "$work/names"
}
sed -n 's/^unmarked //p' "$work/declared" | report "declared in a public header without WG_API"
sed -i.all '/^unmarked /d' "$work/declared"
grep -v '^wg_' "$work/exported" | report "exported without the prefix wg_"
comm -13 "$work/declared" "$work/exported" | grep '^wg_' | report "exported, but in no public header"
comm -23 "$work/declared" "$work/exported" | report "declared in a public header, but not exported"
[ -s "$work/exported" ] || { echo "symbols: $library exports nothing"; exit 1; }

[ ! -e "$work/failed" ] || exit 1
echo "symbols: $(wc -l < "$work/exported" | tr -d ' ') functions exported, all declared, all wg_"
