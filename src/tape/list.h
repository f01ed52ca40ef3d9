/* The Wengert list from inside: nodes, records, and what the layers above may do with them.
 *
 * A node is 24 bytes. The result of a plain op on scalars needs nothing else: the op's number, two inputs, and its value
 * stand in the node. Everything else (arrays, leaves with storage, ops with attributes or more inputs) has a record in
 * the arena, which holds the rest. A scalar node is given a record from the pool, "boxed", when someone asks for an
 * address or a name; from then on it is treated like any other. A 0-d number that has a record stands in the node too,
 * as a copy, so that scalar code reads every number in one place.
 *
 *     nodes      [ x | W | exp | mul | matmul | ... ]      one growing array; a var is an index into it, and an epoch
 *                       |                 |
 *     arena      [ record value grad | record inputs attributes value | ...
 */
#ifndef WG_TAPE_LIST_H
#define WG_TAPE_LIST_H

#include "kernels/isa.h"
#include "kernels/team.h"
#include "tape/memory.h"
#include "wengert/op.h"
#include "wengert/tape.h"

/* A shape that is stored once per tape and pointed to. */
typedef struct wg_interned {
    wg_shape shape; /* first, so that a pointer to it is a pointer to the shape */
    size_t size;
    struct wg_interned *next;
} wg_interned;

/* Flags of a node. The upper 16 bits of an inline node that is no leaf hold the number that an op with a scalar path gave
 * itself; of any other they are 0. */
enum {
    WG_NODE_INLINE = 1,    /* 0-d, the value in the node, no record */
    WG_NODE_NUMBER = 2,    /* 0-d and numeric, with or without a record */
    WG_NODE_VARIABLE = 4,  /* a leaf with a gradient */
    WG_NODE_AT_HAND = 8,   /* a number that is not stale: a scalar op may read it */
    WG_NODE_INDICES = 16,  /* int64_t elements */
    WG_NODE_STALE = 32,    /* a leaf below was changed since */
    WG_NODE_CHANGED = 64,  /* a leaf whose change has not been passed on to its dependants yet */
    WG_NODE_REACHED = 128, /* during a sweep, 0-d: something has come to its adjoint, perhaps -0 */
    WG_NODE_STOPS = 512,   /* during a sweep for targets: it is one, and depends on no other */
    WG_NODE_LENT = 1024,   /* during a sweep for targets: a constant that is one, and looks like a variable */
    WG_NODE_WAITS = 256,   /* beside STALE: only because a replay stopped before it; its inputs are what they were */
    WG_NODE_LEAF = 2048,   /* no op */
    WG_NODE_PLAIN = 4096, /* its elements are where its record's value points to, up to date whenever it is not stale */
    WG_NODE_NEEDS = 1 << 13,   /* a variable, or computed from one: a sweep passes through */
    WG_NODE_NEEDS_A = 1 << 14, /* inline: its first input needs, and a sweep passes from here to there */
    WG_NODE_NEEDS_B = 1 << 15  /* its second likewise */
};
#define WG_NODE_RULE_SHIFT 16

/* Flags of a record. */
enum {
    WG_RECORD_BOX = 1,          /* from the pool, of a node that was inline */
    WG_RECORD_POOL_VALUE = 2,   /* value is a pool chunk: an op evaluated lazily */
    WG_RECORD_EVALUATED = 4,    /* a lazy op's value is up to date */
    WG_RECORD_POOL_GRAD = 8,    /* grad is a pool chunk: a retained gradient */
    WG_RECORD_ZERO_GRAD = 16,   /* grad is known to hold zeros, so the first contribution may overwrite them */
    WG_RECORD_BROKEN_GRAD = 64, /* a sweep failed midway after contributing to grad */
    WG_RECORD_BOUND_GRAD = 128, /* grad is the caller's, who may write to it: never known to hold zeros */
    WG_RECORD_KEEPS = 512,      /* in a fused step: the adjoint is needed beyond the op's turn in the sweep */
    WG_RECORD_TARGET = 256      /* grad is for the time of a sweep for targets */
};

