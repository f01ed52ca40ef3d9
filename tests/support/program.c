/* Random programs: see program.h. */
#include "support/program.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <string.h>

/* ---- ops ---------------------------------------------------------------------------------------------------------- */

/* How many ops there are: the first, the matrices', those that move elements, the others; the last of all detaches. */
enum { FIRST = 21, MATRICES = 9, MOVES = 14, OTHERS = 16, OPS = FIRST + MATRICES + MOVES + OTHERS + 1 };

/* One step. What doesn't fit the shapes becomes something that does. */
static wg_var program_first_ops(wg_tape *t, int op, wg_var a, wg_var b)
{
    wg_shape shape = wg_shape_of(a), other = wg_shape_of(b);
    switch (op) {
    case 0:
        return wg_sin(wg_mul(wg_sum(a), wg_mean(b)));
    case 1:
        return wg_tanh(wg_sub(a, wg_mean(b)));
    case 2:
        return wg_sigmoid(a);
    case 3:
        return wg_cos(a);
    case 4:
        return wg_softplus(wg_neg(a));
    case 5:
        return wg_div(a, wg_add(wg_scalar(t, 2), wg_square(wg_mean(b))));
    case 6:
        return wg_sqrt(wg_add(wg_square(a), wg_scalar(t, 0.5)));
    case 7:
        return wg_log1p(wg_exp(wg_tanh(a)));
    case 8:
        return wg_reshape(a, (wg_shape){1, {wg_size(a)}});
    case 9:
        return shape.rank >= 2 ? wg_transpose(a) : wg_expm1(wg_tanh(a));
    case 10:
        return shape.rank >= 1 ? wg_slice(a, -1, 0, WG_END, 2) : wg_reciprocal(wg_add(wg_scalar(t, 3), wg_sin(a)));
    case 11:
        return shape.rank >= 1 ? wg_slice(a, 0, WG_END, WG_END, -1) : wg_neg(a);
    case 12:
        return shape.rank >= 1 ? wg_concat((wg_var[]){a, a}, wg_size(a) > ELEMENTS ? 1 : 2, 0) : wg_sin(a);
    case 13: /* a matrix product with the transpose: any two arrays with rows of one length */
        if (shape.rank == 2 && other.rank == 2 && shape.dim[1] == other.dim[1])
            return wg_tanh(wg_matmul(a, wg_transpose(b)));
        return shape.rank == 2 ? wg_tanh(wg_matmul(wg_transpose(a), a)) : wg_cos(a);
    case 14:
        return shape.rank == 1 && other.rank == 1 && shape.dim[0] == other.dim[0] ? wg_sin(wg_matmul(a, b))
                                                                                  : wg_tanh(a);
    case 15:
        return shape.rank >= 1 ? wg_mean_axes(a, WG_AXES(-1), true) : wg_square(wg_sin(a));
    case 16:
        return shape.rank >= 1 ? wg_sin(wg_sum_axes(a, WG_AXES(0), false)) : wg_cos(a);
    case 17:
        return wg_mse(a, wg_sin(a), WG_MEAN);
    case 18:
        return wg_pow(wg_add(wg_scalar(t, 1.5), wg_sin(a)), wg_tanh(wg_mean(b)));
    case 19:
        return wg_where(
            wg_constant_f64(t, WG_SCALAR, &(double){1}), wg_sin(a), wg_log(wg_constant_f64(t, WG_SCALAR, NULL)));
    case 20:
        return wg_broadcast_to(wg_mean(a), shape);
    default:
        return wg_broadcast_to(wg_mean(a), shape);
    }
}

