# docs/benchmarks.svg: for each case that another library takes part in, a bar for how many times as fast as the fastest of
# those the library is, on a logarithmic scale, and a tick for the ratio to the best plain C. See bench_results.awk.

function escaped(s) { gsub(/&/, "\\&amp;", s); gsub(/</, "\\&lt;", s); gsub(/>/, "\\&gt;", s); return s }
function log2(x) { return log(x) / log(2) }

# Where a ratio is, 1/8 to 32 across the scale.
function place(r,    x) {
    x = log2(r)
    if (x < LOW) x = LOW
    if (x > HIGH) x = HIGH
    return LEFT + (x - LOW) / (HIGH - LOW) * WIDE
}

# The best contender of a kind that has as many threads as the first one, or 0.
function best_of(g, c, what,    k, found) {
    for (k = 2; k <= columns[g]; k++)
        if ((g, c, k) in value && kind[g, c, k] == what && column[g, k] !~ /[0-9] threads/ &&
            (!found || ratio(g, value[g, c, k], value[g, c, found]) > 1))
            found = k
    return found
}

function words(x, y, anchor, class, s) {
    body = body sprintf("<text x=\"%d\" y=\"%d\" text-anchor=\"%s\" class=\"%s\">%s</text>\n", x, y, anchor, class, escaped(s))
}

function bar(g, c, peer,    r, from, to, limit) {
    r = ratio(g, value[g, c, 1], value[g, c, peer])
    from = place(r < 1 ? r : 1)
    to = place(r < 1 ? 1 : r)
    words(LEFT - 8, y + 12, "end", "name", name[g, c])
    body = body sprintf("<rect x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"12\" class=\"%s\"/>\n", from, y + 2,
        (to - from < 1 ? 1 : to - from), (r < 1 ? "slower" : "faster"))
    limit = best_of(g, c, "limit")
    if (limit)
        body = body sprintf("<rect x=\"%.1f\" y=\"%d\" width=\"3\" height=\"16\" class=\"limit\"/>\n",
            place(ratio(g, value[g, c, 1], value[g, c, limit])) - 1, y)
    words(LEFT + WIDE + 12, y + 12, "start", "name", sprintf("%.2f times %s", r, column[g, peer]))
    y += 19
}

END {
    LOW = -3; HIGH = 5; LEFT = 330; WIDE = 400; y = 70
    for (g = 1; g <= groups; g++) {
        if (unit[g] !~ /^(ns|us|ms|G)/) continue # memory
        opened = 0
        for (c = 1; c <= cases[g]; c++) {
            peer = best_of(g, c, "peer")
            if (!peer || !((g, c, 1) in value)) continue
            if (!opened++) { y += 10; words(LEFT - 8, y + 10, "end", "group", group[g]); y += 18 }
            bar(g, c, peer)
        }
    }
    height = y + 20
    printf "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 920 %d\" font-family=\"sans-serif\" font-size=\"12\">\n", height
    print "<style>\n.title { font-size: 16px; font-weight: bold } .group { font-weight: bold }\n" \
        "text { fill: #333 } .faster { fill: #2a7ab9 } .slower { fill: #d07a2d } .limit { fill: #777 }\n" \
        ".line { stroke: #999; stroke-width: 1; stroke-opacity: .4 } .one { stroke: #777; stroke-width: 1.5 }\n" \
        "@media (prefers-color-scheme: dark) { text { fill: #ccc } .limit { fill: #aaa } }\n</style>"
    print "<title>Times as fast as the fastest other library</title>"
    printf "<text x=\"20\" y=\"24\" class=\"title\">Times as fast as the fastest other library</text>\n"
    printf "<text x=\"20\" y=\"42\">%s</text>\n", escaped("Medians of one run; logarithmic scale. Grey tick: " \
        "times as fast as plain C on the fastest kernels, without a tape. " machine["date"])
    for (x = LOW; x <= HIGH; x++) {
        at = LEFT + (x - LOW) / (HIGH - LOW) * WIDE
        printf "<line x1=\"%.1f\" y1=\"66\" x2=\"%.1f\" y2=\"%d\" class=\"%s\"/>\n", at, at, height - 12, (x ? "line" : "one")
        printf "<text x=\"%.1f\" y=\"62\" text-anchor=\"middle\">%s</text>\n", at, (x < 0 ? "1/" 2 ^ -x : 2 ^ x)
    }
    printf "%s</svg>\n", body
}
