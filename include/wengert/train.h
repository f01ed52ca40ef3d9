/* Training: a step of gradient descent that is one with the reverse sweep.
 *
 * A loop of one's own, over wg_backward, wg_grad and wg_value_mut, can be any optimizer. Plain gradient descent has a shorter
 * way: a sweep is linear in the number it starts from, so one that starts from -rate carries the changes themselves down the
 * tape, and they are added to the values without a gradient in between:
 *
 *     wg_mark mark = wg_tape_mark(tape);
 *     for (int step = 0; step < steps; step++) {
 *         wg_var loss = wg_mse(network(X), Y, WG_MEAN);
 *         if (wg_sgd_step(loss, 0.1)) break;
 *         wg_tape_rewind(tape, mark);
 *     }
 */
#ifndef WENGERT_TRAIN_H
#define WENGERT_TRAIN_H

#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Subtracts rate times d loss / d variable from the value of every variable that loss depends on: what wg_zero_grad,
 * wg_backward and value -= rate * gradient do, to rounding. All changes are made at the end, from values as they were, so a
 * variable may be used many times, transposed, in parts, or in a checkpoint. Gradients are neither read nor changed, retained
 * ones included. The values change as by wg_set_value: what was computed from them, loss too, is stale afterwards, so read
 * the loss before, or replay. A loss that depends on no variable changes nothing, and neither does a rate of 0.
 *
 * Memory: what wg_backward takes, and meanwhile, at most, a copy of the values that change. Where a matrix product alone
 * reaches a variable that is larger than its result, the change is multiplied straight into the value, and it is that
 * product's adjoint that is kept.
 *
 * A rate that is infinite or NaN is WG_ERROR_ARGUMENT; otherwise the errors are those of wg_backward. After an error every
 * value is as it was. With options.check_finite that includes a change that is not finite, WG_ERROR_NONFINITE.
 *
 * H. Robbins, S. Monro, A stochastic approximation method, Ann. Math. Statist. 22, 1951. */
WG_API wg_status wg_sgd_step(wg_var loss, double rate);

#ifdef __cplusplus
}
#endif

#endif