typedef struct wg_record {
    const wg_op *op; /* NULL: a leaf */
    void *value;     /* elements; NULL for a view, and for a lazy op not evaluated yet */
    void *grad;      /* of a variable or a retained intermediate */
    void *adjoint;   /* during a sweep: NULL until something reaches it */
    const wg_interned *shape;
    const void *attributes;
    union {
        const uint32_t *inputs; /* when there are more than two */
        uint32_t few[2];        /* else */
    };
    char *name;
    struct wg_record *previous; /* the one recorded before it; of a box: the box made before it */
    struct wg_record *holder;   /* the next in the list of records with a gradient */
    size_t attributes_size;
    size_t arena_position; /* of the arena before this record */
    size_t offset;         /* of a view: the element of its base at which it begins */
    uint32_t index;        /* of its node */
    uint32_t base;         /* of a view: the node whose elements it shares; else UINT32_MAX */
    uint32_t n;            /* number of inputs */
    uint32_t flags;
    uint32_t sweep; /* the number of the last sweep that has contributed to grad */
} wg_record;

typedef struct wg_node {
    uint32_t flags, epoch;
    union {
        uint32_t in[2];    /* inline */
        wg_record *record; /* not inline */
    };
    union {
        double f64;
        float f32;
    } u; /* of a number: its value, or a copy of what stands in the record */
} wg_node;
_Static_assert(sizeof(wg_node) == 24, "a scalar's node is 24 bytes");

/* What an op with a scalar path offers, beside its evaluation on arrays. replay and sweep handle a run of inline nodes with
 * such ops, starting at index: replay upwards, below end; sweep downwards, not below low. They return the first index that
 * they did not handle; sweep may fail, with the error set. slope records the derivative with respect to input k times g. */
#define WG_SCALAR_FAILED INT64_MIN
typedef struct wg_scalar_path {
    uint32_t (*replay)(wg_tape *tape, uint32_t index, uint32_t end);
    int64_t (*sweep)(wg_tape *tape, uint32_t index, uint32_t low);
    wg_var (*slope)(uint32_t rule, size_t k, wg_var g, const wg_var *in, wg_var y);
    uint32_t rule; /* goes into the upper half of the node's flags; not 0 */
} wg_scalar_path;

/* The ops with a scalar path, by their rule: the room that has them fills this in. */
extern const wg_op *const wg_scalar_ops[];

/* A flag of an op, beside the public ones: its evaluation records on the tape, above the top, and takes that off again. */
#define WG_OP_RERUNS (1u << 31)

/* Another: it stands for several ops, and is one for speed. What shows how a result comes about, or looks for mistakes in it,
 * sees those: a copy on another tape is recorded by what `internal` points to. */
#define WG_OP_UNFOLDS (1u << 30)
typedef struct wg_unfolding {
    wg_var (*record)(wg_tape *tape, const wg_var *in, size_t n, const void *attributes, size_t size);
} wg_unfolding;

#define WG_SHAPE_BUCKETS 64
#define WG_MESSAGE_SIZE  512

struct wg_tape {
    /* what the scalar path reads at every op */
    wg_node *nodes;
    uint32_t length, capacity;
    uint32_t epoch;
    uint32_t
        quick; /* the capacity while nothing needs a closer look: healthy, no leaf changed, no check_finite; else 0 */
    wg_dtype dtype;

    /* Of 0-d numbers, by index, floats on a WG_F32 tape. -0 where nothing has come, and so outside a sweep: it leaves a sum
     * as it is, and is no sum of anything else. */
    double *adjoints;
    size_t adjoints_length; /* how many there are: at least as many as nodes during a sweep */
    wg_growth nodes_memory, adjoints_memory;

