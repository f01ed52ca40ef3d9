/* Sorting and selecting, by the numbers' order with the place deciding among equals: so results are stable. Numbers of
 * either type come as doubles, each as a key whose unsigned order is theirs. */
#ifndef WG_KERNELS_ORDER_H
#define WG_KERNELS_ORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A number and its place among those that it came with. */
typedef struct wg_kernel_item {
    uint64_t key;
    size_t at;
} wg_kernel_item;

/* Keys ascend with the numbers, or descend. NaN counts as larger than all of them; -0 equals 0. */
uint64_t wg_kernel_order_key(double x, bool descending);

/* Sorts by key, then place. spare holds as many items. */
void wg_kernel_order_sort(wg_kernel_item *items, size_t n, wg_kernel_item *spare);

/* Brings the k first in that order to the front, in any order among themselves; O(n), at worst O(n log n). k <= n. */
void wg_kernel_order_select(wg_kernel_item *items, size_t n, size_t k, wg_kernel_item *spare);

#endif
