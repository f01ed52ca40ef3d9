/* What the families of mistakes share: suggestions that are made once, and small arithmetic on row-major doubles. */
#ifndef WG_CHECK_NUMBERS_H
#define WG_CHECK_NUMBERS_H

#include "check/mistakes/mistakes.h"

/* The suggestions that one family made at one edge, so that none is made twice, nor the right contribution itself. */
#define CHECK_OFFERS 160
typedef struct check_offers {
    const check_edge *edge;
    size_t count, most; /* offers so far, and how many there may be */
    const double *numbers[CHECK_OFFERS];
    wg_cause causes[CHECK_OFFERS];
} check_offers;

/* Suggests numbers of to's shape, unless they are NULL, not finite, the right contribution, or were offered before under
 * the same cause. False: nothing was suggested. */
bool check_offer(check_offers *offers, wg_cause cause, const double *numbers, double factor, const char *detail, ...)
    WG_PRINTF_LIKE(5, 6);

/* Whether two arrays agree but for rounding. */
bool check_agree(const double *a, const double *b, size_t n);
bool check_finite(const double *a, size_t n);

/* Arrays of n equal numbers; of a[i] b[i]; of k a[i]. NULL: out of memory, or an argument was NULL. */
const double *check_filled(const check_edge *edge, size_t n, double value);
const double *check_product(const check_edge *edge, const double *a, const double *b, size_t n);
const double *check_scaled(const check_edge *edge, const double *a, double k, size_t n);

/* Numbers of the result's shape summed to the input's, by the rule of broadcasting. NULL when the input does not broadcast to
 * the result. */
const double *check_summed(const check_edge *edge, const double *numbers);

/* The element of an array of shape small that stands at element i of one of shape large, to which it broadcasts. */
size_t check_broadcast_place(const wg_shape *small, const wg_shape *large, size_t i);
bool check_broadcasts(const wg_shape *small, const wg_shape *large);
bool check_shapes_equal(const wg_shape *a, const wg_shape *b);
size_t check_shape_size(const wg_shape *shape);

/* An array as outer blocks of extent layers of inner elements: what is before an axis, along it, and after. */
typedef struct check_split {
    size_t outer, extent, inner;
} check_split;
check_split check_split_at(const wg_shape *shape, uint32_t axis);

/* The results of ops that take a node, at most most of them. */
size_t check_consumers(const check_edge *edge, wg_var node, wg_var *consumers, size_t most);
bool check_same_node(wg_var a, wg_var b);
bool check_is(const wg_node_info *node, const char *kind);
/* One of count names. */
bool check_is_among(const wg_node_info *node, const char *const *kinds, size_t count);
/* Whether an op works element by element, or only puts elements in another shape. */
bool check_is_elementwise(const wg_node_info *node);
bool check_is_reshaping(const wg_node_info *node);

/* What stands in files of its own. */
void check_mistakes_sorted(const check_edge *edge);     /* called by kinks */
void check_mistakes_indices(const check_edge *edge);    /* called by loss */
void check_mistakes_softmax(const check_edge *edge);    /* called by loss */
void check_mistakes_statistics(const check_edge *edge); /* called by loss */

#endif
