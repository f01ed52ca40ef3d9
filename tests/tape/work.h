/* One piece of work for the memory tests, on everything that takes memory: arrays and scalars, names, addresses, retained
 * gradients, views, lazy transposes with and without a copy, many inputs, attributes, constants, guards, precomputed
 * values, recorded derivatives, sweeps. Its numbers are small integers where nothing else is asked for, and it returns
 * them all. Include it after cmocka.h. */
#ifndef WG_TESTS_TAPE_WORK_H
#define WG_TESTS_TAPE_WORK_H

#include "tape/expect.h"

enum { WORK_PARTS = 12, WORK_NUMBERS = 40 };

/* What stays on the tape while the rest is recorded again and again. */
typedef struct work_leaves {
    wg_var w, x, s, bound;
    double value[3], grad[3]; /* room for either dtype */
} work_leaves;

/* false: the tape is in error. */
static inline bool work_begin(wg_tape *tape, work_leaves *leaves)
{
    *leaves = (work_leaves){.grad = {0, 0, 0}};
    leaves->w = wg_name(wg_variable(tape, WG_DIMS(3, 4), (double[]){1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}), "weights");
    leaves->x = wg_constant(tape, WG_DIMS(4, 20), (double[80]){1, 2, 3, 4});
    leaves->s = wg_scalar_variable(tape, 2);
    leaves->bound = wg_variable_raw(tape, WG_DIMS(3), NULL);
    wg_bind(leaves->bound, leaves->value, leaves->grad);
    wg_set_value(leaves->bound, (float[]){1, 2, 3});
    return wg_tape_status(tape) == WG_OK;
}

/* Sums many slices of an array: an op of many inputs, views, and a wide recorded derivative. */
static inline wg_var work_pieces(wg_var x)
{
    wg_var parts[WORK_PARTS];
    for (size_t k = 0; k < WORK_PARTS; k++)
        parts[k] = wg_slice(wg_reshape(x, WG_DIMS(60)), 0, (ptrdiff_t)(4 * k), (ptrdiff_t)(4 * k + 5), 1);
    return wg_sum(wg_concat(parts, WORK_PARTS, 0));
}

/* The scalar part; s is 2. */
static inline wg_var work_scalars(wg_tape *tape, wg_var s, double *number)
{
    wg_var y = s;
    for (int i = 0; i < 70; i++) y = wg_sub(wg_mul(y, wg_scalar(tape, 2)), s);
    wg_var named = wg_name(wg_square(y), "square of y");
    *number = wg_value(y) ? wg_item(y) : 0; /* in its node until now */
    wg_retain_grad(named);
    wg_var given = wg_precomputed(tape, 5, (wg_var[]){s, named, y}, (double[]){1, 2, 3}, 3);
    wg_guard(wg_less(s, given));
    return wg_add(wg_mul(named, s), given);
}

/* Writes WORK_NUMBERS numbers. false: the tape is in error. */
static inline bool work(wg_tape *tape, const work_leaves *leaves, double *numbers)
{
    memset(numbers, 0, WORK_NUMBERS * sizeof *numbers);
    wg_var turned = wg_transpose(leaves->w), product = wg_matmul(leaves->w, leaves->x);
    wg_retain_grad(product);
    wg_var square = wg_square(product);
    wg_var shifted = wg_add(square, wg_reshape(leaves->bound, WG_DIMS(3, 1)));
    wg_var gram = wg_matmul(wg_transpose(leaves->w), leaves->w), copied = wg_mul(turned, wg_scalar(tape, 3));
    wg_var scalars = work_scalars(tape, leaves->s, numbers + 1);
    wg_var means = wg_mean_axes(wg_maximum(shifted, wg_permute(shifted, WG_AXES(0, 1))), WG_AXES(0), true);
    wg_var loss = wg_add(wg_add(wg_sum(shifted), wg_sum(gram)), wg_add(wg_sum(copied), wg_max(copied)));
    loss = wg_name(wg_add(wg_add(loss, scalars), wg_add(work_pieces(shifted), wg_sum(means))), "loss");
    wg_var late = wg_variable(tape, WG_DIMS(300), (double[300]){1}), both;
    loss = wg_add(loss, wg_sum(wg_mul(wg_square(late), leaves->s)));
    wg_var first, wrt[2] = {leaves->w, late}, grads[2];
    wg_var plain = wg_sum(wg_mul(wg_square(wg_sum_axes(leaves->w, WG_AXES(1), false)), wg_sum(late)));
    if (wg_gradients(plain, wrt, 2, grads) != WG_OK) return false;
    both = wg_add(wg_sum(wg_square(grads[0])), wg_sum(grads[1]));
    if (wg_gradients(both, &leaves->w, 1, &first) != WG_OK) return false;
    loss = wg_add(loss, both);
    if (wg_backward(loss) != WG_OK || wg_backward_from(product, wg_value(product)) != WG_OK) return false;
    numbers[0] = wg_item(loss);
    numbers[2] = wg_grad_at(leaves->s, 0);
    numbers[3] = wg_grad_at(late, 0);
    numbers[4] = wg_at(product, 20);
    for (size_t k = 0; k < 3; k++) numbers[5 + k] = wg_grad_at(leaves->bound, k);
    for (size_t k = 0; k < 12; k++) numbers[8 + k] = wg_grad_at(leaves->w, k);
    for (size_t k = 0; k < 12; k++) numbers[20 + k] = wg_at(first, k);
    for (size_t k = 0; k < 4; k++) numbers[32 + k] = wg_grad_at(product, 20 + k);
    numbers[36] = wg_at(copied, 1);
    return wg_tape_status(tape) == WG_OK;
}

/* Replays the tape with other numbers in a leaf, and with the old ones again. false: the tape is in error. */
static inline bool work_replay(wg_tape *tape, const work_leaves *leaves)
{
    const float other[] = {4, 5, 6}, old[] = {1, 2, 3};
    wg_set_value(leaves->bound, other);
    wg_status status = wg_tape_replay(tape);
    wg_set_value(leaves->bound, old);
    return status == WG_OK && wg_tape_replay(tape) == WG_OK;
}

#endif
