# Turns the declarations of ops.h into the table of command/operation.h.
# Usage: awk -f tools/operations.awk include/wengert/types.h include/wengert/ops.h include/wengert/grad.h > operations.c
#
# types.h is read for its enums, ops.h for everything, grad.h for wg_detach alone.
#
# It relies on the conventions of that header: a pointer and its count stand next to each other, results come last, and
# options are a struct with defaults of zero. Which arrays are indices is told by a parameter's name, and where integers
# stay integers by the words "take index vars too" of a section and "may be an index var too" of a comment. A declaration
# that fits no convention is an error, not left out.
function clean(s) {
    gsub(/[ \t\r]+/, " ", s); sub(/^ /, "", s); sub(/ $/, "", s)
    return s
}
function complain(why) {
    print "operations.awk: " why > "/dev/stderr"
    failed = 1
}
# enum wg_x { WG_A, WG_B }: the words a and b, and without what all of them begin with, so that WG_PAD_CONSTANT is
# pad_constant and constant.
function enumeration(name, body,    n, part, i, word, prefix, text) {
    n = split(body, part, ",")
    for (i = 1; i <= n; i++) {
        word = clean(part[i]); sub(/ *=.*/, "", word)
        part[i] = word
        if (word == "") continue
        if (i == 1) prefix = word
        while (prefix != "" && index(word, prefix) != 1) sub(/[^_]*_?$/, "", prefix)
    }
    sub(/[^_]*$/, "", prefix)
    for (i = 1; i <= n; i++) {
        word = part[i]
        if (word == "") continue
        text = text "    {\"" tolower(substr(word, 4)) "\", " word "},\n"
        if (length(prefix) > 3) text = text "    {\"" tolower(substr(word, length(prefix) + 1)) "\", " word "},\n"
    }
    words[name] = "static const operation_word " name "_words[] = {\n" text "    {NULL, 0},\n};\n"
}
# struct wg_x_options { type member[n]; ... }
function structure(name, body,    n, part, i, field, type, count, kind, text, total) {
    n = split(body, part, ";")
    for (i = 1; i <= n; i++) {
        field = clean(part[i])
        if (field == "") continue
        count = 1
        if (match(field, /\[[0-9]+\]$/)) {
            count = substr(field, RSTART + 1, RLENGTH - 2)
            field = substr(field, 1, RSTART - 1)
        }
        type = field; sub(/ ?[a-z0-9_]+$/, "", type)
        sub(/^.* /, "", field)
        kind = (type in scalar) ? scalar[type] : type == "wg_var" ? "OPERATION_NUMBERS" : ""
        if (kind == "" || (count > 1 && kind != "OPERATION_SIZE")) complain(name "." field ": a field of another type")
        text = text "    {\"" field "\", " kind ", offsetof(" name ", " field "), " count "},\n"
        total++
    }
    options[name] = "static const operation_field " name "_fields[] = {\n" text "};\n" \
        "static const operation_options " name "_table = {" name "_fields, " total ", sizeof(" name ")};\n"
}
# The kind of an array parameter.
function array_kind(op, name, all) {
    if (name == "indices" || name == "positions" || name == "key") return "OPERATION_INDICES"
    if (name == "target" && all ~ /int class_axis/) return "OPERATION_CLASSES"
    return name == "x" && keeps(op) ? "OPERATION_EITHER" : "OPERATION_NUMBERS"
}
function keeps(op) {
    return (section ~ /take index vars too/ && section !~ ("All of these but " op " take")) || comment ~ /may be an index var too/
}
# A declaration, without WG_API and semicolon.
function declaration(s,    result, name, list, n, part, i, type, parameter, count, arguments, rows, outputs, out, kind, last, extra) {
    result = s; sub(/ wg_.*/, "", result)
    sub(/^wg_(var|status) /, "", s)
    name = s; sub(/\(.*/, "", name)
    op = substr(name, 4)
    list = s; sub(/^[^(]*\( ?/, "", list); sub(/\)$/, "", list)
    n = split(list, part, /, ?/)
    for (i = 1; i <= n; i++) {
        type = clean(part[i])
        parameter = type; sub(/^.*[ *]/, "", parameter)
        type = clean(substr(type, 1, length(type) - length(parameter)))
        kind = ""; extra = ", NULL, NULL"
        out = "a[" count + 0 "]"
        if (type == "wg_tape *") { arguments = arguments ", tape"; continue }
        if (type == "wg_var *") {
            if (outputs == 0 && i == n && parameter == "out") { arguments = arguments ", out"; outputs = "OPERATION_MANY" }
            else { arguments = arguments ", &out[" outputs + 0 "]"; outputs++ }
            continue
        }
        if (outputs != 0) complain(name ": " parameter " after a result")
        if (type == "wg_var") { kind = array_kind(op, parameter, list); out = out ".var" }
        else if (type in scalar) { kind = scalar[type]; out = "(" type ")" out "." member[kind] }
        else if (type == "wg_shape") { kind = "OPERATION_SHAPE"; out = out ".shape" }
        else if (type == "const char *") { kind = "OPERATION_TEXT"; out = out ".text" }
        else if (type ~ /^const wg_[a-z0-9_]*_options \*$/) {
            sub(/^const /, "", type); sub(/ \*$/, "", type)
            if (!(type in options)) complain(name ": no struct " type)
            kind = "OPERATION_OPTIONS"; extra = ", NULL, &" type "_table"; out = out ".options"
            used[type] = 1
        }
        else if (type in words) {
            kind = "OPERATION_WORD"; extra = ", " type "_words, NULL"; out = "(" type ")" out ".word"
            used[type] = 1
        }
        else if ((type in pointer) && clean(part[i + 1]) ~ /^size_t [a-z_]+$/) {
            kind = pointer[type]
            if (kind == "OPERATION_LIST_OF_NUMBERS" && parameter == "x" && keeps(op)) kind = "OPERATION_LIST_OF_EITHER"
            out = out ".list, a[" count + 0 "].count"
            i++
        }
        else complain(name ": " part[i] ": a parameter of another type")
        rows = rows "    {\"" parameter "\", " kind extra "},\n"
        arguments = arguments ", " out
        count++
    }
    if (count == 0 || count > 12) complain(name ": " count + 0 " parameters")
    if ((result == "wg_var") != (outputs == 0) || result !~ /^wg_(var|status)$/) complain(name ": results of another kind")
    sub(/^, /, "", arguments)
    names[++total] = op
    code[op] = "static const operation_parameter " op "_parameters[] = {\n" rows "};\n" \
        "static void call_" op "(wg_tape *tape, const operation_argument *a, wg_var *out)\n{\n" \
        (list ~ /wg_tape \*/ ? "" : "    (void)tape;\n") \
        (outputs == 0 ? "    out[0] = " : "    (void)") name "(" arguments ");\n}\n"
    row[op] = "    {\"" op "\", " op "_parameters, " count ", " (outputs == 0 ? 1 : outputs) ", call_" op "},\n"
}
# A statement outside of comments that ends at depth 0.
function statement(s,    name, body) {
    s = clean(s)
    if (s ~ /^typedef (enum|struct) wg_[a-z0-9_]+ \{/) {
        name = s; sub(/^typedef (enum|struct) /, "", name); sub(/ .*/, "", name)
        body = s; sub(/^[^{]*\{/, "", body); sub(/\}[^}]*$/, "", body)
        if (s ~ /^typedef enum/) enumeration(name, body)
        else if (name ~ /_options$/ && FILENAME ~ /ops\.h$/) structure(name, body)
    } else if (s ~ /^WG_API / && (FILENAME ~ /ops\.h$/ || s ~ / wg_detach\(/)) {
        sub(/^WG_API /, "", s)
        declaration(s)
    }
}
BEGIN {
    scalar["int"] = "OPERATION_INT"; scalar["size_t"] = "OPERATION_SIZE"; scalar["ptrdiff_t"] = "OPERATION_OFFSET"
    scalar["int64_t"] = "OPERATION_INT64"; scalar["double"] = "OPERATION_NUMBER"; scalar["bool"] = "OPERATION_TRUTH"
    member["OPERATION_INT"] = member["OPERATION_OFFSET"] = member["OPERATION_INT64"] = "integer"
    member["OPERATION_SIZE"] = "extent"; member["OPERATION_NUMBER"] = "number"; member["OPERATION_TRUTH"] = "truth"
    pointer["const int *"] = "OPERATION_INTS"; pointer["const size_t *"] = "OPERATION_SIZES"
    pointer["const ptrdiff_t *"] = "OPERATION_OFFSETS"; pointer["const wg_var *"] = "OPERATION_LIST_OF_NUMBERS"
}
FNR == 1 { held = section = comment = "" }
/^#ifdef __cplusplus/ { skipping = 1 }
/^#(else|endif)/ { skipping = 0 }
skipping || directive || /^[ \t]*#/ { directive = /\\$/; next }
/^[ \t]*$/ { if (!in_comment) comment = ""; next }
{
    line = $0
    while (line != "") {
        if (in_comment) {
            at = index(line, "*/")
            comment = comment " " (at ? substr(line, 1, at - 1) : line)
            line = at ? substr(line, at + 2) : ""
            if (at) {
                in_comment = 0
                gsub(/[ \t*]+/, " ", comment)
                if (comment ~ /^ ====/) { section = comment; comment = "" }
            }
            continue
        }
        at = index(line, "/*")
        text = at ? substr(line, 1, at - 1) : line
        line = at ? substr(line, at + 2) : ""
        held = held " " text
        if (at) { in_comment = 1; if (held ~ /^[ \t]*$/) comment = ""; }
        if (held ~ /;[ \t]*$/ && (held !~ /\{/ || held ~ /\}[^}]*;[ \t]*$/)) { statement(substr(held, 1, match(held, /;[ \t]*$/) - 1)); held = "" }
    }
}
END {
    if (!total) complain("no declaration found")
    if (failed) exit 1
    print "/* Made from ops.h by tools/operations.awk. */"
    print "#include \"command/operation.h\"\n\n#include \"wengert.h\"\n"
    for (name in words) if (name in used) print words[name]
    for (name in options) if (name in used) print options[name]
    for (i = 2; i <= total; i++) {                              # by name, as strcmp has it
        name = names[i]
        for (k = i - 1; k > 0 && names[k] > name; k--) names[k + 1] = names[k]
        names[k + 1] = name
    }
    for (i = 1; i <= total; i++) print code[names[i]]
    print "const operation operation_table[] = {"
    for (i = 1; i <= total; i++) printf "%s", row[names[i]]
    print "};\nconst size_t operation_count = " total ";"
}
