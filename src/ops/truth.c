/* Questions about elements: any, all, count_nonzero. Each is a comparison and a sum, and has no derivative. */
#include "ops/compose.h"
#include "ops/reduce.h"
#include "wengert/ops.h"

typedef enum truth_question { TRUTH_ANY, TRUTH_ALL, TRUTH_COUNT } truth_question;

static const char *const truth_names[] = {"any", "all", "count_nonzero"};

/* axes NULL with all true: over everything. NaN is not zero. */
static wg_var truth_ask(truth_question question, wg_var x, bool all, const int *axes, size_t n, bool keepdims)
{
    wg_composition c;
    wg_reduce_axes unused;
    const char *name = truth_names[question];
    if (!wg_compose_open(&c, name, &x, 1, 0)) return wg_invalid(x.tape);
    if (!wg_reduce_parse(name, x, axes, n, keepdims, &unused)) return wg_invalid(x.tape);
    wg_var zero = wg_scalar(x.tape, 0);
    wg_var each = question == TRUTH_ALL ? wg_equal(x, zero) : wg_not_equal(x, zero);
    wg_var count = all ? wg_sum(each) : wg_sum_axes(each, axes, n, keepdims);
    if (question == TRUTH_ANY) count = wg_greater(count, zero);
    if (question == TRUTH_ALL) count = wg_equal(count, zero);
    return wg_compose_close(&c, count);
}

wg_var wg_any(wg_var x) { return truth_ask(TRUTH_ANY, x, true, NULL, 0, false); }
wg_var wg_all(wg_var x) { return truth_ask(TRUTH_ALL, x, true, NULL, 0, false); }
wg_var wg_count_nonzero(wg_var x) { return truth_ask(TRUTH_COUNT, x, true, NULL, 0, false); }

wg_var wg_any_axes(wg_var x, const int *axes, size_t n, bool keepdims)
{
    return truth_ask(TRUTH_ANY, x, false, axes, n, keepdims);
}

wg_var wg_all_axes(wg_var x, const int *axes, size_t n, bool keepdims)
{
    return truth_ask(TRUTH_ALL, x, false, axes, n, keepdims);
}

wg_var wg_count_nonzero_axes(wg_var x, const int *axes, size_t n, bool keepdims)
{
    return truth_ask(TRUTH_COUNT, x, false, axes, n, keepdims);
}
