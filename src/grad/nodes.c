/* Sets of nodes. Sorted by heapsort (J. W. J. Williams, Algorithm 232, Comm. ACM 7, 1964): no recursion and no memory, which
 * qsort does not promise. */
#include "grad/nodes.h"

/* Lets the value at the root of the heap below `root` sink to its place. */
static void nodes_sink(uint32_t *heap, size_t n, size_t root)
{
    uint32_t value = heap[root];
    for (size_t child; (child = 2 * root + 1) < n; root = child) {
        if (child + 1 < n && heap[child + 1] > heap[child]) child++;
        if (heap[child] <= value) break;
        heap[root] = heap[child];
    }
    heap[root] = value;
}

size_t wg_nodes_sort(uint32_t *indices, size_t n)
{
    for (size_t root = n / 2; root-- > 0;) nodes_sink(indices, n, root);
    for (size_t end = n; end > 1; end--) {
        uint32_t largest = indices[0];
        indices[0] = indices[end - 1];
        indices[end - 1] = largest;
        nodes_sink(indices, end - 1, 0);
    }
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        if (!kept || indices[kept - 1] != indices[i]) indices[kept++] = indices[i];
    return kept;
}

size_t wg_nodes_find(const uint32_t *set, size_t n, uint32_t index)
{
    size_t low = 0, high = n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (set[middle] < index)
            low = middle + 1;
        else
            high = middle;
    }
    return low < n && set[low] == index ? low : SIZE_MAX;
}
