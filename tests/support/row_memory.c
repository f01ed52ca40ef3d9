/* Every allocation failing in turn (the method is Lua's and SQLite's). An op and its derivatives, in both readings, are
 * recorded and swept on a tape whose allocator fails: at the nth call alone, then from the nth call on; n counts up until
 * nothing fails. Each failure must be WG_ERROR_MEMORY, must leave no node behind that the failed op recorded, and must
 * leave a tape that, once cleared, does the same work and gives the same gradients. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "support/row.h"

typedef struct failing {
    size_t calls, fail_at; /* counted from 1; 0: never */
    bool from_then_on;
    size_t blocks; /* not released */
} failing;

enum { FAILING_HEADER = 64, FAILING_MARK = 0x5afe };

/* In front of each block stand its size and a mark, to see that it comes back as it went. */
static void *failing_allocate(void *user, size_t size, size_t alignment)
{
    failing *f = user;
    f->calls++;
    if (f->fail_at && (f->from_then_on ? f->calls >= f->fail_at : f->calls == f->fail_at)) return NULL;
    assert_true(alignment <= FAILING_HEADER);
    size_t *header = aligned_alloc(FAILING_HEADER, (size + 2 * FAILING_HEADER - 1) / FAILING_HEADER * FAILING_HEADER);
    assert_non_null(header);
    header[0] = size;
    header[1] = FAILING_MARK;
    f->blocks++;
    return (char *)header + FAILING_HEADER;
}

static void failing_release(void *user, void *block, size_t size)
{
    failing *f = user;
    size_t *header = (size_t *)(void *)((char *)block - FAILING_HEADER);
    assert_int_equal(header[1], FAILING_MARK);
    assert_int_equal(header[0], size);
    header[1] = 0;
    f->blocks--;
    free(header);
}

static size_t failing_nodes(const wg_tape *tape)
{
    wg_stats stats;
    assert_int_equal(wg_tape_stats(tape, &stats), WG_OK);
    return stats.nodes;
}

/* The whole work: false when it failed. */
static bool failing_work(wg_tape *tape, const row_data *data, row_gradient *swept, row_gradient *recorded)
{
    wg_var grads[ROW_INPUTS];
    row_tape t = {.tape = tape};
    row_record(&t, data, &(row_options){.dtype = wg_tape_dtype(tape), .through = true});
    wg_var cotangent = array_leaf(tape, &data->cotangent, true);
    size_t nodes = failing_nodes(tape);
    if (wg_vjp(t.out, cotangent, t.leaf, data->leaves, grads) != WG_OK) {
        assert_int_equal(failing_nodes(tape), nodes);
        return false;
    }
    if (array_backward(t.out, &data->cotangent) != WG_OK) return false;
    for (size_t k = 0; k < data->leaves; k++)
        if (!wg_value(grads[k])) return false;
    for (size_t k = 0; k < data->leaves; k++) {
        swept->of[k] = array_of_grad(t.leaf[k]);
        recorded->of[k] = array_of_value(grads[k]);
    }
    return true;
}

/* The op alone, on a tape that holds its inputs: it fails and records nothing, or it works. True when it failed. */
static bool failing_op(const row_data *data, wg_dtype dtype, failing f)
{
    size_t fail_at = f.fail_at;
    f.fail_at = 0;
    wg_tape_options options = {.dtype = dtype, .allocator = {failing_allocate, failing_release, &f}};
    row_tape t = {.tape = wg_tape_new_with(&options, NULL)};
    assert_non_null(t.tape);
    for (size_t k = 0; k < data->leaves; k++) t.in[k] = t.leaf[k] = array_leaf(t.tape, &data->in[k], true);
    row_healthy(t.tape);
    size_t nodes = failing_nodes(t.tape);
    f.fail_at = f.calls + fail_at;
    wg_var out = row_call(data->row, t.tape, t.in, data->c->n, data->c->user);
    bool failed = !wg_ok(out);
    assert_int_equal(wg_tape_status(t.tape), failed ? WG_ERROR_MEMORY : WG_OK);
    if (failed && !data->row->composite && failing_nodes(t.tape) != nodes)
        fail_msg("%s: the op failed and left %zu nodes", row_where, failing_nodes(t.tape) - nodes);
    f.fail_at = 0;
    wg_tape_clear_error(t.tape);
    if (failed) row_call(data->row, t.tape, t.in, data->c->n, data->c->user);
    row_healthy(t.tape);
    wg_tape_free(t.tape);
    assert_int_equal(f.blocks, 0);
    return failed;
}

static void failing_equal(const row_data *data, row_gradient *got, const row_gradient *expected)
{
    for (size_t k = 0; k < data->leaves; k++) row_near(&got->of[k], &expected->of[k], 0, 0, k);
    row_gradient_free(data, got);
}