/* A square matrix that is far from singular, with eigenvalues between 1 and 7: 4 1 + tanh(m m^T), at most 3 x 3. */
static wg_var program_square(wg_tape *t, wg_var a)
{
    wg_shape shape = wg_shape_of(a);
    size_t n = shape.rank ? shape.dim[shape.rank - 1] : 1;
    wg_var rows = wg_reshape(a, WG_DIMS(n ? wg_size(a) / n : 0, n));
    n = n > 3 ? 3 : n;
    rows = wg_slice(wg_transpose(rows), 0, 0, (ptrdiff_t)n, 1);
    wg_var four = wg_diag(wg_broadcast_to(wg_scalar(t, 4), WG_DIMS(n)), 0);
    return wg_add(four, wg_tanh(wg_matmul(rows, wg_transpose(rows))));
}

static wg_var program_matrices(wg_tape *t, int op, wg_var a, wg_var b)
{
    wg_var m = program_square(t, a), flat = wg_reshape(wg_tanh(b), WG_DIMS(wg_size(b))), u[2];
    size_t n = wg_shape_of(m).dim[0];
    wg_var column = wg_slice(wg_tile(flat, (size_t[]){n}, 1), 0, 0, (ptrdiff_t)n, 1);
    switch (op) {
    case 0:
        return wg_solve(m, column);
    case 1:
        return wg_inv(m);
    case 2:
        return wg_log(wg_det(m));
    case 3:
        return wg_cholesky(m);
    case 4:
        return wg_triangular_solve(m, wg_outer(column, column), false, true, false);
    case 5:
        return wg_slogdet(m, &u[0], &u[1]) == WG_OK ? u[1] : u[0];
    case 6:
        return wg_einsum("ij,j,kj->ki", (wg_var[]){wg_tanh(m), column, wg_tanh(m)}, 3);
    case 7:
        return wg_qr(m, &u[0], &u[1]) == WG_OK ? wg_tanh(wg_mul(u[0], u[1])) : u[0];
    default:
        return wg_sin(wg_outer(column, wg_mul(column, wg_dot(column, column))));
    }
}

/* b's numbers among a's, moved: a is an array, cut where it would grow beyond ELEMENTS. */
static wg_var program_moves(wg_tape *t, int op, wg_var a, wg_var b)
{
    if (!wg_shape_of(a).rank) a = wg_reshape(a, WG_DIMS(1));
    if (wg_size(a) > ELEMENTS / 4) a = wg_slice(a, 0, 0, 2, 1);
    wg_shape shape = wg_shape_of(a);
    ptrdiff_t n = (ptrdiff_t)shape.dim[0], most = 4;
    wg_var last = wg_indices(t, WG_DIMS(3), (int64_t[]){n - 1, 0, n - 1}), rows = wg_slice(a, 0, 0, most, 1);
    bool wide = wg_size(a) > ELEMENTS / 4;
    switch (op) {
    case 0:
        return wg_take(a, last, 0);
    case 1:
        return wg_flip(a, (int[]){0, -1}, shape.rank > 1 ? 2 : 1);
    case 2:
        return wg_roll(a, 2, -1);
    case 3:
        return wide ? wg_sin(a) : wg_tile(a, (size_t[]){2}, 1);
    case 4:
        return wg_repeat(rows, wide ? 1 : 2, 0);
    case 5:
        return shape.rank < 3 && !wide ? wg_stack((wg_var[]){a, wg_cos(a)}, 2, -1) : wg_cos(a);
    case 6:
        return wg_pad(wide ? wg_mean(a) : wg_flatten(a, 0, -1), wide ? NULL : (size_t[]){1, 2}, wide ? 0 : 2,
            wg_size(a) > 2 ? WG_PAD_REFLECT : WG_PAD_REPLICATE, 0);
    case 7:
        return wg_pad(wide ? wg_mean(a) : wg_flatten(a, 0, -1), wide ? NULL : (size_t[]){0, 1}, wide ? 0 : 2,
            WG_PAD_CONSTANT, 0.5);
    case 8:
        return shape.rank > 1 ? wg_tril(a, 0) : wg_cumsum(wg_sin(a), 0);
    case 9:
        return shape.rank > 1 ? wg_diagonal(a, 0) : wg_diag(wg_slice(a, 0, 0, most, 1), 0);
    case 10:
        return wg_index_add(wg_sin(a), wg_slice(last, 0, 1, 3, 1),
            wg_stack((wg_var[]){wg_select(a, 0, 0), wg_select(a, 0, -1)}, 2, 0), 0);
    case 11:
        return shape.rank > 1 ? wg_moveaxis(a, 0, -1) : wg_unsqueeze(wg_tanh(a), 0);
    case 12:
        return wg_set_rows(
            a, wg_slice(last, 0, 0, 1, 1), wg_broadcast_to(wg_mean(b), wg_shape_of(wg_slice(a, 0, 0, 1, 1))));
    default:
        return wg_masked_fill(a, wg_constant_f64(t, WG_DIMS(1), &(double){n > 2}), 0.25);
    }
}

