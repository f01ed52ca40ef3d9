# Turns ops.h into a page: each section, its text, and each op with its comment. Used by tools/make_ops_page.sh.
#
# Reads docs/accuracy.md first (the worst errors found, by function), then ops.h. A comment belongs to the declarations
# that follow it without a blank line, or to the one whose line it ends.
function clean(s) {
    gsub(/[ \t\n]+/, " ", s); sub(/^ /, "", s); sub(/ $/, "", s)
    return s
}
function escape(s) {
    gsub(/&/, "\\&amp;", s); gsub(/</, "\\&lt;", s); gsub(/\*/, "\\*", s)
    gsub(/\[/, "\\[", s); gsub(/\]/, "\\]", s)
    return s
}
function paragraphs(s,    out, n, part, i) {
    n = split(s, part, /\n[ \t]*\n/)
    for (i = 1; i <= n; i++) if (clean(part[i]) != "") out = out (out == "" ? "" : "\n\n") escape(clean(part[i]))
    return out
}
function accuracy_of(declaration,    name) {
    if (!match(declaration, /wg_[a-z0-9_]+\(/)) return ""
    name = substr(declaration, RSTART + 3, RLENGTH - 4)
    if (!(name in worst)) return ""
    return worst[name]
}
# Prints the ops gathered so far with what is said of them.
function flush(    i, text) {
    if (!count && comment == "") return
    if (!count) { if (paragraphs(comment) != "") printf "%s\n\n", paragraphs(comment); comment = ""; return }
    for (i = 1; i <= count; i++) {
        if (i > 1 && trailing[i] == "" && trailing[i - 1] == "") printf "\\\n"
        else if (i > 1) printf "\n\n"
        printf "**`%s`**", declared[i]
        if (accuracy_of(declared[i]) != "") printf " · %s", accuracy_of(declared[i])
        if (trailing[i] != "") printf "\\\n%s", escape(clean(trailing[i]))
    }
    print ""
    if (paragraphs(comment) != "") printf "\n%s\n", paragraphs(comment)
    print ""
    count = 0
    comment = ""
}
function strip(text) { sub(/^[ \t]*\/\*[ \t]?/, "", text); sub(/[ \t]*\*\/[ \t]*$/, "", text); sub(/^[ \t]*\*[ \t]?/, "", text); return text }

FILENAME ~ /accuracy/ {
    if (split($0, cell, /[ \t]*\|[ \t]*/) >= 8 && cell[2] ~ /^[a-z0-9_]+\*?$/ && cell[3] ~ /^[0-9.]+$/) {
        mark = sub(/\*$/, "", cell[2]) ? "*" : ""
        if (sub(/_[0-9]+$/, "", cell[2]) && cell[3] <= most[cell[2]]) next # polygamma_1, polygamma_2, ...: the worst of them
        most[cell[2]] = cell[3] + 0
        worst[cell[2]] = "worst error " cell[3] mark " ULP (F64), " cell[4] mark " (F32)"
    }
    next
}

/^#ifdef __cplusplus/ { skipping = 1 }
/^#endif/ { skipping = 0; next }
/^#/ || skipping { next }

# Inside a structure or an enum: shown as it stands.
open_type {
    body = body "\n" $0
    if ($0 ~ /^}/) {
        open_type = 0
        flush_type()
    }
    next
}
function flush_type() {
    printf "```\n%s\n```\n\n", body
    if (paragraphs(comment) != "") printf "%s\n\n", paragraphs(comment)
    comment = ""
    started = 1
}
/^typedef (struct|enum)/ {
    if (comment == "") flush()
    body = $0
    if ($0 ~ /;[ \t]*$/ && $0 !~ /{[ \t]*$/) flush_type(); else open_type = 1
    next
}

in_comment {
    ended = $0 ~ /\*\//
    comment = comment "\n" strip($0)
    if (ended) { in_comment = 0; if (section) { printf "%s\n\n", paragraphs(comment); comment = ""; section = 0 } }
    next
}

/^\/\* ==== / {
    flush()
    line = $0
    sub(/^\/\* ==== /, "", line)
    title = line
    sub(/ ====.*/, "", title)
    started = 1
    printf "## %s\n\n", title
    sub(/^[^=]*=+/, "", line)
    if ($0 !~ /\*\//) { in_comment = 1; section = 1; comment = "" }
    next
}
/^\/\* ---- / {
    flush()
    title = $0
    sub(/^\/\* ---- /, "", title)
    sub(/ -*[ -]*\*\/$/, "", title)
    printf "### %s\n\n", title
    next
}
/^\/\*/ {
    flush()
    comment = strip($0)
    if ($0 !~ /\*\//) in_comment = 1
    else if (!started) comment = ""
    next
}
/^[ \t]*$/ {
    if (!started && comment != "") { printf "%s\n\n", paragraphs(comment); comment = "" }
    if (statement == "") flush()
    next
}
{
    statement = statement (statement == "" ? "" : " ") $0
    after = ""
    if (match(statement, /;[ \t]*\/\*.*\*\/[ \t]*$/)) {
        after = substr(statement, RSTART + 1)
        statement = substr(statement, 1, RSTART)
    }
    if (statement !~ /;[ \t]*$/) next
    sub(/^WG_API /, "", statement)
    sub(/;[ \t]*$/, "", statement)
    count++
    declared[count] = clean(statement)
    gsub(/\( /, "(", declared[count])
    trailing[count] = strip(after)
    statement = ""
}
END { flush() }
