/* Long lines are sorted digit by digit, from the least up (D. E. Knuth, The Art of Computer Programming 3, 5.2.5),
 * short ones by merging sorted runs from the bottom up. A quickselect falls back on sorting when its pivots are bad
 * (D. R. Musser, Introspective sorting and selection algorithms, 1997). */
#include "order.h"

#include <string.h>

enum {
    KERNEL_ORDER_RUN = 16,
    KERNEL_ORDER_LONG = 256, /* from here on digits are worth their counts */
    KERNEL_ORDER_DIGITS = 8,
    KERNEL_ORDER_BASE = 256
};

static inline bool kernel_order_less(const wg_kernel_item *a, const wg_kernel_item *b)
{
    return (a->key < b->key) | ((a->key == b->key) & (a->at < b->at)); /* no branch: which it is cannot be predicted */
}

static void kernel_order_insertion(wg_kernel_item *items, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        wg_kernel_item item = items[i];
        size_t j = i;
        for (; j > 0 && kernel_order_less(&item, &items[j - 1]); j--) items[j] = items[j - 1];
        items[j] = item;
    }
}

/* Two sorted neighbours, [0, middle) and [middle, n), into one. */
static void kernel_order_merge(const wg_kernel_item *in, size_t middle, size_t n, wg_kernel_item *out)
{
    const wg_kernel_item *a = in, *b = in + middle, *a_end = b, *b_end = in + n;
    while (a < a_end && b < b_end) {
        size_t second = kernel_order_less(b, a);
        const wg_kernel_item *pair[2] = {a, b};
        *out++ = *pair[second];
        a += 1 - second;
        b += second;
    }
    if (a < a_end) memcpy(out, a, (size_t)(a_end - a) * sizeof *a);
    if (b < b_end) memcpy(out, b, (size_t)(b_end - b) * sizeof *b);
}

static size_t kernel_order_digit(uint64_t key, size_t digit) { return key >> 8 * digit & (KERNEL_ORDER_BASE - 1); }

/* By digits, each pass keeping the order of those before: so the items must come in the order of `at`, or it returns
 * false. A digit that is the same in all keys, as the low ones of floats are, takes no pass. */
static bool kernel_order_by_digits(wg_kernel_item *items, size_t n, wg_kernel_item *spare)
{
    size_t counts[KERNEL_ORDER_DIGITS][KERNEL_ORDER_BASE] = {{0}};
    wg_kernel_item *from = items, *to = spare;
    for (size_t i = 0; i < n; i++) {
        if (i && items[i].at < items[i - 1].at) return false;
        for (size_t d = 0; d < KERNEL_ORDER_DIGITS; d++) counts[d][kernel_order_digit(items[i].key, d)]++;
    }
    for (size_t d = 0; d < KERNEL_ORDER_DIGITS; d++) {
        size_t *place = counts[d], next = 0;
        if (place[kernel_order_digit(items->key, d)] == n) continue;
        for (size_t i = 0; i < KERNEL_ORDER_BASE; i++) {
            size_t count = place[i];
            place[i] = next;
            next += count;
        }
        for (size_t i = 0; i < n; i++) to[place[kernel_order_digit(from[i].key, d)]++] = from[i];
        wg_kernel_item *swapped = from;
        from = to;
        to = swapped;
    }
    if (from != items) memcpy(items, from, n * sizeof *items);
    return true;
}

void wg_kernel_order_sort(wg_kernel_item *items, size_t n, wg_kernel_item *spare)
{
    wg_kernel_item *from = items, *to = spare;
    if (n >= KERNEL_ORDER_LONG && kernel_order_by_digits(items, n, spare)) return;
    for (size_t i = 0; i < n; i += KERNEL_ORDER_RUN)
        kernel_order_insertion(items + i, n - i < KERNEL_ORDER_RUN ? n - i : KERNEL_ORDER_RUN);
    for (size_t run = KERNEL_ORDER_RUN; run < n; run *= 2) {
        for (size_t i = 0; i < n; i += 2 * run) {
            size_t both = n - i < 2 * run ? n - i : 2 * run;
            kernel_order_merge(from + i, both < run ? both : run, both, to + i);
        }
        wg_kernel_item *swapped = from;
        from = to;
        to = swapped;
    }
    if (from != items && n) memcpy(items, from, n * sizeof *items);
}

static void kernel_order_swap(wg_kernel_item *a, wg_kernel_item *b)
{
    wg_kernel_item held = *a;
    *a = *b;
    *b = held;
}

/* Parts n >= 3 items around a pivot, the median of three of them: those before it, the pivot, those after. Returns its
 * position. */
static size_t kernel_order_part(wg_kernel_item *items, size_t n)
{
    wg_kernel_item *first = items, *middle = items + n / 2, *last = items + n - 1;
    if (kernel_order_less(middle, first)) kernel_order_swap(middle, first);
    if (kernel_order_less(last, first)) kernel_order_swap(last, first);
    if (kernel_order_less(last, middle)) kernel_order_swap(last, middle);
    wg_kernel_item pivot = *middle;
    kernel_order_swap(middle, last - 1);
    size_t i = 0, j = n - 2; /* items[0] and items[n - 2], the pivot, stop the scans */
    for (;;) {
        do i++;
        while (kernel_order_less(&items[i], &pivot));
        do j--;
        while (kernel_order_less(&pivot, &items[j]));
        if (i >= j) break;
        kernel_order_swap(&items[i], &items[j]);
    }
    kernel_order_swap(&items[i], &items[n - 2]);
    return i;
}

void wg_kernel_order_select(wg_kernel_item *items, size_t n, size_t k, wg_kernel_item *spare)
{
    unsigned rounds = 8;
    for (size_t m = n; m; m /= 2) rounds += 2;
    while (k > 0 && k < n && n > KERNEL_ORDER_RUN && rounds-- > 0) {
        size_t pivot = kernel_order_part(items, n);
        if (k <= pivot) {
            n = pivot;
        } else {
            items += pivot + 1;
            n -= pivot + 1;
            k -= pivot + 1;
        }
    }
    if (k > 0 && k < n) wg_kernel_order_sort(items, n, spare);
}
