/* One op's derivative on its way, from inside: what the two sweeps and the interpreter of derivatives share. */
#ifndef WG_GRAD_DERIVATION_H
#define WG_GRAD_DERIVATION_H

#include "kernels/copy.h"
#include "tape/list.h"

/* Runs node index's derivative on numbers: its adjoint goes to its inputs' adjoints. A record's own adjoint may have been
 * handed over to an input (then it is NULL) on return. In a rehearsal memory is taken and given back in just the same order,
 * and nothing is computed. While there is an observation, each input's part is made apart, shown, and then added. */
wg_status wg_derive_numbers(wg_tape *tape, uint32_t index, const void *adjoint, bool rehearsal);

/* A contribution of an op with WG_OP_JOINS, waiting to be recorded together with its like: an application to n inputs, which
 * follow, and after them size bytes of attributes. */
typedef struct wg_postponed {
    struct wg_postponed *earlier;
    const wg_op *op;
    size_t n, size;
} wg_postponed;

/* Adjoints that are vars, each in a slot of three arrays: whether it is wanted, the var that holds it so far ({0}: none),
 * and the newest of the contributions that wait. A sweep has a slot for each node that it may reach: first those outside
 * its range, in rising order, then every node from `from` on. A local derivation has a slot for each input of its one op. */
typedef struct wg_recorded_sweep {
    unsigned char *reach;
    wg_var *adjoints;
    wg_postponed **postponed;
    bool local;
    bool whole; /* local: contributions keep the result's shape; else they are summed to the input's */
    uint32_t from;
    const uint32_t *outside;
    size_t outside_count;
} wg_recorded_sweep;

/* A node's slot in a sweep, or SIZE_MAX. */
size_t wg_recorded_slot(const wg_recorded_sweep *sweep, uint32_t node);

/* Records what waits in a slot: its adjoint, to be of the target's shape, is complete then. */
wg_status wg_derive_postponed(wg_tape *tape, size_t slot, const wg_interned *target, wg_recorded_sweep *sweep);
/* Frees what waits there, unrecorded. */
void wg_derive_forget(wg_tape *tape, size_t slot, wg_recorded_sweep *sweep);

/* Records node index's derivative for a cotangent of its shape. reach is set. */
wg_status wg_derive_recorded(wg_tape *tape, uint32_t index, wg_var cotangent, wg_recorded_sweep *sweep);

/* A recorded sweep: from the outs, each with its cotangent, through the nodes from `from` on, to the adjoints of wrt. */
typedef struct wg_recorded_request {
    const char *what; /* the caller's name, for errors */
    const wg_var *outs, *cotangents;
    size_t outs_count;
    const wg_var *wrt;
    size_t n;
    uint32_t from; /* wrt may stand below it: then only what is from there on, and uses it, counts */
} wg_recorded_request;

/* wg_gradients in another's name, of what has been checked. */
wg_status wg_record_gradients(const char *what, wg_var scalar, const wg_var *wrt, size_t n, wg_var *grads);

/* What can be differentiated, from what: valid, fresh, on one tape that is not busy, and numbers. */
wg_status wg_derive_check(const char *what, wg_var out, const wg_var *wrt, size_t n);

/* grads may be wrt itself; what nothing reaches gets zeros or, if bare, {0}. On failure the error is set, and what was
 * recorded is left for the caller to cut off. */
wg_status wg_sweep_recorded(wg_tape *tape, const wg_recorded_request *request, bool bare, wg_var *grads);

/* Runs a checkpoint's function again and leaves what it records, from *start on, on the tape. False: the error is set, and
 * what was recorded is left for the caller to cut off. */
bool wg_checkpoint_unfold(wg_tape *tape, uint32_t index, uint32_t *start, wg_var *out);

/* wg_checkpoint of the same function, with other inputs. */
wg_var wg_checkpoint_repeat(wg_tape *tape, uint32_t index, const wg_var *in);

/* ---- inside a derivation (terms.c, derivation.c) --------------------------------------------------------------------- */

#define WG_DERIVATION_TERMS  64
#define WG_DERIVATION_PASSES 8
#define WG_DERIVATION_FEW    8