/* Fails at one place; true when there was one. */
static bool failing_once(
    const row_data *data, wg_dtype dtype, failing f, const row_gradient *swept, const row_gradient *recorded)
{
    wg_status why = WG_OK;
    row_gradient s, r;
    const size_t fail_at = f.fail_at;
    wg_tape_options options = {.dtype = dtype, .allocator = {failing_allocate, failing_release, &f}};
    wg_tape *tape = wg_tape_new_with(&options, &why);
    if (!tape) {
        assert_int_equal(why, WG_ERROR_MEMORY);
        assert_int_equal(f.blocks, 0);
        return true;
    }
    wg_mark start = wg_tape_mark(tape);
    bool worked = failing_work(tape, data, &s, &r), failed = f.calls >= fail_at;
    if (!worked) {
        assert_int_equal(wg_tape_status(tape), WG_ERROR_MEMORY);
        assert_true(strlen(wg_tape_message(tape)) > 0);
        f.fail_at = 0;
        wg_tape_clear_error(tape);
        wg_zero_grad(tape);
        if (!failing_work(tape, data, &s, &r)) fail_msg("%s: %s", row_where, wg_tape_message(tape));
    }
    f.fail_at = 0;
    failing_equal(data, &s, swept);
    failing_equal(data, &r, recorded);
    assert_int_equal(wg_tape_rewind(tape, start), WG_OK);
    if (!failing_work(tape, data, &s, &r)) fail_msg("%s: %s", row_where, wg_tape_message(tape));
    failing_equal(data, &s, swept);
    failing_equal(data, &r, recorded);
    wg_tape_free(tape);
    assert_int_equal(f.blocks, 0);
    return failed;
}

void row_fail_allocations(const row *r, const row_case *c)
{
    row_data data = row_draw(r, c, false, 5);
    for (int dtype = WG_F32; dtype <= WG_F64; dtype++) {
        row_at(&data, (wg_dtype)dtype, "every allocation failing in turn");
        wg_tape *tape = wg_tape_new((wg_dtype)dtype);
        row_gradient swept, recorded;
        assert_true(failing_work(tape, &data, &swept, &recorded));
        wg_tape_free(tape);
        size_t n[2] = {1, 1};
        for (int then = 0; then < 2; then++)
            while (failing_once(
                &data, (wg_dtype)dtype, (failing){.fail_at = n[then], .from_then_on = then}, &swept, &recorded))
                n[then]++;
        assert_true(n[0] > 3 && n[1] > 3);
        for (size_t m = 1; failing_op(&data, (wg_dtype)dtype, (failing){.fail_at = m, .from_then_on = true}); m++) {}
        print_message(
            "%s %s: %zu allocations made to fail in turn\n", r->name, dtype == WG_F64 ? "F64" : "F32", n[0] - 1);
        row_gradient_free(&data, &swept);
        row_gradient_free(&data, &recorded);
    }
    row_drop(&data);
}

/* ---- bounded memory ---------------------------------------------------------------------------------------------------- */

/* One sweep whose nth allocation fails, and all after it. False when it did not come to that. The sweep begins at the sum of
 * the result and a witness, whose gradient is complete before the op's derivative runs: it tells of a failure midway. */
static bool failing_sweep(const row_data *data, wg_dtype dtype, size_t n)
{
    failing f = {.from_then_on = true};
    wg_tape_options options = {.dtype = dtype, .allocator = {failing_allocate, failing_release, &f}};
    row_tape t = {.tape = wg_tape_new_with(&options, NULL)};
    assert_non_null(t.tape);
    row_record(&t, data, &(row_options){.dtype = dtype, .through = true});
    wg_var leaf[ROW_INPUTS + 1], sum;
    memcpy(leaf, t.leaf, sizeof t.leaf);
    leaf[data->leaves] = array_leaf(t.tape, &data->cotangent, true);
    sum = wg_add(t.out, leaf[data->leaves]);
    row_healthy(t.tape);
    f.fail_at = f.calls + n;
    wg_status status = array_backward(sum, &data->cotangent);
    if (status != WG_OK) {
        assert_int_equal(status, WG_ERROR_MEMORY);
        wg_tape_clear_error(t.tape);
        for (size_t k = 0; k <= data->leaves; k++)
            for (size_t i = 0; i < wg_size(leaf[k]); i++)
                if (wg_grad_at(leaf[k], i) != 0)
                    fail_msg("%s: leaf %zu's gradient was touched before allocation %zu", row_where, k, n);
        row_healthy(t.tape);
    }
    wg_tape_free(t.tape);
    assert_int_equal(f.blocks, 0);
    return status != WG_OK;
}

void row_check_bounded(const row_data *data, wg_dtype dtype)
{
    row_at(data, dtype, "a sweep without memory");
    for (size_t n = 1; failing_sweep(data, dtype, n); n++) {}
}
