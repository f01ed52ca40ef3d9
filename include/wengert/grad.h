/* Derivatives: the reverse sweep run on numbers (wg_backward), and the same sweep recorded as ops on the tape
 * (wg_gradients, wg_vjp), whose results can be differentiated again, to any order.
 *
 * Method: reverse accumulation over a Wengert list; A. Griewank and A. Walther, Evaluating Derivatives, 2nd ed., SIAM
 * 2008, chapter 3. The adjoint (cotangent) of a value v is the derivative of the swept result with respect to v. */
#ifndef WENGERT_GRAD_H
#define WENGERT_GRAD_H

#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Adds d loss / d leaf to the gradient of every variable that loss depends on, and likewise to retained
 * intermediates. loss has size 1 (WG_ERROR_SHAPE otherwise); a stale loss is WG_ERROR_STALE. When a sweep fails
 * midway (out of memory, check_finite, an op without a derivative), values are intact, and the gradients that it
 * reached read as an error until wg_zero_grad. */
WG_API wg_status wg_backward(wg_var loss);

/* The same from any out: adds sum_i cotangent[i] d out[i] / d leaf. cotangent holds as many numbers as out has
 * elements, in the tape's dtype; NULL is an error. */
WG_API wg_status wg_backward_from(wg_var out, const void *cotangent);

/* Sets every gradient on the tape to zeros. */
WG_API wg_status wg_zero_grad(wg_tape *tape);

/* Gives an intermediate a gradient of its own, that later sweeps add to and wg_zero_grad zeroes, like a variable's.
 * Nothing to do for a variable; an error for a constant or an index var. */
WG_API wg_status wg_retain_grad(wg_var var);

/* Records d scalar / d wrt[k] for k < n on the tape and stores the vars in grads. scalar has size 1. wrt may be any
 * values on the tape: leaves, constants or intermediates; what scalar does not depend on gets zeros of its shape.
 * Adds nothing to the leaves' gradients. grads may be wrt itself. On failure grads are invalid vars. */
WG_API wg_status wg_gradients(wg_var scalar, const wg_var *wrt, size_t n, wg_var *grads);

/* The same from any out with a cotangent of out's shape, itself a var: records sum_i cotangent[i] d out[i] / d
 * wrt[k], a vector-Jacobian product. */
WG_API wg_status wg_vjp(wg_var out, wg_var cotangent, const wg_var *wrt, size_t n, wg_var *grads);

/* Records the tangent of out, sum_k (d out / d wrt[k]) tangents[k], a Jacobian-vector product, of out's shape. wrt
 * may be any values on the tape, tangents[k] has the shape of wrt[k]; a var given twice gets the sum of its
 * tangents, and what out does not depend on adds nothing. It costs about one more evaluation of what lies between:
 * elementwise, linear and multilinear ops know their tangents, others take the adjoint of their adjoint; a
 * checkpoint's function runs again. On scalars, where an op is a few nanoseconds, it is three to five evaluations.
 * On failure *tangent_out is an invalid var. */
WG_API wg_status wg_jvp(wg_var out, const wg_var *wrt, const wg_var *tangents, size_t n, wg_var *tangent_out);

/* Matrices of derivatives, as numbers of the tape's dtype in the caller's memory. Their columns (and a Hessian's
 * rows) are the elements of wrt[0], then those of wrt[1], and so on: N in all. wrt may be any values on the tape;
 * one that is there twice has its columns twice. Nothing stays on the tape and no gradient is touched.
 *
 * wg_hvp: the Hessian of a scalar (size 1) times v; v and out hold N numbers each, and may be the same. wg_jacobian:
 * size(out) x N, row-major: d out[i] / d wrt[j]. An op whose derivative is numbers only will do. wg_hessian: N x N,
 * row-major, of a scalar.
 *
 * Cost: a Jacobian's row is one sweep, and so are a Hessian's and hvp, through a gradient that is recorded once. A
 * Jacobian with at least four times as many rows as columns is made of columns, each one wg_jvp, if the ops and the
 * memory allow. */
WG_API wg_status wg_hvp(wg_var scalar, const wg_var *wrt, size_t n, const void *v, void *out);
WG_API wg_status wg_jacobian(wg_var out, const wg_var *wrt, size_t n, void *jacobian);
WG_API wg_status wg_hessian(wg_var scalar, const wg_var *wrt, size_t n, void *hessian);

/* f(in), with memory for its result alone: what f records is dropped once it has run, and a sweep runs f again,
 * once, to differentiate it. A chain of n ops in stretches of sqrt(n), a checkpoint around each, so holds about 2
 * sqrt(n) values. f records ops on in[0..n-1] and returns a result of its own; it must record the same ops and
 * shapes each time (otherwise WG_ERROR_ARGUMENT in a sweep, WG_ERROR_GUARD in a replay), so what it reads through
 * user must not change either, and both must outlive the node. Its branches are taken anew each time, on values that
 * wg_item and the like read. An older variable, or what depends on one, that f uses must be among in, and f may make
 * no variable of its own (WG_ERROR_ARGUMENT). Checkpoints nest. wg_vjp, wg_gradients and wg_jvp may be used in f.
 * They pass through it like through any op; what f records then stays on the tape, for further derivatives. */
WG_API wg_var wg_checkpoint(wg_tape *tape, wg_function f, void *user, const wg_var *in, size_t n);

/* The same value, cut off: no derivative passes through the result. */
WG_API wg_var wg_detach(wg_var var);

/* Records the truth of each element of condition (non-zero is true, and NaN is). A replay in which one of them
 * differs stops with WG_ERROR_GUARD: a branch that C took at recording would now go the other way, so record anew.
 * In a checkpointed function it does nothing to a replay: the function runs again, and takes its branches anew. */
WG_API wg_status wg_guard(wg_var condition);

#ifdef __cplusplus
}
#endif

#endif
