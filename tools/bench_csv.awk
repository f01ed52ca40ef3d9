# results.csv: a line for each contender of each case. See bench_results.awk.
function quoted(s) { gsub(/"/, "\"\"", s); return "\"" s "\"" }
END {
    print "group,case,unit,contender,kind,value,best"
    for (g = 1; g <= groups; g++)
        for (c = 1; c <= cases[g]; c++)
            for (k = 1; k <= columns[g]; k++)
                if ((g, c, k) in value)
                    printf "%s,%s,%s,%s,%s,%.6g,%.6g\n", quoted(group[g]), quoted(name[g, c]), quoted(unit[g]),
                        quoted(column[g, k]), kind[g, c, k], value[g, c, k], best[g, c, k]
}
