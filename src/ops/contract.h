/* Contraction: what einsum, tensordot and their kin are made of. An axis has a label, a small number; axes of two
 * arrays with the same label run together. */
#ifndef WG_OPS_CONTRACT_H
#define WG_OPS_CONTRACT_H

#include "tape/list.h"

enum { WG_CONTRACT_LABELS = 52 + WG_MAX_RANK };

/* The labels of an array's axes, in order. Their set is a mask of bits. */
typedef struct wg_labels {
    uint32_t n;
    unsigned char at[WG_MAX_RANK];
} wg_labels;

typedef struct wg_labelled {
    wg_var var;
    wg_labels labels;
} wg_labelled;

static inline uint64_t wg_label_bit(unsigned label) { return (uint64_t)1 << label; }
static inline bool wg_labels_have(uint64_t set, unsigned label) { return set >> label & 1; }
static inline uint64_t wg_labels_set(const wg_labels *list)
{
    uint64_t set = 0;
    for (uint32_t k = 0; k < list->n; k++) set |= wg_label_bit(list->at[k]);
    return set;
}
/* Appends those of list that are in set. */
static inline void wg_labels_append(wg_labels *to, const wg_labels *list, uint64_t set)
{
    for (uint32_t k = 0; k < list->n; k++)
        if (wg_labels_have(set, list->at[k])) to->at[to->n++] = list->at[k];
}

/* One axis for each label: axes that share one become their diagonal. */
void wg_contract_diagonal(wg_labelled *x);

/* The array with its axes in this order of its labels. */
wg_var wg_contract_arrange(const wg_labelled *x, const wg_labels *order);

/* The product of two arrays, of distinct labels each, summed over the labels that both have and that are not in needed.
 * Its labels are those that both have and are needed, then the rest of a's, then the rest of b's: at most WG_MAX_RANK.
 * extent gives every label's. */
wg_labelled wg_contract_pair(const wg_labelled *a, const wg_labelled *b, uint64_t needed, const size_t *extent);

#endif
