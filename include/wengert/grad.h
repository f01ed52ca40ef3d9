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

/* Adds d loss / d leaf to the gradient of every variable that loss depends on, and likewise to retained intermediates.
 * loss has size 1 (WG_ERROR_SHAPE otherwise); a stale loss is WG_ERROR_STALE. When a sweep fails midway (out of memory,
 * check_finite, an op without a derivative), values are intact, and the gradients that it reached read as an error until
 * wg_zero_grad. */
WG_API wg_status wg_backward(wg_var loss);

/* The same from any out: adds sum_i cotangent[i] d out[i] / d leaf. cotangent holds as many numbers as out has elements,
 * in the tape's dtype; NULL is an error. */
WG_API wg_status wg_backward_from(wg_var out, const void *cotangent);

/* Sets every gradient on the tape to zeros. */
WG_API wg_status wg_zero_grad(wg_tape *tape);

/* Gives an intermediate a gradient of its own, that later sweeps add to and wg_zero_grad zeroes, like a variable's.
 * Nothing to do for a variable; an error for a constant or an index var. */
WG_API wg_status wg_retain_grad(wg_var var);

/* Records d scalar / d wrt[k] for k < n on the tape and stores the vars in grads. scalar has size 1. wrt may be any values
 * on the tape: leaves, constants or intermediates; what scalar does not depend on gets zeros of its shape. Adds nothing to
 * the leaves' gradients. grads may be
 * wrt itself. On failure grads are invalid vars. */
WG_API wg_status wg_gradients(wg_var scalar, const wg_var *wrt, size_t n, wg_var *grads);

/* The same from any out with a cotangent of out's shape, itself a var: records sum_i cotangent[i] d out[i] / d wrt[k], a
 * vector-Jacobian product. */
WG_API wg_status wg_vjp(wg_var out, wg_var cotangent, const wg_var *wrt, size_t n, wg_var *grads);

/* Records the tangent of out, sum_k (d out / d wrt[k]) tangents[k], a Jacobian-vector product, of out's shape. wrt may be any
 * values on the tape, tangents[k] has the shape of wrt[k]; a var given twice gets the sum of its tangents, and what out does
 * not depend on adds nothing. It costs about one more evaluation of what lies between: elementwise, linear and multilinear
 * ops know their tangents, others take the adjoint of their adjoint. */
WG_API wg_status wg_jvp(wg_var out, const wg_var *wrt, const wg_var *tangents, size_t n, wg_var *tangent_out);

/* The same value, cut off: no derivative passes through the result. */
WG_API wg_var wg_detach(wg_var var);

/* Records the truth of each element of condition (non-zero is true, and NaN is). A replay in which one of them differs
 * stops with WG_ERROR_GUARD: a branch that C took at recording would now go the other way, so record anew. */
WG_API wg_status wg_guard(wg_var condition);

#ifdef __cplusplus
}
#endif

#endif
