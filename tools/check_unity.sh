#!/bin/sh
# Checks that the library also compiles as one file, its sources sharing no static name and leaving no macro behind, and that
# it does so for one instruction set alone and without threads too.
# Usage: tools/check_unity.sh                Environment: CC (each of gcc and clang that is there)
set -eu
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# What a file asks of the system's headers must stand before the first of them.
{
    grep -rhoE '^#define _[A-Z]+(_[A-Z]+)*_SOURCE .*' src --include='*.c' | sed 's|  */[*].*||' | sort -u
    sed -n 's/^ *\([a-z_0-9/]*\.c\))*$/#include "\1"/p' src/CMakeLists.txt
} > "$work/wengert.c"
[ -s "$work/wengert.c" ] || { echo "unity: no source found in src/CMakeLists.txt"; exit 1; }
flags='-std=c11 -fsyntax-only -ffp-contract=off -Iinclude -Isrc -Wall -Wextra -Wpedantic -Wconversion -Werror -Wno-unused-function'
tried=''
for compiler in ${CC:-gcc clang}; do
    command -v "$compiler" > /dev/null || continue
    # shellcheck disable=SC2086 # the flags are words
    for set in '' -DWG_ONLY_BASELINE -DWG_ONLY_AVX2 '-DWG_ONLY_AVX512 -DWG_NO_THREADS'; do
        "$compiler" $flags $set "$work/wengert.c" ||
            { echo "unity: $compiler does not compile the library as one file $set"; exit 1; }
    done
    tried="$tried $compiler"
done
[ -n "$tried" ] || { echo "unity: skipped, neither gcc nor clang is there"; exit 77; }
echo "unity: $(grep -c "^#include" "$work/wengert.c") files as one, by$tried"
