/* Looking at a tape from outside: what its nodes are, how they hang together, what flows through them in a reverse
 * sweep, and the whole of it written out as text, JSON or a Graphviz graph. Nothing here changes a value. */
#ifndef WENGERT_INSPECT_H
#define WENGERT_INSPECT_H

#include "op.h"
#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- nodes ------------------------------------------------------------------------------------------------------ */

/* What a node is, in wg_node_info.flags. */
enum {
    WG_IS_LEAF = 1,      /* not computed by an op */
    WG_IS_VARIABLE = 2,  /* a leaf with a gradient */
    WG_IS_INDICES = 4,   /* int64_t elements */
    WG_DEPENDS = 8,      /* a variable, or computed from one; to an observer: one of wrt, or computed from one */
    WG_IS_STALE = 16,    /* a leaf below was changed since */
    WG_IS_RETAINED = 32, /* an intermediate with a gradient of its own */
    WG_IS_VIEW = 64      /* shares the elements of its input */
};

/* One node of a tape. The pointers live as long as the node; name until it is named anew. */
typedef struct wg_node_info {
    const wg_op *op;  /* NULL: a leaf */
    const char *kind; /* the op's name, or "variable", "constant", "indices" */
    const char *name; /* as given by wg_name; NULL: none */
    wg_shape shape;
    unsigned flags;         /* WG_IS_..., WG_DEPENDS */
    size_t inputs;          /* how many; wg_node_input reads them */
    const void *attributes; /* as given to wg_apply; NULL: none */
    size_t attributes_size;
} wg_node_info;

/* The number of nodes on the tape; 0 for NULL. Never sets an error. */
WG_API size_t wg_node_count(const wg_tape *tape);

/* Node i, in the order of recording; an invalid var when there is none. Never sets an error. */
WG_API wg_var wg_node_at(wg_tape *tape, size_t i);

/* Describes a node. An invalid var is WG_ERROR_ARGUMENT; a stale one can be read. */
WG_API wg_status wg_node_read(wg_var node, wg_node_info *info);

/* Input k of a node, or an invalid var when it has none such. Never sets an error. */
WG_API wg_var wg_node_input(wg_var node, size_t k);

/* A node's attributes in words, such as "axis=1 keepdims=true"; "" for none; "12 bytes" where its op does not say.
 * Writes at most size bytes, the end included, and returns the length it has in full, as snprintf does. */
WG_API size_t wg_node_attributes(wg_var node, char *text, size_t size);

/* Records a node again: the same op and attributes, on a tape that may be another one and of the other dtype, applied
 * to that tape's vars in[0..n-1]. A leaf (n = 0) is copied with its kind and its numbers, converted. An op without an
 * evaluation, such as wg_precomputed's, keeps the node's value, which must not be stale. The copy has the node's name, if
 * it has one. Errors are those of wg_apply, on either tape.
 *
 * On another tape a checkpoint is copied as the ops that its function records, so it is run for that, on its own tape,
 * which must not be in error or busy; and its copy may be several nodes, of which the last is returned, or none, if
 * the function hands back one of its arguments. A guard's copy is an error, WG_ERROR_GUARD, if its condition comes out
 * otherwise there. Nobody computes with a guard, so a copy of what leads to some value can leave them out. A normalisation
 * with weights, which is one op for speed, is copied there as the ops of which it is made. */
WG_API wg_var wg_node_copy(wg_tape *tape, wg_var node, const wg_var *in, size_t n);

/* A node as a formula in the names that values were given: "W2 @ A1 + b2" for a node below which W2, A1 and b2 are
 * named. Unnamed leaves of size 1 are their number, other unnamed leaves their kind; beyond a few ops deep it is cut
 * short with "...". The node's own name is not used. Writes and returns as snprintf does. */
WG_API size_t wg_node_formula(wg_var node, char *text, size_t size);

/* ---- observing a sweep ------------------------------------------------------------------------------------------ */

/* One step of a reverse sweep: what the result of an op passes to one of its inputs. An input that is there twice has
 * two edges. */
typedef struct wg_edge {
    wg_var from;         /* the result of the op */
    wg_var to;           /* its input ... */
    size_t position;     /* ... number position, from 0 */
    const void *adjoint; /* of from, complete; of its shape, in the tape's dtype */
    void *contribution;  /* to the adjoint of to, of its shape. Writing to it replaces it */
} wg_edge;

/* What to call in a sweep; members may be NULL. Returning another status than WG_OK stops the sweep with it: the tape's
 * error, unless it has one, is "wg_observe: stopped by the observer". Within a call the tape is busy: its values can be
 * read, but nothing recorded, named, replayed, rewound, swept or freed; trying is an error, which stops the sweep. */