    wg_source source;
    wg_arena arena;
    wg_pool pool;
    wg_record *last;         /* the newest record in the arena */
    wg_record *boxes;        /* the newest box */
    wg_record *holders;      /* records with a gradient */
    uint32_t first_variable; /* the lowest index of a variable, UINT32_MAX when there is none */
    wg_interned *shapes[WG_SHAPE_BUCKETS];
    size_t shapes_count;
    const wg_interned *scalar_shape;

    /* 0-d constants that the recorded sweep under way has made, to be used again */
    struct {
        double value;
        uint32_t index;
    } numbers[8];
    unsigned numbers_count;
    bool sharing_numbers;

    wg_team *team; /* the threads that large kernels may use; NULL: the caller's alone */
    wg_isa isa;    /* the instruction set of its kernels */
    bool check_finite, ieee_zero, same_rank;
    bool changed;         /* a leaf was changed, its dependants are not marked yet */
    bool targeting;       /* a sweep for targets is under way: only their gradients are written */
    const char *sweeping; /* the public function whose sweep is under way */
    uint32_t sweep;       /* that sweep's number */
    unsigned busy;        /* depth of calls into an op's functions and of sweeps: no rewind, replay, backward or free */
    unsigned inside;      /* busy's value within a checkpointed function, where derivatives may be recorded; else 0 */
    unsigned evaluating;  /* depth of calls into shape rules and evaluations: no recording either */
    bool observed;        /* an observer is being called: no recording */
    struct wg_observation *observation; /* of the sweep under way, or NULL */
    struct wg_fused *fused;             /* the fused step whose sweep is under way, or NULL */
    wg_status status;
    unsigned next_description;
    char message[WG_MESSAGE_SIZE];
    char descriptions[4][256];
};

/* ---- errors (tape/error.c) -------------------------------------------------------------------------------------- */

/* Sets the first error's status and message; later ones are dropped. Returns the status. tape may be NULL. */
wg_status wg_tape_fail(wg_tape *tape, wg_status status, const char *format, ...) WG_PRINTF_LIKE(3, 4);
wg_status wg_tape_fail_memory(wg_tape *tape, const char *what, size_t bytes);

/* "W1 (2,3)", "exp (2,3)": a node by its name, or its op, and its shape. Valid for four calls. */
const char *wg_list_describe(wg_tape *tape, uint32_t index);
/* Its name in quotes, or its op, or "a constant": for messages about one node. Valid for four calls. */
const char *wg_list_title(wg_tape *tape, uint32_t index);

/* Recomputes tape->quick after a change of what it stands for. */
static inline void wg_tape_update_quick(wg_tape *tape)
{
    bool plain = tape->status == WG_OK && !tape->changed && !tape->check_finite && !tape->evaluating && !tape->observed;
    tape->quick = plain ? tape->capacity : 0;
}

/* ---- checks (tape/check.c) -------------------------------------------------------------------------------------- */

static inline wg_var wg_invalid(wg_tape *tape) { return (wg_var){tape, UINT32_MAX, 0}; }

static inline bool wg_list_valid(wg_var var)
{
    return var.tape && var.index < var.tape->length && var.tape->nodes[var.index].epoch == var.epoch;
}

/* The tape is there, healthy, and not busy with an op. Returns the error otherwise. */
wg_status wg_tape_ready(wg_tape *tape, const char *what);

/* Var number position (from 1; 0: the only one) of what is valid, on this tape, and not stale; settles first. */
wg_status wg_list_check(wg_tape *tape, const char *what, size_t position, wg_var var);

/* Around every call of an op's shape rule, view rule or evaluation: in between, nothing can be recorded, changed or taken
 * away. Entering returns what leaving is to be given: how quick the tape was. */
static inline uint32_t wg_tape_enter_op(wg_tape *tape)
{
    uint32_t quick = tape->quick;
    tape->busy++;
    tape->evaluating++;
    tape->quick = 0;
    return quick;
}
static inline void wg_tape_leave_op(wg_tape *tape, uint32_t quick)
{
    tape->evaluating--;
    tape->busy--;
    if (quick && tape->status == WG_OK)
        tape->quick = quick;
    else
        wg_tape_update_quick(tape);
}

