# Reads what the benchmarks found, for the scripts that show it (make_benchmarks.sh): first machine.txt, then results.jsonl,
# a line for each contender of each case. Afterwards there are, numbered from 1 in the order of their first appearance,
#
#     machine[KEY]
#     groups, group[g], unit[g]
#     cases[g], name[g, c]
#     columns[g], column[g, k]                    the contenders of any of its cases
#     value[g, c, k], kind[g, c, k]               where that case has it

function text(key,    at, rest) {
    at = index($0, "\"" key "\": \"")
    if (!at) return ""
    rest = substr($0, at + length(key) + 5)
    match(rest, /^([^"\\]|\\.)*/)
    rest = substr(rest, 1, RLENGTH)
    gsub(/\\"/, "\"", rest)
    return rest
}

function number(key,    at) {
    at = index($0, "\"" key "\": ")
    return substr($0, at + length(key) + 4) + 0
}

# How many times as fast a is as b; more is better for rates, less for times.
function ratio(g, a, b) { return unit[g] ~ /^G/ ? a / b : b / a }

# Three digits.
function short(x) {
    if (x >= 100) return sprintf("%.0f", x)
    if (x >= 10) return sprintf("%.1f", x)
    if (x >= 1) return sprintf("%.2f", x)
    return sprintf("%.3f", x)
}

FNR == NR { split($0, pair, "\t"); machine[pair[1]] = pair[2]; next }
{
    title = text("group")
    if (!(title in number_of)) { number_of[title] = ++groups; group[groups] = title; unit[groups] = text("unit") }
    g = number_of[title]
    called = text("case")
    if (!((g, called) in case_of)) { case_of[g, called] = ++cases[g]; name[g, cases[g]] = called }
    c = case_of[g, called]
    by = text("contender")
    if (!((g, by) in column_of)) { column_of[g, by] = ++columns[g]; column[g, columns[g]] = by }
    k = column_of[g, by]
    value[g, c, k] = number("value")
    best[g, c, k] = number("best")
    kind[g, c, k] = text("kind")
}