static wg_var program_others(wg_tape *t, int op, wg_var a, wg_var b)
{
    wg_shape shape = wg_shape_of(a);
    size_t size = wg_size(a);
    wg_var tame = wg_sin(a), flat = wg_reshape(tame, WG_DIMS(1, 1, size)), two = wg_scalar(t, 2);
    wg_var kernel =
        wg_reshape(wg_slice(wg_tile(wg_flatten(wg_tanh(b), 0, -1), (size_t[]){3}, 1), 0, 0, 3, 1), WG_DIMS(1, 1, 3));
    switch (op) {
    case 0:
        return shape.rank ? wg_softmax(a, 0) : wg_silu(tame);
    case 1:
        return shape.rank ? wg_tanh(wg_log_softmax(a, -1)) : wg_gelu(tame);
    case 2:
        return shape.rank ? wg_logsumexp_axes(tame, WG_AXES(0), false) : wg_mish(tame);
    case 3:
        return wg_variance(tame, 0);
    case 4:
        return shape.rank ? wg_std_axes(wg_pad(tame, (size_t[]){0, 2}, 2, WG_PAD_CONSTANT, 3), WG_AXES(-1), true, 0)
                          : wg_erf(a);
    case 5:
        return shape.rank ? wg_cumprod(tame, 0) : wg_atan(a);
    case 6:
        return shape.rank ? wg_logcumsumexp(tame, -1) : wg_asinh(a);
    case 7:
        return shape.rank ? wg_prod_axes(tame, WG_AXES(-1), false) : wg_lgamma(wg_add(two, tame));
    case 8:
        return wg_norm(wg_add(two, tame));
    case 9:
        return wg_tanh(wg_conv1d(flat, kernel, &(wg_conv_options){.padding = {2}}));
    case 10:
        return wg_tanh(wg_conv_transpose1d(wg_slice(flat, 2, 0, 8, 1), kernel, NULL));
    case 11:
        return wg_avg_pool1d(flat, &(wg_pool_options){.kernel = {size > 1 ? 2 : 1}});
    case 12:
        return wg_upsample_linear(flat, (size_t[]){5}, 1, false);
    case 13:
        return wg_atan2(tame, wg_add(two, wg_mean(wg_cos(b))));
    case 14:
        return wg_fma(tame, wg_mean(wg_tanh(b)), wg_logaddexp(tame, wg_neg(tame)));
    default:
        return wg_lerp(tame, wg_erf(a), wg_sigmoid(wg_mean(b)));
    }
}

static wg_var program_op(wg_tape *t, int op, wg_var a, wg_var b)
{
    assert_string_equal(wg_tape_message(t), "");
    if (op < FIRST) return program_first_ops(t, op, a, b);
    if ((op -= FIRST) < MATRICES) return program_matrices(t, op, a, b);
    if ((op -= MATRICES) < MOVES) return program_moves(t, op, a, b);
    if ((op -= MOVES) < OTHERS) return program_others(t, op, a, b);
    return wg_add(wg_detach(wg_mean(b)), a);
}

/* ---- programs ------------------------------------------------------------------------------------------------------ */