/* Passes leaf changes on to the nodes computed from them. */
void wg_list_settle(wg_tape *tape);

/* ---- nodes (tape/list.c) ---------------------------------------------------------------------------------------- */

const wg_interned *wg_list_intern(wg_tape *tape, const wg_shape *shape); /* NULL: out of memory, or too large */

/* wg_shape_equal, in place: it is asked at every op. */
static inline bool wg_list_same_shape(const wg_shape *a, const wg_shape *b)
{
    if (a->rank != b->rank) return false;
    for (uint32_t i = 0; i < a->rank; i++)
        if (a->dim[i] != b->dim[i]) return false;
    return true;
}

/* What a shape rule wrote, when it is the shape of an operand or has been met before; else NULL. */
const wg_interned *wg_list_shape_of_result(const wg_call *call);

static inline size_t wg_dtype_size(wg_dtype dtype) { return dtype == WG_F64 ? sizeof(double) : sizeof(float); }
static inline size_t wg_node_element_size(const wg_tape *tape, const wg_node *node)
{
    return node->flags & WG_NODE_INDICES ? sizeof(int64_t) : wg_dtype_size(tape->dtype);
}
static inline const wg_interned *wg_node_shape(const wg_tape *tape, const wg_node *node)
{
    return node->flags & WG_NODE_INLINE ? tape->scalar_shape : node->record->shape;
}
static inline bool wg_node_is_leaf(const wg_node *node) { return node->flags & WG_NODE_LEAF; }
/* Inline, and no leaf. */
static inline bool wg_node_is_scalar_op(const wg_node *node) { return node->flags >> WG_NODE_RULE_SHIFT; }
/* The needs of an inline node whose inputs have those flags; b is 0 when there is one input. */
static inline uint32_t wg_node_needs(uint32_t a, uint32_t b)
{
    uint32_t x = a & WG_NODE_NEEDS, y = b & WG_NODE_NEEDS;
    return (x | x << 1) | (y | y << 2);
}
/* What a node's value was computed from has changed since, and now it is up to date again. */
static inline void wg_node_set_stale(wg_node *node, uint32_t waits)
{
    node->flags = (node->flags & ~(uint32_t)(WG_NODE_WAITS | WG_NODE_AT_HAND)) | WG_NODE_STALE | waits;
}
static inline void wg_node_set_fresh(wg_node *node)
{
    node->flags &= ~(uint32_t)(WG_NODE_STALE | WG_NODE_WAITS);
    if (node->flags & WG_NODE_NUMBER) node->flags |= WG_NODE_AT_HAND;
}
/* NULL: a leaf. */
static inline const wg_op *wg_node_op(const wg_node *node)
{
    if (node->flags & WG_NODE_LEAF) return NULL;
    return node->flags & WG_NODE_INLINE ? wg_scalar_ops[node->flags >> WG_NODE_RULE_SHIFT] : node->record->op;
}
/* The place of a 0-d number among tape->adjoints. */
static inline void *wg_node_slot(const wg_tape *tape, uint32_t index)
{
    return (char *)tape->adjoints + index * wg_dtype_size(tape->dtype);
}
/* The inputs of a node, and how many. */
const uint32_t *wg_node_inputs(const wg_node *node, size_t *n);

/* After the value in a record, or in the array that it is a view of, was written: copies a number to the node. */
void wg_node_refresh(wg_tape *tape, wg_node *node);

/* Room for one more node; false, with the error set, when there is none. Moves the array of nodes. */
bool wg_list_reserve(wg_tape *tape, const char *what);

/* Makes a record in the arena, with room for the value and the gradient as asked. NULL: the error is set. It becomes
 * part of the tape by wg_list_push_record; until then wg_list_abandon takes it back. */
