#!/bin/sh
# Compiles and runs the C in the documentation: every fenced block of README.md, CONTRIBUTING.md and docs/*.md that opens
# with ```c.
# Usage: tools/check_snippets.sh LIBRARY [PAGE.md ...]           Environment: CC (cc), CFLAGS
#
#   ```c           a block with an `int main` is a whole program: it is built and must end with 0.
#                  Any other block stands inside a function where a two-layer network of 2 inputs, 2 hidden units and 1
#                  output is set up over the four samples of XOR: tape, W1, b1, W2, b2, X and Y. It is built and run, and
#                  must leave the tape healthy. <wengert.h> and the usual standard headers are included.
#   ```c error     the same, but it shows an error: the tape must be in error at its end.
#   ```c file      a piece of a source file, at file scope: it is compiled, with src/ among the includes, and not run.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
[ $# -ge 1 ] || { sed -n 4p "$0" >&2; exit 2; }
library=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
shift
cd "$root"
: "${CC:=cc}" "${CFLAGS:=}"
[ $# -gt 0 ] || for page in README.md CONTRIBUTING.md docs/*.md; do
    [ ! -f "$page" ] || set -- "$@" "$page"
done
[ $# -gt 0 ] || { echo "snippets: no page to read"; exit 77; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Each block becomes a file NUMBER.c, and a line "NUMBER PAGE LINE KIND" of the list.
awk -v work="$work" '
    !inside && match($0, /^[ \t]*```c([ \t]+(error|file))?[ \t]*$/) {
        inside = 1
        number++
        kind = $2 == "" ? "body" : $2
        first = FNR + 1
        out = sprintf("%s/%03d.txt", work, number)
        printf "" > out
        next
    }
    inside && /^[ \t]*```[ \t]*$/ {
        inside = 0
        close(out)
        printf "%03d %s %d %s\n", number, FILENAME, first, kind > (work "/list")
        next
    }
    inside { if (kind == "body" && /int main *\(/) kind = "program"; print > out }
    END { printf "" >> (work "/list"); if (inside) { print "snippets: a block is not closed"; exit 1 } }' "$@"

prologue='#include <wengert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>'

# whole KIND PAGE LINE TEXT: the C file to compile
whole() {
    case $1 in
    program | file)
        printf '#line %d "%s"\n' "$3" "$2"
        cat "$4"
        return
        ;;
    esac
    # Includes move to the top, leaving an empty line; a body that frees the tape is not asked about it afterwards.
    asks=1
    if grep -q 'wg_tape_free(tape)' "$4" && ! grep -q 'wg_tape \*tape' "$4"; then asks=0; fi
    wants_error=0
    if [ "$1" = error ]; then wants_error=1; fi
    echo "$prologue"
    grep '^[[:space:]]*#[[:space:]]*include' "$4" || true
    cat << 'END'
static void snippet(wg_tape *tape, wg_var W1, wg_var b1, wg_var W2, wg_var b2, wg_var X, wg_var Y)
{
    (void)tape, (void)W1, (void)b1, (void)W2, (void)b2, (void)X, (void)Y;
    {
END
    printf '#line %d "%s"\n' "$3" "$2"
    sed 's/^[[:space:]]*#[[:space:]]*include.*//' "$4"
    cat << END
    }
}

int main(void)
{
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var W1 = wg_name(wg_variable(tape, WG_DIMS(2, 2), (double[]){0.5, 0.3, 0.2, 0.4}), "W1");
    wg_var b1 = wg_name(wg_variable(tape, WG_DIMS(2, 1), (double[]){0.1, 0.2}), "b1");
    wg_var W2 = wg_name(wg_variable(tape, WG_DIMS(1, 2), (double[]){0.6, 0.7}), "W2");
    wg_var b2 = wg_name(wg_variable(tape, WG_DIMS(1, 1), (double[]){0.3}), "b2");
    wg_var X = wg_name(wg_constant(tape, WG_DIMS(2, 4), (double[]){0, 0, 1, 1, 0, 1, 0, 1}), "X");
    wg_var Y = wg_name(wg_constant(tape, WG_DIMS(1, 4), (double[]){0, 1, 1, 0}), "Y");
    snippet(tape, W1, b1, W2, b2, X, Y);
#if $asks
    if ((wg_tape_status(tape) != WG_OK) != $wants_error) {
        fprintf(stderr, "the tape's message: \"%s\"\n", wg_tape_message(tape));
        return 1;
    }
    wg_tape_free(tape);
#endif
    return 0;
}
END
}

total=0
failed=0
while read -r number page line kind; do
    total=$((total + 1))
    source=$work/$number.c
    whole "$kind" "$page" "$line" "$work/$number.txt" > "$source"
    # shellcheck disable=SC2086 # CFLAGS are words
    set -- -std=c11 -O1 -Wall -Wextra -Wpedantic -Werror -Wno-unused -Iinclude $CFLAGS
    if [ "$kind" = file ]; then
        "$CC" "$@" -Isrc -c "$source" -o "$work/$number.o" > "$work/log" 2>&1 && continue
    else
        "$CC" "$@" "$source" -o "$work/$number" "$library" "-Wl,-rpath,$(dirname "$library")" -lm > "$work/log" 2>&1 &&
            (cd "$work" && timeout 60 "./$number" < /dev/null > "$work/log" 2>&1) && continue
    fi
    failed=$((failed + 1))
    echo "snippets: $page:$line:"
    sed 's/^/    /' "$work/log"
done < "$work/list"
echo "snippets: $((total - failed)) of $total blocks of C in the documentation compile and run"
[ "$failed" -eq 0 ]
