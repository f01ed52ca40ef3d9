/* Sets of nodes, as arrays of indices in rising order. */
#ifndef WG_GRAD_NODES_H
#define WG_GRAD_NODES_H

#include <stddef.h>
#include <stdint.h>

/* Makes a set of n indices in any order, in place. Returns how many are left when each is there once. */
size_t wg_nodes_sort(uint32_t *indices, size_t n);

/* Where in a set an index stands, or SIZE_MAX. */
size_t wg_nodes_find(const uint32_t *set, size_t n, uint32_t index);

#endif