void program_write(program *p, uint64_t seed)
{
    random_state r = {seed * 7919 + 1};
    for (int i = 0; i < 8; i++) random_below(&r, 2);
    for (int k = 0; k < LEAVES; k++) {
        wg_shape shape = {.rank = (uint32_t)random_below(&r, 4)};
        for (uint32_t d = 0; d < shape.rank; d++) shape.dim[d] = 1 + random_below(&r, 3);
        if (k == 0) shape = (wg_shape){0};
        p->shape[k] = shape;
        for (int i = 0; i < ELEMENTS; i++) p->value[k][i] = 2 * random_unit(&r) - 1;
    }
    for (size_t i = 0; i < STEPS; i++) { /* mostly recent values, so that chains grow deep */
        step *s = &p->steps[i];
        *s = (step){.op = (int)random_below(&r, OPS), .then = NO_OP};
        if (random_below(&r, 3) == 0) s->then = (int)random_below(&r, OPS - 1);
        s->a = (uint32_t)(LEAVES + i - 1 - random_below(&r, 4));
        s->b = (uint32_t)random_below(&r, LEAVES + i);
    }
}

bool program_detaches(const program *p)
{
    for (int i = 0; i < STEPS; i++)
        if (p->steps[i].op == OPS - 1) return true;
    return false;
}

void program_leaves(const program *p, wg_tape *t, wg_var *leaves)
{
    for (int k = 0; k < LEAVES; k++) leaves[k] = wg_variable_f64(t, p->shape[k], p->value[k]);
}

/* What may be done to values between ops without any effect. */
static void program_meddle(wg_var v, random_state *r)
{
    switch (random_below(r, 8)) {
    case 0:
        assert_non_null(wg_value(v));
        break;
    case 1:
        wg_name(v, "meddled");
        break;
    case 2:
        wg_item(wg_sum(v));
        break;
    case 3:
        wg_retain_grad(v); /* may be an error: no derivative reaches it */
        wg_tape_clear_error(v.tape);
        break;
    default:
        break;
    }
}

/* A step, as wg_checkpoint takes a function: in holds its a and b. */
static wg_var program_plain_step(wg_tape *t, void *user, const wg_var *in, size_t n)
{
    (void)n;
    const step *s = user;
    wg_var y = program_op(t, s->op, in[0], in[1]);
    return s->then == NO_OP ? y : program_op(t, s->then, y, in[1]);
}

static wg_var program_first_of_step(wg_tape *t, void *user, const wg_var *in, size_t n)
{
    (void)n;
    return program_op(t, ((const step *)user)->op, in[0], in[1]);
}

/* The same with a checkpoint inside, around the first of two ops. */
static wg_var program_nested_step(wg_tape *t, void *user, const wg_var *in, size_t n)
{
    step *s = user;
    if (s->then == NO_OP) return wg_checkpoint(t, program_plain_step, user, in, n);
    wg_var y = wg_checkpoint(t, program_first_of_step, user, in, n);
    return program_op(t, s->then, y, in[1]);
}

wg_var program_run(const program *p, wg_tape *t, const wg_var *leaves, manner how, wg_var *values)
{
    wg_var own[VALUES], *v = values ? values : own, total = wg_scalar(t, 0);
    memcpy(v, leaves, LEAVES * sizeof *v);
    for (int i = 0; i < STEPS; i++) {
        const step *s = &p->steps[i];
        wg_var in[] = {v[s->a], v[s->b]};
        size_t kind = how.checkpoints ? random_below(how.random, 3) : 0;
        v[LEAVES + i] = kind ? wg_checkpoint(t, kind == 1 ? program_plain_step : program_nested_step, (void *)s, in, 2)
                             : program_plain_step(t, (void *)s, in, 2);
        assert_string_equal(wg_tape_message(t), "");
        if (how.meddling) program_meddle(v[LEAVES + i], how.random);
    }
    for (int i = LEAVES; i < VALUES; i++) total = wg_add(total, wg_mean(v[i]));
    assert_string_equal(wg_tape_message(t), "");
    return total;
}
