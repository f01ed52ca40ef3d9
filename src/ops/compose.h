/* Functions that record several ops and are one op to their caller: they check their arguments like an op, name
 * themselves in every error, and leave nothing behind when a step fails. */
#ifndef WG_OPS_COMPOSE_H
#define WG_OPS_COMPOSE_H

#include "tape/list.h"

typedef struct wg_composition {
    wg_tape *tape;
    uint32_t length; /* of the tape before the first step */
    const char *name;
} wg_composition;

/* Checks the n arguments as an op of that name would: valid, of one healthy tape, fresh, and numbers; bit k of indices says
 * that argument k may be an index var. False: the error is set, and there is nothing to close. */
bool wg_compose_open(wg_composition *c, const char *name, const wg_var *in, size_t n, unsigned indices);

/* Whether an optional argument is there: a {0} var says that it is not. An invalid var of a tape is an error, as always. To
 * wg_compose_open a missing one is given as some other argument, so that the numbers in messages are right. */
static inline bool wg_compose_given(wg_var optional) { return optional.tape; }

/* Finds x's axis, counted from the end when it is negative; marks n axes in mask (WG_MAX_RANK entries). False: the error is
 * set, as an op of that name would. */
bool wg_compose_axis(const wg_composition *c, wg_var x, int axis, uint32_t *found);
bool wg_compose_axes(const wg_composition *c, wg_var x, const int *axes, size_t n, bool *mask);

/* The result, or an invalid var after an error of any step, whose message then begins with the composition's name. */
wg_var wg_compose_close(const wg_composition *c, wg_var result);

/* The same for several results: outputs[0..n-1] are made invalid after an error. */
wg_status wg_compose_close_all(const wg_composition *c, wg_var *outputs, size_t n);

#endif