typedef struct wg_derivation_term {
    const wg_interned *shape;
    const void *data; /* on numbers; NULL for a primal, which is looked up when it is read */
    void *owned;      /* the pool chunk behind data, freed with the derivation; NULL: someone else's */
    uint32_t node;    /* of a primal or the result, else UINT32_MAX */
    wg_var var;       /* while recording; else not set */
} wg_derivation_term;

struct wg_derivation {
    wg_call call;                /* the application being differentiated, without data */
    wg_recorded_sweep *recorded; /* NULL: on numbers */
    bool rehearsal;              /* on numbers, but only to see that there is memory */
    uint32_t index;
    uint32_t few_inputs[2];
    wg_array *operands, few_operands[WG_DERIVATION_FEW];
    void **apart, *few_apart[WG_DERIVATION_FEW]; /* under observation: input k's contribution; NULL: nothing so far */
    size_t passes_count;
    uint32_t passes[WG_DERIVATION_PASSES]; /* inputs that take the cotangent whole, once all else is done */
    bool owns;                             /* any term has a chunk of its own */
    uint32_t count, capacity;              /* terms so far, and as many as fit; id 0 is the invalid term */
    wg_derivation_term *terms, few_terms[WG_DERIVATION_TERMS];
    double numbers[WG_DERIVATION_TERMS]; /* 0-d values of terms with these ids, whose nodes may move */
};

static inline size_t wg_derivation_element(const wg_derivation *d) { return wg_dtype_size(d->call.dtype); }

/* wg_wants, of an input that there is, on numbers. */
static inline bool wg_derivation_wants(const wg_derivation *d, size_t k)
{
    return d->call.tape->nodes[d->call.inputs[k]].flags & WG_NODE_NEEDS;
}

/* Where the recorded adjoint of input k is kept. */
static inline size_t wg_derivation_slot(const wg_derivation *d, size_t k)
{
    return d->recorded->local ? k : wg_recorded_slot(d->recorded, d->call.inputs[k]);
}

/* The term, or NULL when it is invalid or the tape in error. */
wg_derivation_term *wg_derivation_miss(wg_derivation *d);
static inline wg_derivation_term *wg_derivation_at(wg_derivation *d, wg_term term)
{
    bool there = term.id && term.id < d->count && d->call.tape->status == WG_OK;
    return there ? &d->terms[term.id] : wg_derivation_miss(d);
}
wg_term wg_derivation_add_term(wg_derivation *d, wg_derivation_term term);
/* A temporary on numbers, uninitialised. */
wg_term wg_derivation_temporary(wg_derivation *d, const wg_interned *shape, void **elements);
/* The error of a derivative that is numbers only and should be recorded. */
void wg_derivation_only_numbers(wg_derivation *d);

/* to = or += from. */
static inline void wg_adjoint_accumulate(const wg_tape *tape, size_t n, const void *from, void *to, bool add)
{
    ptrdiff_t one = 1;
    if (n == 1 && tape->dtype == WG_F64)
        *(double *)to = add ? *(double *)to + *(const double *)from : *(const double *)from;
    else if (n == 1)
        *(float *)to = add ? *(float *)to + *(const float *)from : *(const float *)from;
    else if (tape->dtype == WG_F64)
        wg_kernel_copy_f64(tape->isa, 1, &n, from, &one, to, &one, add);
    else
        wg_kernel_copy_f32(tape->isa, 1, &n, from, &one, to, &one, add);
}

/* The application of an op with WG_OP_JOINS to n vars waits until the adjoint in the slot is needed. */
void wg_recorded_postpone(wg_tape *tape, wg_recorded_sweep *sweep, size_t slot, const wg_op *op, const wg_var *in,
    size_t n, const void *attributes, size_t size);

/* A record's adjoint; memory for it, uninitialised, when it has none yet. NULL: the error is set, in what's name. */
void *wg_adjoint_take(wg_tape *tape, wg_record *record, const char *what);

/* In a fused step: whether an application that would add to variable k's adjoint waits for the sweep's end instead
 * (grad/sgd.c). */
bool wg_fused_wait(wg_derivation *d, size_t k, const wg_term *in, const wg_call *call);

/* Adds a var to a slot's adjoint, summed to the target's shape unless that is NULL. */
void wg_recorded_join(wg_recorded_sweep *sweep, size_t slot, const wg_interned *target, wg_var var);

#endif
