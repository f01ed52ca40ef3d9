# The tables of docs/benchmarks.md: a line on the machine, then a table for each group. See bench_results.awk.

# A rate as a part of what the machine can do, where that was measured: floats and doubles by the group's name.
function of_the_limit(g, rate,    limit) {
    if (group[g] ~ /^the machine/) return ""
    if (unit[g] == "GFLOPS") limit = group[g] ~ /double|f64/ ? peak["double"] : peak["float"]
    if (unit[g] == "GB/s") limit = peak["triad"]
    return limit ? sprintf("%.0f %%", 100 * rate / limit) : ""
}

function cell(g, c, k) {
    if (!((g, c, k) in value)) return ""
    if (k == 1 || !((g, c, 1) in value)) return short(value[g, c, k])
    return short(value[g, c, k]) " (" sprintf("%.2f", ratio(g, value[g, c, 1], value[g, c, k])) ")"
}

function table(g,    c, k, line, limits) {
    limits = of_the_limit(g, 1) != ""
    printf "\n### %s, %s\n\n", toupper(substr(group[g], 1, 1)) substr(group[g], 2), unit[g]
    line = "| |"
    for (k = 1; k <= columns[g]; k++) line = line " " column[g, k] " |"
    print line (limits ? " of the machine |" : "")
    line = "|---|"
    for (k = 1; k <= columns[g]; k++) line = line "---:|"
    print line (limits ? "---:|" : "")
    for (c = 1; c <= cases[g]; c++) {
        line = "| " name[g, c] " |"
        for (k = 1; k <= columns[g]; k++) line = line " " cell(g, c, k) " |"
        print line (limits ? " " of_the_limit(g, value[g, c, 1]) " |" : "")
    }
}

END {
    for (g = 1; g <= groups; g++)
        for (c = 1; c <= cases[g]; c++) {
            if (group[g] ~ /^the machine, multiply-adds/) peak[name[g, c]] = value[g, c, 1]
            if (group[g] ~ /^the machine, triad/) peak["triad"] = value[g, c, 1] # the last is the largest
        }
    printf "%s, %s cores; %s; %s; version %s (%s), %s.\n", machine["processor"], machine["cores"], machine["system"],
        machine["compiler"], machine["version"], machine["commit"], machine["date"]
    for (g = 1; g <= groups; g++) table(g)
}