typedef struct wg_observer {
    /* A value's adjoint is complete and about to be passed on. Writing to it replaces it, in gradients too. Called for
     * each result of an op that the sweep reaches, and for each leaf among wrt that it reaches, in falling order, out
     * first. */
    wg_status (*node)(void *user, wg_var node, void *adjoint);
    /* A contribution is about to be added to its input's adjoint. Called after node for the op's result, for each input
     * to which something flows: not for indices and conditions, nor for what does not depend on wrt. A checkpoint is one
     * op here: what its function records is not shown, and an input has one edge for all its uses there. */
    wg_status (*edge)(void *user, const wg_edge *edge);
    void *user;
} wg_observer;

/* A reverse sweep from out for the values wrt, with every step shown to the observer. cotangent has out's shape and
 * the tape's dtype; NULL: ones. gradients, unless NULL, gets the derivatives with respect to wrt[0], wrt[1], ..., one
 * after the other, zeros where nothing arrives. wrt may be any values on the tape; the sweep passes through what
 * depends on them, and touches no gradient of the tape's. Contributions are made apart and then added, so sums may
 * differ from wg_backward's in the last bits, and each costs memory and time of its input's size, also where the op
 * touches a small part of that. observer may be NULL: then it is a sweep like any other. Errors as wg_jacobian's, and
 * the observer's. Memory is taken as the sweep goes, on tapes with a limit or a buffer too; when it ends midway, or
 * the observer stops the sweep, gradients is half written, and the tape is as it was before. */
WG_API wg_status wg_observe(
    wg_var out, const void *cotangent, const wg_var *wrt, size_t n, void *gradients, const wg_observer *observer);

/* ---- writing it out --------------------------------------------------------------------------------------------- */

/* Takes text piece by piece; wg_write_to_file takes a FILE * as user. */
typedef void (*wg_writer)(void *user, const char *text, size_t length);
WG_API void wg_write_to_file(void *file, const char *text, size_t length);

typedef enum wg_dump_format {
    WG_DUMP_TEXT, /* a line a node */
    WG_DUMP_JSON, /* {"dtype": "f64", "nodes": [{"index": 0, "kind": "variable", "name": "W1", "shape": [5, 3], ...}]} */
    WG_DUMP_DOT   /* for Graphviz */
} wg_dump_format;

/* Writes out the whole tape. Values are not evaluated or changed. */
WG_API wg_status wg_dump(wg_tape *tape, wg_dump_format format, wg_writer write, void *user);

/* Writes out the reverse sweep from a scalar (size 1; WG_ERROR_SHAPE otherwise) for the values wrt, step by step: a line
 * for each named value and each of wrt, in the order in which their adjoints are complete, with the formula by which it
 * is derived from those before, its shape and its Euclidean norm:
 *
 *     dZ1 = dA1 * A1 * (1 - A1)   (5,100)   |dZ1| = 0.0123
 *
 * The formulas come from the tape: what lies between named values is differentiated by wg_vjp on a tape of its own, in
 * double, and its recording is printed, with numbers multiplied out; what is equal but for rounding, or at single points,
 * counts as equal. The norms are of the sweep on the caller's tape, on which nothing is left. Long formulas are taken
 * apart: what they use stands in a line before, as t1, t2, and so on. Of values with the same name the second one is
 * called h#2; one of wrt without a name wrt[0]. Where an op's derivative is given as numbers, the line says "(by
 * <op>'s own derivative)". Needs malloc. Errors as wg_observe's. */
WG_API wg_status wg_explain(wg_var scalar, const wg_var *wrt, size_t n, wg_writer write, void *user);

/* The same as JSON, with the forward pass and all numbers:
 *
 *     {"scalar": "L", "dtype": "f64",
 *      "forward": [{"name": "Z1", "kind": "add", "formula": "W1 @ X + b1", "inputs": ["W1", "X", "b1"],
 *          "shape": [5, 100], "value": [...]}, ...],
 *      "backward": [{"name": "dZ1", "of": "Z1", "formula": "dA1 * A1 * (1 - A1)", "from": ["A1"], "wrt": false,
 *          "shape": [5, 100], "norm": 0.0123, "adjoint": [...]}, ...]}
 *
 * forward has every value with a name that scalar depends on, wrt and scalar, in the order of recording; a leaf has
 * kind "variable", "constant" or "indices", no inputs, and the formula null. backward has the steps in wg_explain's
 * order; "from" are the values whose adjoints it is made of. A step without "of" is a part, t1, of formulas after it,
 * with "value" for "adjoint". Numbers that are not finite are null. */
WG_API wg_status wg_explain_json(wg_var scalar, const wg_var *wrt, size_t n, wg_writer write, void *user);

#ifdef __cplusplus
}
#endif

#endif
