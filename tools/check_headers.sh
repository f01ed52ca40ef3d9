#!/bin/sh
# Checks the public headers: each compiles alone, twice over, as C11 and as C++17, with every warning an error; and each
# paragraph of declarations carries a comment.
# Usage: tools/check_headers.sh                      Environment: CC (cc), CXX (c++; without one, C alone is checked)
set -eu
cd "$(dirname "$0")/.."
: "${CC:=cc}" "${CXX:=c++}"
warnings='-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wundef -Werror'

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
languages='C11 C++17'
command -v "$CXX" > /dev/null || languages=C11

failed=0
count=0
for path in include/*.h include/*/*.h; do
    header=${path#include/}
    count=$((count + 1))
    printf '#include <%s>\n#include <%s>\nextern int wg_not_empty;\n' "$header" "$header" > "$work/alone.c"
    cp "$work/alone.c" "$work/alone.cpp"
    for language in $languages; do
        # the warnings are many words, on purpose
        # shellcheck disable=SC2086
        case $language in
        C11) "$CC" -std=c11 $warnings -Wstrict-prototypes -Iinclude -fsyntax-only "$work/alone.c" ;;
        *) "$CXX" -std=c++17 $warnings -Iinclude -fsyntax-only "$work/alone.cpp" ;;
        esac > "$work/log" 2>&1 && continue
        failed=1
        echo "headers: $header does not compile alone as $language:"
        sed 's/^/    /' "$work/log"
    done
    awk -v header="$header" '
        function paragraph_end() {
            if (declares && !comments) { print "headers: " header ":" first ": declared without a comment"; bad = 1 }
            declares = comments = 0
        }
        /^[ \t]*$/ { paragraph_end(); next }
        /\/\*/ && !/^\/\* ---/ { comments = 1 }                  # the title of a section explains nothing
        /WG_API/ && !/^[ \t]*#/ && !declares { declares = 1; first = FNR }
        END { paragraph_end(); exit bad }' "$path" || failed=1
done
[ "$failed" -eq 0 ] || exit 1
echo "headers: $count, each compiles alone as $languages"
