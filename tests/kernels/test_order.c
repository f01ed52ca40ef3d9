/* Sorting and selecting on orders that are hard on a quickselect: sorted, reversed, organ pipes, all equal, few different,
 * and one made to defeat pivots that are the median of first, middle and last. What must come out is known: keys are counted,
 * and the place decides among equals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <math.h>
#include <cmocka.h>

#include "kernels/order.h"

enum { LONGEST = 3000, PATTERNS = 8 };

static uint64_t pattern(size_t kind, size_t i, size_t n)
{
    switch (kind) {
    case 0:
        return i;
    case 1:
        return n - i;
    case 2:
        return i < n / 2 ? i : n - i;
    case 3:
        return i < n / 2 ? n - i : i;
    case 4:
        return 7;
    case 5:
        return i * 2654435761u % 5;
    case 6:
        return i * 2654435761u % 65537;
    /* D. R. Musser's sequence: 1, n/2 + 1, 3, n/2 + 3, ..., then the even numbers */
    default:
        return i < n / 2 ? (i % 2 ? n / 2 + i : i + 1) : (i - n / 2 + 1) * 2;
    }
}

/* The place in order of each item: by counting, over the keys that occur. */
static void check_sorted(const wg_kernel_item *sorted, const wg_kernel_item *given, size_t n)
{
    bool *seen = calloc(n + 1, sizeof *seen);
    assert_non_null(seen);
    for (size_t i = 0; i < n; i++) {
        const wg_kernel_item *item = &sorted[i];
        assert_true(item->at < n && !seen[item->at] && given[item->at].key == item->key);
        seen[item->at] = true;
        if (i == 0) continue;
        assert_true(item[-1].key < item->key || (item[-1].key == item->key && item[-1].at < item->at));
    }
    free(seen);
}

static wg_kernel_item given[LONGEST], sorted[LONGEST], items[LONGEST], spare[LONGEST];

static void test_orders(void **state)
{
    (void)state;
    const size_t lengths[] = {0, 1, 2, 3, 15, 16, 17, 18, 31, 32, 33, 64, 100, 257, 1000, LONGEST};
    for (size_t kind = 0; kind < PATTERNS; kind++)
        for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++) {
            size_t n = lengths[l];
            for (size_t i = 0; i < n; i++) given[i] = sorted[i] = (wg_kernel_item){pattern(kind, i, n), i};
            wg_kernel_order_sort(sorted, n, spare);
            check_sorted(sorted, given, n);
            for (size_t k = 0; k <= n; k += n / 7 + 1) {
                for (size_t i = 0; i < n; i++) items[i] = given[i];
                wg_kernel_order_select(items, n, k, spare);
                wg_kernel_order_sort(items, k, spare);
                wg_kernel_order_sort(items + k, n - k, spare);
                for (size_t i = 0; i < n; i++)
                    if (items[i].at != sorted[i].at) fail_msg("pattern %zu, the first %zu of %zu", kind, k, n);
            }
        }
}

/* Keys of numbers in ascending order. */
static void test_keys(void **state)
{
    (void)state;
    const double ascending[] = {-(double)INFINITY, -0x1.fffffffffffffp1023, -1, -0x1p-1022, -0x1p-1074, 0, 0x1p-1074,
        0x1p-1022, 1, 0x1.0000000000001p0, 0x1.fffffffffffffp1023, (double)INFINITY, (double)NAN};
    enum { N = sizeof ascending / sizeof *ascending };
    for (size_t i = 0; i + 1 < N; i++) {
        assert_true(wg_kernel_order_key(ascending[i], false) < wg_kernel_order_key(ascending[i + 1], false));
        assert_true(wg_kernel_order_key(ascending[i], true) > wg_kernel_order_key(ascending[i + 1], true));
    }
    for (int descending = 0; descending < 2; descending++) {
        assert_true(wg_kernel_order_key(-0.0, descending) == wg_kernel_order_key(0.0, descending));
        assert_true(wg_kernel_order_key(-(double)NAN, descending) == wg_kernel_order_key((double)NAN, descending));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_orders), cmocka_unit_test(test_keys)};
    return cmocka_run_group_tests_name("kernels/order", tests, NULL, NULL);
}
