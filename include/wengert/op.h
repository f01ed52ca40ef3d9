/* Defining an op of one's own. The built-in ops come in through the same door.
 *
 * An op is a constant structure: a name, an arity, a shape rule, an evaluation and a derivative. It has one output.
 * The derivative is written once, as applications of other ops that it gives to its inputs, and is read two ways:
 * run on numbers straight into the adjoints (wg_backward), or recorded on the tape (wg_gradients), which makes
 * derivatives of any order. For z = a b, elementwise:
 *
 *     static void product_derivative(wg_derivation *d)
 *     {
 *         wg_term g = wg_cotangent(d), a = wg_primal(d, 0), b = wg_primal(d, 1);
 *         wg_give(d, 0, wg_op_mul(), (wg_term[]){g, b}, 2, NULL, 0);
 *         wg_give(d, 1, wg_op_mul(), (wg_term[]){g, a}, 2, NULL, 0);
 *     }
 */
#ifndef WENGERT_OP_H
#define WENGERT_OP_H

#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct wg_op wg_op;

/* ---- evaluating ------------------------------------------------------------------------------------------------- */

/* An operand as an op sees it: contiguous and row-major, of the tape's dtype, or int64_t when indices is true. data is
 * NULL while the shape rule runs. */
typedef struct wg_array {
    const wg_shape *shape;
    size_t size;
    const void *data;
    bool indices;
    bool transposed; /* data has the last two axes swapped; seen only by ops with WG_OP_TAKES_TRANSPOSED */
} wg_array;

/* One application of an op. */
typedef struct wg_call {
    wg_tape *tape;
    const wg_op *op;
    wg_dtype dtype;
    const wg_array *in;
    size_t n;
    const void *attributes; /* what wg_apply was given, copied; NULL when it was nothing */
    size_t attributes_size;
    wg_shape shape;         /* of the result: written by the shape rule */
    bool indices;           /* the shape rule sets it when the result is an index var */
    void *out;              /* the result's elements, uninitialised unless add */
    bool add;               /* add to out instead of writing it; only ops with WG_OP_ADDS see it set */
    const uint32_t *inputs; /* the operands' places on the tape; NULL inside a derivation */
    void *scratch;          /* the library's own */
} wg_call;

/* Sets the tape's error to the status and "<op>: <message>", and returns the status: for shape rules and
 * evaluations. */
WG_API wg_status wg_call_fail(const wg_call *call, wg_status status, const char *format, ...) WG_PRINTF_LIKE(3, 4);

/* "W1 (2,3)": an operand's name, if it has one, and its shape. Valid for four calls. */
WG_API const char *wg_call_describe(const wg_call *call, size_t k);

/* Memory for the time of one evaluation, aligned to 64 bytes. NULL, and the tape's error set, when there is none. */
WG_API void *wg_call_scratch(wg_call *call, size_t bytes);

/* ---- differentiating -------------------------------------------------------------------------------------------- */

/* One op's derivative on its way, in either reading. */
typedef struct wg_derivation wg_derivation;

/* A value in a derivation: the cotangent, an input, the result, a number, or the result of a step. An error makes it
 * invalid; invalid terms pass through steps and gives without effect, and the tape keeps the error. */
typedef struct wg_term {
    uint32_t id;
} wg_term;

WG_API wg_term wg_cotangent(wg_derivation *d);        /* the adjoint of the result, of its shape */
WG_API wg_term wg_primal(wg_derivation *d, size_t k); /* input k */
WG_API wg_term wg_result(wg_derivation *d);           /* the result */
WG_API wg_term wg_number(wg_derivation *d, double c); /* a 0-d constant */

/* Whether input k's adjoint is asked for; giving to another is harmless and costs nothing. */
WG_API bool wg_wants(const wg_derivation *d, size_t k);

/* Whether the derivative is being recorded; otherwise it runs on numbers. */
WG_API bool wg_recording(const wg_derivation *d);

/* The application being differentiated: attributes, shapes; its data pointers are NULL. */
WG_API const wg_call *wg_derivation_call(const wg_derivation *d);

/* An application of another op to at most 8 terms, as a term for later steps. */
WG_API wg_term wg_step(
    wg_derivation *d, const wg_op *op, const wg_term *in, size_t n, const void *attributes, size_t attributes_size);

/* Adds an application of another op to input k's adjoint, evaluated straight into it where that op can add. A result
 * that is larger than the input, by NumPy's broadcasting rule, is summed to its shape. */
WG_API void wg_give(wg_derivation *d, size_t k, const wg_op *op, const wg_term *in, size_t n, const void *attributes,
    size_t attributes_size);

/* Adds a term to input k's adjoint. */
WG_API void wg_give_term(wg_derivation *d, size_t k, wg_term term);

/* For a derivative that is only numbers: where to put input k's adjoint, of the input's shape; *add says whether to
 * add or to write. NULL when it isn't wanted, while a sweep rehearses what memory it needs, and when the derivative
 * is being recorded, which sets WG_ERROR_UNSUPPORTED naming the op. */
WG_API void *wg_give_numbers(wg_derivation *d, size_t k, bool *add);

/* A term's elements, or NULL when the derivative is being recorded. */
WG_API const void *wg_term_numbers(wg_derivation *d, wg_term term);

