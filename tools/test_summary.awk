# Sums up a run of ctest: for each test program, cmocka's closing lines; for each other test, its verdict; and, last, the
# totals in tests of cmocka, the others counting as one each.
# Usage: awk -f tools/test_summary.awk CTEST_OUTPUT LastTest.log [> summary]
#
# The verdicts are in ctest's output, the tests' own output is in its log. A program that stopped before its closing
# lines, or failed for a reason that they do not show (a leak, a time-out), counts as one failure more.

# ctest's output:  " 3/12 Test  #3: ops/test_sum .......   Passed    0.01 sec"
FNR == NR {
    if (!match($0, /^ *[0-9]+\/[0-9]+ Test +#[0-9]+: /)) next
    rest = substr($0, RLENGTH + 1)
    number_of_test = substr($0, 1, RLENGTH - 2)
    sub(/.*#/, "", number_of_test)
    name = rest
    sub(/ .*/, "", name)
    verdict[name] = rest ~ /\*\*\*Skipped/ ? "skipped" : rest ~ /[. ]Passed / ? "passed" : "FAILED"
    order[number_of_test + 0] = name
    if (number_of_test + 0 > tests) tests = number_of_test + 0
    next
}

# the log: "3/12 Testing: ops/test_sum", then the test's output, then "<end of output>"
/^[0-9]+\/[0-9]+ Testing: / { name = $0; sub(/^[^:]*: /, "", name); next }
/^\[==========\] .* test\(s\) run\.?$/ { lines[name] = lines[name] "    " $0 "\n"; next }
/^\[  PASSED  \]/ { passed[name] += number($0); lines[name] = lines[name] "    " $0 "\n"; next }
/^\[  SKIPPED \] [0-9]+ test/ { skipped[name] += number($0); lines[name] = lines[name] "    " $0 "\n"; next }
/^\[  FAILED  \] .*[0-9]+ test/ { failed[name] += number($0); lines[name] = lines[name] "    " $0 "\n"; next }

# the count in "[  PASSED  ] 3 test(s)."
function number(line) {
    sub(/ test.*/, "", line)
    sub(/.* /, "", line)
    return line + 0
}

END {
    for (k = 1; k <= tests; k++) {
        if (!(k in order)) continue
        name = order[k]
        print name (name in lines ? "" : ": " verdict[name])
        if (name in lines) printf "%s", lines[name]
        if (verdict[name] == "FAILED" && !failed[name]) {
            failed[name] = 1
            if (name in lines) print "    and then failed"
        }
        if (!(name in lines) && verdict[name] == "passed") passed[name] = 1
        if (verdict[name] == "skipped") skipped[name] = 1
        total_passed += passed[name]
        total_failed += failed[name]
        total_skipped += skipped[name]
    }
    printf "\n%d passed, %d failed%s\n", total_passed, total_failed, total_skipped ? ", " total_skipped " skipped" : ""
}
