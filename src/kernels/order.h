/* Sorting and selecting, by the numbers' order with the place deciding among equals: so results are stable. Numbers of
 * either type come as doubles, each as a key whose unsigned order is theirs. */
#ifndef WG_KERNELS_ORDER_H
#define WG_KERNELS_ORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* A number and its place among those that it came with. */
typedef struct wg_kernel_item {
    uint64_t key;
    size_t at;
} wg_kernel_item;

/* Keys ascend with the numbers, or descend. NaN counts as larger than all of them; -0 equals 0. */
static inline uint64_t wg_kernel_order_key(double x, bool descending)
{
    uint64_t bits, sign = (uint64_t)1 << 63;
    if (x == 0) x = 0; /* not -0 */
    memcpy(&bits, &x, sizeof bits);
    uint64_t key = x != x ? UINT64_MAX : bits & sign ? ~bits : bits | sign;
    return descending ? ~key : key;
}

/* Takes the item into the `count` first of those that came before it, which are sorted and `room` at most, unless it comes
 * after them all; it is the last in place. Returns how many they are now. */
static inline size_t wg_kernel_order_keep(wg_kernel_item *items, size_t count, size_t room, wg_kernel_item item)
{
    if (count == room && item.key >= items[room - 1].key) return count;
    size_t j = count < room ? count++ : room - 1;
    for (; j > 0 && items[j - 1].key > item.key; j--) items[j] = items[j - 1];
    items[j] = item;
    return count;
}

/* Sorts by key, then place. spare holds as many items. */
void wg_kernel_order_sort(wg_kernel_item *items, size_t n, wg_kernel_item *spare);

/* Brings the k first in that order to the front, in any order among themselves; O(n), at worst O(n log n). k <= n. */
void wg_kernel_order_select(wg_kernel_item *items, size_t n, size_t k, wg_kernel_item *spare);

#endif
