/* wengert: reverse-mode automatic differentiation for C.
 *
 * The umbrella: includes every public header, in the order in which to read them. A first program:
 *
 *     wg_tape *tape = wg_tape_new(WG_F64);
 *     wg_var x = wg_variable(tape, WG_DIMS(2), (double[]){3, 4});
 *     wg_var r = wg_sqrt(wg_sum(wg_square(x)));
 *     if (wg_backward(r)) fprintf(stderr, "%s\n", wg_tape_message(tape));
 *     else printf("r = %g, dr/dx = (%g, %g)\n", wg_item(r), wg_grad_at(x, 0), wg_grad_at(x, 1));
 *     wg_tape_free(tape);
 */
#ifndef WENGERT_H
#define WENGERT_H

#include "wengert/types.h"
#include "wengert/tape.h"
#include "wengert/ops.h"
#include "wengert/grad.h"
#include "wengert/op.h"
#include "wengert/inspect.h"
#include "wengert/check.h"
#include "wengert/train.h"

#endif