/* A term whose elements the caller fills in, through *elements, before it is used. When the derivative is being
 * recorded, *elements is NULL and the error is that of wg_give_numbers. *elements is NULL, without an error, while a
 * sweep rehearses: fill in nothing, but use the term. */
WG_API wg_term wg_term_of_numbers(wg_derivation *d, const wg_shape *shape, void **elements);

/* A term as a var, and a var as a term, while the derivative is being recorded; invalid otherwise. */
WG_API wg_var wg_term_var(wg_derivation *d, wg_term term);
WG_API wg_term wg_term_of_var(wg_derivation *d, wg_var var);

/* ---- an op ------------------------------------------------------------------------------------------------------ */

#define WG_ANY_ARITY SIZE_MAX

enum {
    WG_OP_ADDS = 1,             /* evaluate can add to its output */
    WG_OP_TAKES_TRANSPOSED = 2, /* evaluate takes operands whose last two axes are swapped in memory */
    WG_OP_CUTS = 4,             /* the result has no derivative: nothing passes to the inputs */
    WG_OP_LAZY = 8,             /* swaps the last two axes of its one input, and is evaluated on its first reading by an
                                   op without WG_OP_TAKES_TRANSPOSED */
    WG_OP_TAKES_INDICES = 16,   /* inputs may be index vars; otherwise one is an error */
    /* A sum over its inputs, taken alone or in groups, each spread over the result in its own way, which the
     * attributes say: f(a, b; A, B) = f(a; A) + f(b; B), where a and b may be several inputs each, such as numbers
     * and the indices at which they belong, and A and B are bytes. Contributions of such an op to one adjoint are
     * recorded as a single application to all their inputs, with all their attributes, one after the other; so many
     * parts of an array cost what they hold. In a sweep on numbers the op is asked to add even where it is the first
     * to reach a gradient that is known to hold zeros: adding should touch the parts alone. */
    WG_OP_JOINS = 32,
    /* Linear in all its numeric inputs together, f(a + b) = f(a) + f(b), as sum and concat are: its tangent is itself,
     * applied to its inputs' tangents. */
    WG_OP_LINEAR = 64,
    /* Linear in each numeric input with the others fixed, as a product is: its tangent is the sum of itself with one
     * input at a time replaced by that input's tangent. */
    WG_OP_MULTILINEAR = 128,
    /* An element of the result depends on the elements of the inputs, broadcast, in its own place alone. Then the
     * derivative with respect to one input, applied to that input's tangent instead of the cotangent, is the tangent
     * of the result. */
    WG_OP_ELEMENTWISE = 256
};

/* The members that a user's op leaves out are zero. */
struct wg_op {
    const char *name;
    size_t arity;                         /* or WG_ANY_ARITY */
    unsigned flags;                       /* WG_OP_... */
    wg_status (*shape)(wg_call *call);    /* checks the inputs' shapes and attributes; writes call->shape */
    wg_status (*evaluate)(wg_call *call); /* NULL: values are given from outside, and a replay is an error */
    void (*derivative)(
        wg_derivation *d); /* NULL: WG_ERROR_UNSUPPORTED when a sweep needs it. On a tape with a memory limit,
                                             a buffer or an allocator of the caller's, wg_backward calls it once or
                                             twice more before the sweep, on zeros, to see what memory it takes */
    size_t (*view)(const wg_call *call); /* the element of input 0 at which the result begins, when it is a contiguous
                                             part of it; SIZE_MAX: it is not, evaluate it. NULL: never a view */
    size_t (*scratch)(const wg_call *call); /* the bytes that evaluate takes by wg_call_scratch, in one piece; with it a
                                             sweep can take all its memory before it begins. NULL: none */
    const void *internal;                   /* the library's own; NULL */
    size_t (*describe)(const wg_call *call, char *text, size_t size); /* attributes in words, "axis=1 keepdims=true",
                                             written and counted as snprintf does; data pointers are NULL, and of the
                                             inputs only the first 8 are there. NULL: not said */
};

/* Applies an op to n vars of the tape. attributes are copied. The op itself must outlive the tape. */
WG_API wg_var wg_apply(wg_tape *tape, const wg_op *op, const wg_var *in, size_t n, const void *attributes, size_t size);

/* A 0-d value computed elsewhere, with its partial derivatives with respect to n vars of size 1. It has numbers only:
 * recording its derivative, or a replay in which an input changed, is WG_ERROR_UNSUPPORTED. */
WG_API wg_var wg_precomputed(wg_tape *tape, double value, const wg_var *in, const double *partials, size_t n);

/* Built-in ops to build derivatives from: elementwise, and the two that undo each other in broadcasting. The
 * attribute of broadcast_to, sum_to and reshape is a wg_shape. */
WG_API const wg_op *wg_op_add(void);
WG_API const wg_op *wg_op_mul(void); /* an exact zero where either factor is, also with options.ieee_zero */
WG_API const wg_op *wg_op_neg(void);
WG_API const wg_op *wg_op_broadcast_to(void);
WG_API const wg_op *wg_op_sum_to(void);
WG_API const wg_op *wg_op_reshape(void);

#ifdef __cplusplus
}
#endif

#endif
