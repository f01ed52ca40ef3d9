#!/bin/sh
# Checks the direction of every #include. Arrows run one way:
#
#     command, examples, check, inspect, tests -> public headers -> grad -> ops -> tape -> shape;   grad, ops -> kernels
#
# Each room may include itself and the rooms named for it below. "ops.h", for example, stands for that public header
# alone, "public" for all of them.
# Usage: tools/check_arrows.sh [DIRECTORY]          (default: the repository)
set -eu
cd "${1:-$(dirname "$0")/..}"

find include src command examples bench -type f \( -name '*.[ch]' -o -name '*.inc' -o -name '*.def' \) 2> /dev/null | sort |
    xargs grep -HnE '^[[:space:]]*#[[:space:]]*include[[:space:]]*["<]' |
    awk -v OFS='\t' '
    BEGIN {
        may["include"] = "include"
        may["kernels"] = ""
        may["shape"]   = "types.h"
        may["tape"]    = "shape kernels types.h tape.h op.h inspect.h"
        may["ops"]     = "tape shape kernels public"
        may["grad"]    = "ops tape shape kernels public"
        may["inspect"] = "public"
        may["check"]   = "public"
        may["command"] = "public"
        may["examples"] = "public"
        may["bench"]   = "kernels ops public"      # the same loops, without a tape
    }
    # the directory part of a path
    function directory(path) { sub(/[^\/]*$/, "", path); return path }
    # the room that a file of this tree belongs to
    function room_of(path,    part) {
        split(path, part, "/")
        return part[1] == "src" ? (part[3] != "" ? part[2] : "src") : part[1]
    }
    function exists(path,    line, found) {
        if (!(path in known)) { found = (getline line < path) >= 0; close(path); known[path] = found }
        return known[path]
    }
    function complain(why) { print "arrows: " file ":" number ": " name ": " why; bad++ }
    {
        file = $0; sub(/:.*/, "", file)
        number = $0; sub(/^[^:]*:/, "", number); sub(/:.*/, "", number)
        name = $0; sub(/^[^:]*:[^:]*:[^"<]*["<]/, "", name); sub(/[">].*/, "", name)
        from = room_of(file)
        total++

        # What is included: beside the including file, in the public headers, in src, or none of ours.
        here = directory(file)
        while (name ~ /^\.\.?\//) {
            if (name ~ /^\.\.\//) { sub(/[^\/]*\/$/, "", here) }
            sub(/^\.\.?\//, "", name)
        }
        if (exists(here name)) target = here name
        else if (exists("include/" name)) target = "include/" name
        else if (exists("src/" name)) target = "src/" name
        else if (from == "bench" && exists("bench/" name)) target = "bench/" name
        else if (from == "bench" && exists("tests/" name)) next       # what is measured may be what is tested
        else if ($0 ~ /include[ \t]*"/) { complain("not found beside the file, in include/ or in src/"); next }
        else next                                                    # the system'"'"'s

        to = room_of(target)
        header = target; sub(/.*\//, "", header)
        if (from == "src") { complain("a source file outside of every room"); next }
        if (!(from in may)) { complain("the room " from " has no rule in this script"); next }
        if (to == from) {
            # each example stands alone
            if (from == "examples" && directory(target) != directory(file)) complain("another example")
            next
        }
        allowed = " " may[from] " "
        if (to == "include" && (index(allowed, " public ") || index(allowed, " " header " "))) next
        if (to != "include" && index(allowed, " " to " ")) next
        complain(from " may not include " (to == "include" ? "this public header" : to))
    }
    END {
        if (bad) exit 1
        if (!total) { print "arrows: no #include found"; exit 1 }
        print "arrows: " total " includes, all in the right direction"
    }'
