/* What the losses share: checks of a prediction and a target, and the reductions. */
#ifndef WG_OPS_LOSS_LOSS_H
#define WG_OPS_LOSS_LOSS_H

#include "ops/compose.h"

/* Opens the loss of a prediction and a target of one shape, element by element, and sees that the reduction fits. False: the
 * error is set, and there is nothing to close. */
bool wg_loss_open(wg_composition *c, const char *name, wg_var prediction, wg_var target, wg_reduction reduction);

/* The reduction is one of the three, and fits a prediction of so many positions: the mean is over something, and for
 * WG_BATCH_MEAN there are two axes, of which the one of the samples is given. False: the error is set. */
bool wg_loss_check_reduction(
    const wg_composition *c, wg_var prediction, size_t positions, uint32_t samples_axis, wg_reduction reduction);

/* The loss of all positions from that of each. samples is WG_BATCH_MEAN's divisor. */
wg_var wg_loss_reduce(wg_var each, wg_reduction reduction, size_t samples);

/* wg_loss_reduce for wg_loss_open, and the end of the composition. */
wg_var wg_loss_close(const wg_composition *c, wg_var each, wg_reduction reduction);

#endif