typedef struct wg_record_plan {
    const char *what;
    const wg_interned *shape;
    size_t element_size;
    bool value, grad;
    const uint32_t *inputs;
    size_t n;
    const void *attributes;
    size_t attributes_size;
} wg_record_plan;
wg_record *wg_list_record(wg_tape *tape, const wg_record_plan *plan);
void wg_list_abandon(wg_tape *tape, wg_record *record);
wg_var wg_list_push_record(wg_tape *tape, const wg_op *op, wg_record *record, uint32_t flags);
/* Pushes an inline node, its op told by the flags; there is room. */
wg_var wg_list_push_inline(wg_tape *tape, const uint32_t *inputs, size_t n, uint32_t flags);

/* A 0-d constant. While tape->sharing_numbers, one that was made before serves again. */
wg_var wg_list_number(wg_tape *tape, double value);

/* Gives an inline node a record. False: out of memory, the error is set. */
bool wg_list_box(wg_tape *tape, uint32_t index, const char *what);

/* Adds a record to the list of those with a gradient. */
void wg_list_hold(wg_tape *tape, wg_record *record);

/* Drops the nodes from length on (tape/tape.c): a rewind, or a function of several nodes that failed midway. */
void wg_list_cut(wg_tape *tape, uint32_t length);

/* ---- values (tape/value.c) -------------------------------------------------------------------------------------- */

/* A node's elements; a lazy op is evaluated now. NULL: the error is set. Inline: valid until the nodes move. */
const void *wg_node_value_any(wg_tape *tape, uint32_t index, const char *what);
static inline const void *wg_node_value(wg_tape *tape, uint32_t index, const char *what)
{
    const wg_node *node = &tape->nodes[index];
    return node->flags & WG_NODE_PLAIN ? node->record->value : wg_node_value_any(tape, index, what);
}

/* A node as an operand of an op with those flags, data included. False: the error is set. */
bool wg_node_operand_any(wg_tape *tape, uint32_t index, unsigned op_flags, const char *what, wg_array *array);
static inline bool wg_node_operand(
    wg_tape *tape, uint32_t index, unsigned op_flags, const char *what, wg_array *operand)
{
    const wg_node *node = &tape->nodes[index];
    if (!(node->flags & WG_NODE_PLAIN)) return wg_node_operand_any(tape, index, op_flags, what, operand);
    const wg_interned *shape = node->record->shape;
    *operand = (wg_array){&shape->shape, shape->size, node->record->value, node->flags & WG_NODE_INDICES, false};
    return true;
}

/* A call of an op whose operands stand in `in`, its result still unknown. A shape rule may count on rank 0. */
static inline void wg_call_open(wg_call *call, wg_tape *tape, const wg_op *op, const wg_array *in, size_t n,
    const void *attributes, size_t attributes_size)
{
    call->tape = tape;
    call->op = op;
    call->dtype = tape->dtype;
    call->in = in;
    call->n = n;
    call->attributes = attributes_size ? attributes : NULL;
    call->attributes_size = attributes_size;
    call->shape.rank = 0;
    call->indices = false;
    call->out = NULL;
    call->add = false;
    call->inputs = NULL;
    call->scratch = NULL;
}

/* The element of operand 0 at which the result begins, by the op's view rule; SIZE_MAX when it is to be evaluated, or on
 * an error. The shape is known, and its size does not overflow. */
size_t wg_call_view(wg_call *call);

/* Takes and gives back what one wg_call_scratch of that size would. */
wg_status wg_call_rehearse_scratch(wg_call *call, size_t bytes);

/* Runs an op's evaluation, then frees its scratch and, with check_finite, looks at the result. */
wg_status wg_call_evaluate(wg_call *call);

/* The position of the first element that is not finite, or size. */
size_t wg_first_not_finite(wg_dtype dtype, const void *data, size_t size);

/* wg_apply with the value given (value not NULL: no evaluation). */
wg_var wg_list_apply(
    wg_tape *tape, const wg_op *op, const wg_var *in, size_t n, const void *attributes, size_t size, const void *value);

#endif
