#!/bin/sh
# Prints the names of the functions that public headers declare, one a line.
# Usage: tools/public_functions.sh [HEADER ...]      (default: every header in include/)
#
# A declaration is a statement outside of all braces, once comments and preprocessor lines are gone, that ends in a
# semicolon and names a wg_ function. It must carry WG_API; one that does not is printed as "unmarked NAME".
set -eu
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || set -- include/*.h include/*/*.h

for header in "$@"; do
    awk '
        { sub(/\r$/, "") }
        directive || /^[ \t]*#/ { directive = /\\$/; next }      # a directive goes on while its line ends in a backslash
        { text = text " " $0 }
        function statement(s,    marked, before) {
            if (s ~ /typedef/) return
            marked = s ~ /WG_API/
            gsub(/WG_[A-Z_]+\([^()]*\)/, "", s)                  # attributes with arguments
            if (!match(s, /wg_[a-z0-9_]+[ ]*\(/)) return
            before = substr(s, 1, RSTART - 1)
            s = substr(s, RSTART, RLENGTH - 1)
            sub(/[ ]+$/, "", s)
            if (before ~ /[a-z]/) print (marked ? "" : "unmarked ") s
        }
        END {
            while ((start = index(text, "/*")) > 0) {
                rest = substr(text, start + 2)
                stop = index(rest, "*/")
                if (stop == 0) break
                text = substr(text, 1, start - 1) " " substr(rest, stop + 2)
            }
            gsub(/extern "C"[ \t]*[{]/, "", text)                # its closing brace finds depth 0, and leaves it
            depth = 0
            while (match(text, /[{};]/)) {
                at = RSTART
                mark = substr(text, at, 1)
                if (mark == ";" && depth == 0) statement(substr(text, 1, at - 1))
                if (mark == "{") depth++
                if (mark == "}" && depth > 0) depth--
                text = substr(text, at + 1)
            }
        }' "$header"
done | sort -u
