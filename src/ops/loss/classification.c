/* Losses of classification, each an elementwise op and a reduction: binary cross-entropy of probabilities and of logits, the
 * Kullback-Leibler divergence, hinge. What is delicate in their formulas is in elementwise/rules/losses.h. */
#include "ops/elementwise/elementwise.h"
#include "ops/loss/loss.h"
#include "wengert/ops.h"

wg_var wg_bce(wg_var probabilities, wg_var target, wg_reduction reduction)
{
    wg_composition c;
    if (!wg_loss_open(&c, "bce", probabilities, target, reduction)) return wg_invalid(c.tape);
    return wg_loss_close(&c, wg_ew_step_bce(probabilities, target), reduction);
}

wg_var wg_bce_with_logits(wg_var logits, wg_var target, wg_reduction reduction)
{
    wg_composition c;
    if (!wg_loss_open(&c, "bce_with_logits", logits, target, reduction)) return wg_invalid(c.tape);
    return wg_loss_close(&c, wg_ew_step_bce_with_logits(logits, target), reduction);
}

wg_var wg_kl_div(wg_var log_probabilities, wg_var target, wg_reduction reduction)
{
    wg_composition c;
    if (!wg_loss_open(&c, "kl_div", log_probabilities, target, reduction)) return wg_invalid(c.tape);
    return wg_loss_close(&c, wg_ew_step_kl_div(log_probabilities, target), reduction);
}

wg_var wg_hinge(wg_var prediction, wg_var target, wg_reduction reduction)
{
    wg_composition c;
    if (!wg_loss_open(&c, "hinge", prediction, target, reduction)) return wg_invalid(c.tape);
    wg_var product = wg_mul(prediction, target);
    return wg_loss_close(&c, wg_relu(wg_sub(wg_scalar(c.tape, 1), product)), reduction);
}
