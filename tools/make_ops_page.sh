#!/bin/sh
# Writes docs/ops.md, the page of all ops, from include/wengert/ops.h and docs/accuracy.md.
# Usage: tools/make_ops_page.sh [--check]        --check: only says whether the page is up to date
set -eu
cd "$(dirname "$0")/.."
page=docs/ops.md
fresh=$(mktemp)
trap 'rm -f "$fresh"' EXIT
{
    echo '# The ops'
    echo
    echo "Made from [ops.h](../include/wengert/ops.h) by './dev docs'. The worst errors found are those of"
    echo '[accuracy.md](accuracy.md), which says how they are measured and what * means.'
    echo
    # What there is, section by section.
    awk '
        /^\/\* ==== / { printf "%s**[%s](#%s)**", seen++ ? "\n\n" : "", $3, $3; between = ": " }
        /^WG_API / && match($0, /wg_[a-z0-9_]+\(/) {
            printf "%s%s", between, substr($0, RSTART + 3, RLENGTH - 4)
            between = ", "
        }
        END { print "" }' include/wengert/ops.h
    echo
    awk -f tools/ops_page.awk docs/accuracy.md include/wengert/ops.h
} | sed -e 's/[ 	]*$//' | cat -s > "$fresh"
if [ "${1:-}" = --check ]; then
    if cmp -s "$fresh" "$page"; then
        echo "ops page: up to date, $(grep -c '^\*\*`' "$page") declarations"
    else
        echo "ops page: docs/ops.md does not match include/wengert/ops.h: run ./dev docs"
        exit 1
    fi
else
    cp "$fresh" "$page"
fi
