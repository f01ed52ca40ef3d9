/* What a checkpointed function must not do, what is harmless, and memory that runs out. */
#include "grad/checkpointed.h"
#include "support/memory_probe.h"

/* What the function does wrong, by a letter. */
typedef struct wrong {
    char how;
    wg_var older;
    int runs;
    wg_mark mark;
    struct wrong *inner;
} wrong;

static wg_var misuse(wg_tape *t, void *user, const wg_var *in, size_t n)
{
    wrong *w = user;
    w->runs++;
    switch (w->how) {
    case 'u':
        return wg_mul(in[0], w->older);
    case 'o':
        return w->runs > 1 ? wg_cos(in[0]) : wg_sin(in[0]);
    case 'n':
        return wg_checkpoint(t, misuse, w->inner, in, n);
    case 's':
        return wg_sum(wg_broadcast_to(in[0], WG_DIMS((size_t)w->runs)));
    case 'v':
        return wg_mul(in[0], wg_name(wg_scalar_variable(t, 1), "inner"));
    case 'i':
        return wg_indices(t, WG_SCALAR, NULL);
    case 'e':
        return wg_matmul(in[0], in[0]);
    case 'x':
        return (wg_var){0};
    case 'r':
        wg_tape_rewind(t, w->mark);
        break;
    case 'p':
        wg_tape_replay(t);
        break;
    case 'b':
        wg_backward(in[0]);
        break;
    case 'h':
        wg_hvp(in[0], in, n, (double[]){1}, (double[]){0});
        break;
    case 'f':
        wg_tape_free(t);
        break;
    case 'w':
        wg_set_value(in[0], &(double){1});
        break;
    default:
        break;
    }
    return wg_neg(in[0]);
}

static void misuses(wg_dtype dtype)
{
    static const struct {
        char how;
        wg_status status;
        const char *mention;
    } first[] = {{'u', WG_ERROR_ARGUMENT, "uses older (), which needs a gradient"},
        {'v', WG_ERROR_ARGUMENT, "makes a variable, inner"}, {'i', WG_ERROR_ARGUMENT, "indices"},
        {'e', WG_ERROR_SHAPE, "matmul"}, {'x', WG_ERROR_ARGUMENT, "result"}, {'r', WG_ERROR_ARGUMENT, "busy"},
        {'p', WG_ERROR_ARGUMENT, "busy"}, {'b', WG_ERROR_ARGUMENT, "busy"}, {'h', WG_ERROR_ARGUMENT, "busy"},
        {'f', WG_ERROR_ARGUMENT, "busy"}, {'w', WG_ERROR_ARGUMENT, "busy"}};
    wg_tape *t = wg_tape_new(dtype);
    wg_var x = wg_scalar_variable(t, 2), older = wg_name(wg_scalar_variable(t, 3), "older");
    size_t before = nodes_of(t);
    for (size_t i = 0; i < sizeof first / sizeof *first; i++) {
        wrong w = {.how = first[i].how, .older = older, .mark = wg_tape_mark(t)};
        assert_false(wg_ok(wg_checkpoint(t, misuse, &w, &x, 1)));
        EXPECT_ERROR(t, first[i].status, first[i].mention);
        assert_int_equal(nodes_of(t), before);
    }
    for (const char *how = "osn"; *how; how++) {
        wrong inner = {.how = 'o'}, w = {.how = *how, .inner = &inner}; /* n: what is within does something else */
        wg_var y = wg_exp(wg_checkpoint(t, misuse, &w, &x, 1)), g;
        EXPECT_HEALTHY(t);
        wg_zero_grad(t);
        assert_int_equal(wg_backward(y), WG_ERROR_ARGUMENT);
        EXPECT_ERROR(t, WG_ERROR_ARGUMENT, "the same each time");
        wg_gradients(y, &x, 1, &g);
        EXPECT_ERROR(t, WG_ERROR_ARGUMENT, "the same each time");
        size_t nodes = nodes_of(t);
        wg_jvp(y, &x, &x, 1, &g);
        EXPECT_ERROR(t, WG_ERROR_ARGUMENT, "the same each time");
        assert_int_equal(nodes_of(t), nodes);
    }
    wg_zero_grad(t);
    wg_backward(wg_square(x)); /* all is as before */
    EXPECT_GRAD(x, 0, NUMBERS(4));
    wg_checkpoint(t, NULL, NULL, &x, 1);
    EXPECT_ERROR(t, WG_ERROR_ARGUMENT, "NULL");
    wg_checkpoint(t, misuse, NULL, NULL, 1);
    EXPECT_ERROR(t, WG_ERROR_ARGUMENT, "NULL");
    assert_false(wg_ok(wg_checkpoint(NULL, misuse, NULL, NULL, 0)));
    wg_tape_free(t);
}
IN_BOTH(misuses)

/* An older constant, an argument handed back, an older variable that is an argument under another name. */
static void harmless(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new(dtype);
    wg_var x = wg_scalar_variable(t, 2), three = wg_scalar(t, 3), grads[2];
    wrong w = {.how = 'u', .older = three}, own = {.how = 'u', .older = x};
    wg_var y = wg_checkpoint(t, hand_back, NULL, &x, 1), z = wg_checkpoint(t, misuse, &w, &x, 1);
    wg_var s = wg_checkpoint(t, misuse, &own, &x, 1);
    wg_backward(wg_mul(y, z)); /* x (3 x) */
    EXPECT_GRAD(x, 0, NUMBERS(12));
    wg_zero_grad(t);
    wg_backward(s);
    EXPECT_GRAD(x, 0, NUMBERS(4));
    wg_gradients(z, (wg_var[]){three, x}, 2, grads); /* a constant that is no argument can be differentiated for */
    EXPECT_VALUE(grads[0], 0, NUMBERS(2));
    EXPECT_VALUE(grads[1], 0, NUMBERS(3));
    wg_gradients(y, &x, 1, grads);
    EXPECT_VALUE(grads[0], 0, NUMBERS(1));
    wg_tape_free(t);
}
IN_BOTH(harmless)

/* Every allocation fails in turn, in the first run, the sweep, the recorded derivative and the tangent. */
static void out_of_memory(void **state)
{
    (void)state;
    size_t failed = 0;
    for (size_t at = 1;; at++) {
        memory_probe probe = {0};
        wg_tape *t =
            wg_tape_new_with(&(wg_tape_options){.dtype = WG_F64, .allocator = memory_probe_allocator(&probe)}, NULL);
        int steps = 200;
        wg_var in[] = {wg_scalar_variable(t, 2), wg_scalar_variable(t, 5)}, f, g;
        probe.fail_at = probe.calls + at;
        f = wg_checkpoint(t, swing, &steps, in, 2);
        bool fine = wg_backward(f) == WG_OK && wg_gradients(f, in, 1, &g) == WG_OK && wg_jvp(f, in, in, 2, &g) == WG_OK;
        bool reached = probe.calls >= probe.fail_at; /* fine all the same where a smaller block did */
        if (!fine) {
            failed++;
            EXPECT_ERROR(t, WG_ERROR_MEMORY, "");
        }
        probe.fail_at = 0;
        wg_zero_grad(t);
        wg_backward(wg_checkpoint(t, cube, NULL, in, 2));
        EXPECT_GRAD(in[0], 0, NUMBERS(60));
        wg_tape_free(t);
        memory_probe_end(&probe);
        if (!reached) {
            assert_true(fine);
            break;
        }
    }
    print_message("%zu allocations failed in turn\n", failed);
    assert_true(failed > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {BOTH(misuses), BOTH(harmless), cmocka_unit_test(out_of_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
