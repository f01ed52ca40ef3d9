/* The reverse sweep in formulas: each line is written down here from the mathematics, and its formula, as recorded, must have
 * the value of the adjoint that the sweep found. */
#include "inspect/text.h"

#include "inspect/explain.h"

enum { MOST = 2000 };
static double numbers[MOST];

/* Numbers without a pattern, between -1 and 1. */
static int fill_numbers(void **state)
{
    (void)state;
    uint64_t x = 88172645463325252u;
    for (size_t i = 0; i < MOST; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        numbers[i] = (double)(int64_t)x / 9223372036854775808.0;
    }
    return 0;
}

static wg_var named_variable(wg_tape *tape, const char *name, wg_shape shape, size_t from)
{
    return wg_name(wg_variable(tape, shape, numbers + from), name);
}

static wg_var named_constant(wg_tape *tape, const char *name, wg_shape shape, size_t from)
{
    return wg_name(wg_constant(tape, shape, numbers + from), name);
}

/* ---- what is expected ------------------------------------------------------------------------------------------------------ */

/* The lines without their norms: "formula   shape" up to "   |", each behind a line break. */
static text lines_of(const text *t)
{
    text lines = {0};
    for (const char *s = t->at; s && *s;) {
        const char *end = strchr(s, '\n'), *bar = end;
        while (bar > s && strncmp(bar, "   |", 4)) bar--;
        text_write(&lines, s, (size_t)(bar - s));
        text_write(&lines, "\n", 1);
        s = end + 1;
    }
    return lines;
}

/* Every recorded adjoint equals the sweep's. Parts of the tolerance: what F32 rounds in the sweep itself. */
static void totals_are_right(wg_var scalar, const wg_var *wrt, size_t n, const char *file, int line)
{
    wg_explanation e;
    double tolerance = wg_tape_dtype(scalar.tape) == WG_F64 ? 1e-12 : 1e-5;
    if (wg_explain_open(&e, scalar, wrt, n, text_write) != WG_OK) _fail(file, line);
    for (size_t k = 0; k < e.lines_count; k++) {
        const wg_explained *value = e.lines[k];
        if (!wg_ok(value->total) || value->own[0]) continue;
        double scale = wg_explain_norm(value->adjoint, value->size);
        for (size_t i = 0; i < value->size; i++) {
            double got = wg_at(value->total, i);
            if (fabs(got - value->adjoint[i]) <= tolerance * scale) continue;
            print_error("d%s[%zu] is %.17g, expected %.17g\n", value->name, i, got, value->adjoint[i]);
            _fail(file, line);
        }
    }
    wg_explain_close(&e);
}

#define EXPLAINS(scalar, wrt, n, expected)                                                                             \
    do {                                                                                                               \
        text whole_ = {0}, lines_;                                                                                     \
        wg_var scalar_ = scalar;                                                                                       \
        HEALTHY(scalar_.tape);                                                                                         \
        assert_int_equal(wg_explain(scalar_, wrt, n, text_write, &whole_), WG_OK);                                     \
        lines_ = lines_of(&whole_);                                                                                    \
        TEXT_IS(&lines_, expected);                                                                                    \
        text_free(&whole_);                                                                                            \
        text_free(&lines_);                                                                                            \
        totals_are_right(scalar_, wrt, n, __FILE__, __LINE__);                                                         \
    } while (0)

/* ---- the 2-layer network ----------------------------------------------------------------------------------------------------- */

typedef struct network {
    wg_tape *tape;
    wg_var parameters[4]; /* W1, b1, W2, b2 */
    wg_var z1, a1, z2, a2, loss;
} network;

static network make_network(wg_dtype dtype)
{
    wg_tape *tape = new_tape(dtype);
    network n = {.tape = tape};
    wg_var x = named_constant(tape, "X", WG_DIMS(3, 100), 0), y = named_constant(tape, "Y", WG_DIMS(2, 100), 300);
    n.parameters[0] = named_variable(tape, "W1", WG_DIMS(5, 3), 500);
    n.parameters[1] = named_variable(tape, "b1", WG_DIMS(5, 1), 520);
    n.parameters[2] = named_variable(tape, "W2", WG_DIMS(2, 5), 530);
    n.parameters[3] = named_variable(tape, "b2", WG_DIMS(2, 1), 540);
    n.z1 = wg_name(wg_add(wg_matmul(n.parameters[0], x), n.parameters[1]), "Z1");
    n.a1 = wg_name(wg_sigmoid(n.z1), "A1");
    n.z2 = wg_name(wg_add(wg_matmul(n.parameters[2], n.a1), n.parameters[3]), "Z2");
    n.a2 = wg_name(wg_sigmoid(n.z2), "A2");
    n.loss = wg_mse(n.a2, y, WG_BATCH_MEAN);
    HEALTHY(tape);
    return n;
}

static void test_network(void **state)
{
    (void)state;
    for (int dtype = 0; dtype < 2; dtype++) {
        network n = make_network(dtype ? WG_F64 : WG_F32);
        EXPLAINS(n.loss, n.parameters, 4,
            "dA2 = 2 / 100 * (A2 - Y)   (2,100)\n"
            "dZ2 = dA2 * A2 * (1 - A2)   (2,100)\n"
            "dW2 = dZ2 @ A1.T   (2,5)\n"
            "db2 = sum(dZ2, axis=1, keepdims=true)   (2,1)\n"
            "dA1 = W2.T @ dZ2   (5,100)\n"
            "dZ1 = dA1 * A1 * (1 - A1)   (5,100)\n"
            "dW1 = dZ1 @ X.T   (5,3)\n"
            "db1 = sum(dZ1, axis=1, keepdims=true)   (5,1)\n");
        wg_tape_free(n.tape);
    }
}

/* The norms are those of the gradients of wg_backward. */
static void test_norms(void **state)
{
    (void)state;
    network n = make_network(WG_F64);
    wg_var of[] = {n.a2, n.z2, n.parameters[2], n.parameters[3], n.a1, n.z1, n.parameters[0], n.parameters[1]};
    text t = {0};
    for (size_t k = 0; k < 8; k++) assert_int_equal(wg_retain_grad(of[k]), WG_OK);
    assert_int_equal(wg_backward(n.loss), WG_OK);
    assert_int_equal(wg_explain(n.loss, n.parameters, 4, text_write, &t), WG_OK);
    const char *line = t.at;
    for (size_t k = 0; k < 8; k++, line = strchr(line, '\n') + 1) {
        char expected[32];
        double sum = 0;
        for (size_t i = 0; i < wg_size(of[k]); i++) sum += wg_grad_at(of[k], i) * wg_grad_at(of[k], i);
        snprintf(expected, sizeof expected, "| = %.4g\n", sqrt(sum));
        if (strncmp(strstr(line, "| = "), expected, strlen(expected))) fail_msg("not %s in %s", expected, line);
    }
    assert_int_equal(*line, '\0');
    text_free(&t);
    wg_tape_free(n.tape);
}

/* The means of the loss: over all elements, the samples, none. */
static void test_reductions(void **state)
{
    (void)state;
    wg_tape *tape = new_tape(WG_F64);
    wg_var a = named_variable(tape, "A", WG_DIMS(2, 7), 0), y = named_constant(tape, "Y", WG_DIMS(2, 7), 20);
    EXPLAINS(wg_mse(a, y, WG_MEAN), &a, 1, "dA = 2 / 14 * (A - Y)   (2,7)\n");
    EXPLAINS(wg_mse(a, y, WG_SUM), &a, 1, "dA = 2 * (A - Y)   (2,7)\n");
    EXPLAINS(wg_mse(y, a, WG_BATCH_MEAN), &a, 1, "dA = 2 / 7 * (A - Y)   (2,7)\n");
    EXPLAINS(wg_l1(a, y, WG_MEAN), &a, 1, "dA = sign(A - Y) / 14   (2,7)\n");
    EXPLAINS(wg_huber(a, y, 1, WG_MEAN), &a, 1, "dA = clamp(A - Y, -1, 1) / 14   (2,7)\n");
    EXPLAINS(wg_bce_with_logits(a, y, WG_BATCH_MEAN), &a, 1, "dA = (sigmoid(A) - Y) / 7   (2,7)\n");
    EXPLAINS(wg_mean(a), &a, 1, "dA = 1 / 14   (2,7)\n");
    EXPLAINS(wg_sum(a), &a, 1, "dA = 1   (2,7)\n");
    EXPLAINS(wg_name(wg_mul(wg_sum(a), wg_scalar(tape, 0.5)), "L"), &a, 1, "dL = 1   ()\ndA = 0.5   (2,7)\n");
    EXPLAINS(wg_sum(wg_transpose(a)), &a, 1, "dA = 1   (2,7)\n");
    EXPLAINS(wg_neg(wg_sum(wg_mul(a, y))), &a, 1, "dA = -Y   (2,7)\n");
    wg_tape_free(tape);
    tape = new_tape(WG_F32); /* numbers are as short as a float allows */
    a = named_variable(tape, "A", WG_DIMS(2, 7), 0);
    EXPLAINS(wg_sum(wg_mul(a, wg_scalar(tape, 0.1))), &a, 1, "dA = 0.1   (2,7)\n");
    wg_tape_free(tape);
}

static void test_classes(void **state)
{
    (void)state;
    wg_tape *tape = new_tape(WG_F64);
    int64_t labels[10] = {0, 1, 2, 3, 3, 2, 1, 0, 2, 2};
    double hot[40] = {0};
    for (size_t i = 0; i < 10; i++) hot[labels[i] * 10 + (int64_t)i] = 1;
    wg_var s = named_variable(tape, "S", WG_DIMS(4, 10), 0), y = wg_name(wg_indices(tape, WG_DIMS(10), labels), "y");
    wg_var t = wg_name(wg_constant(tape, WG_DIMS(4, 10), hot), "T"), u = named_constant(tape, "U", WG_DIMS(4, 10), 99);
    EXPLAINS(wg_cross_entropy(s, y, 0, WG_MEAN), &s, 1, "dS = (softmax(S, axis=0) - one_hot(y)) / 10   (4,10)\n");
    EXPLAINS(wg_cross_entropy(s, t, 0, WG_MEAN), &s, 1, "dS = (softmax(S, axis=0) - T) / 10   (4,10)\n");
    EXPLAINS(wg_cross_entropy(s, t, 0, WG_SUM), &s, 1, "dS = softmax(S, axis=0) - T   (4,10)\n");
    /* whose columns do not sum to 1 */
    EXPLAINS(wg_cross_entropy(s, u, 0, WG_SUM), &s, 1,
        "dS = softmax(S, axis=0) * sum(U, axis=0, keepdims=true) - U   (4,10)\n");
    wg_var p = wg_name(wg_softmax(s, 0), "P"), l = wg_name(wg_log_softmax(s, 0), "LP");
    EXPLAINS(
        wg_sum(wg_mul(p, u)), &s, 1, "dP = U   (4,10)\ndS = (dP - sum(dP * P, axis=0, keepdims=true)) * P   (4,10)\n");
    EXPLAINS(wg_nll(l, y, 0, WG_MEAN), &s, 1,
        "dLP = -one_hot(y) / 10   (4,10)\ndS = dLP - exp(LP) * sum(dLP, axis=0, keepdims=true)   (4,10)\n");
    EXPLAINS(wg_sum(wg_logsumexp_axes(s, WG_AXES(0), false)), &s, 1, "dS = softmax(S, axis=0)   (4,10)\n");
    wg_tape_free(tape);
}

/* ---- single ops ---------------------------------------------------------------------------------------------------------------- */

static wg_var with_slope(wg_var x) { return wg_leaky_relu(x, 0.01); }
static wg_var between(wg_var x) { return wg_clamp(x, -0.5, 0.25); }
static wg_var cube(wg_var x) { return wg_pow(x, wg_scalar(x.tape, 3)); }

static void test_elementwise(void **state)
{
    (void)state;
    static const struct {
        wg_var (*f)(wg_var x);
        const char *formula;
    } rows[] = {{wg_tanh, "dF * (1 - F**2)"}, {wg_sigmoid, "dF * F * (1 - F)"}, {wg_relu, "dF * (Z > 0)"},
        {wg_exp, "dF * F"}, {wg_log, "dF / Z"}, {wg_square, "2 * dF * Z"}, {wg_neg, "-dF"}, {wg_abs, "dF * sign(Z)"},
        {wg_reciprocal, "-dF * F**2"}, {wg_sqrt, "dF / (2 * F)"}, {wg_sin, "dF * cos(Z)"}, {wg_cos, "-dF * sin(Z)"},
        {wg_atan, "dF / (1 + Z**2)"}, {wg_softplus, "dF * sigmoid(Z)"}, {with_slope, "where(Z > 0, dF, 0.01 * dF)"},
        {between, "dF * (Z >= -0.5) * (Z <= 0.25)"}, {cube, "3 * dF * Z**2"},
        {wg_silu, "dF * (sigmoid(Z) + sigmoid(Z) * (1 - sigmoid(Z)) * Z)"},
        {wg_gelu, "dF * (normal_cdf(Z) + normal_pdf(Z) * Z)"}, {wg_transpose, "dF.T"}};
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        wg_tape *tape = new_tape(WG_F64);
        wg_var z = named_variable(tape, "Z", WG_DIMS(3, 3), 40);
        if (rows[k].f == wg_log || rows[k].f == wg_sqrt) z = wg_name(wg_variable(tape, WG_DIMS(1), (double[]){2}), "Z");
        wg_var f = wg_name(rows[k].f(z), "F"), g = named_constant(tape, "G", WG_DIMS(3, 3), 80);
        char expected[256];
        wg_shape shape = wg_shape_of(z);
        snprintf(expected, sizeof expected, "%s\ndZ = %s   (%s)\n",
            shape.rank == 2 ? "dF = G   (3,3)" : "dF = sum(G)   (1)", rows[k].formula, shape.rank == 2 ? "3,3" : "1");
        EXPLAINS(wg_sum(wg_mul(f, g)), &z, 1, expected);
        wg_tape_free(tape);
    }
}

static void test_shapes(void **state)
{
    (void)state;
    wg_tape *tape = new_tape(WG_F64);
    wg_var a = named_variable(tape, "A", WG_DIMS(3, 4), 0), b = named_variable(tape, "B", WG_DIMS(4, 5), 20);
    wg_var v = named_variable(tape, "v", WG_DIMS(4), 50), g = named_constant(tape, "G", WG_DIMS(3, 5), 60);
    wg_var batch = named_variable(tape, "X", WG_DIMS(2, 3, 4), 100),
           h = named_constant(tape, "H", WG_DIMS(2, 3, 5), 200);
    wg_var ab[] = {a, b}, av[] = {a, v}, xb[] = {batch, b};
    EXPLAINS(wg_sum(wg_mul(wg_matmul(a, b), g)), ab, 2, "dA = G @ B.T   (3,4)\ndB = A.T @ G   (4,5)\n");
    EXPLAINS(wg_sum(wg_mul(wg_matmul(wg_transpose(b), wg_transpose(a)), wg_transpose(g))), ab, 2,
        "dA = G @ B.T   (3,4)\ndB = A.T @ G   (4,5)\n");
    EXPLAINS(wg_sum(wg_square(wg_matmul(a, v))), av, 2,
        "dA = (2 * (A @ v))[:, None] @ v[None]   (3,4)\ndv = A.T @ (2 * (A @ v))   (4)\n");
    /* a weight that is shared by a batch */
    EXPLAINS(
        wg_sum(wg_mul(wg_matmul(batch, b), h)), xb, 2, "dX = H @ B.T   (2,3,4)\ndB = sum(X.T @ H, axis=0)   (4,5)\n");
    EXPLAINS(wg_sum(wg_add(a, v)), &v, 1, "dv = sum(broadcast_to(1, shape=(3,4)), axis=0)   (4)\n");
    EXPLAINS(wg_sum(wg_square(wg_slice(a, 1, 1, 3, 1))), &a, 1, "dA = embed(2 * A[:, 1:3] at [:,1:3])   (3,4)\n");
    EXPLAINS(wg_sum(wg_square(wg_select(a, 0, 2))), &a, 1, "dA = embed(2 * A[2] at [2])   (3,4)\n");
    EXPLAINS(wg_sum(wg_square(wg_mean_axes(a, WG_AXES(1), false))), &a, 1,
        "dA = broadcast_to((2 * mean(A, axis=1))[:, None] / 4, shape=(3,4))   (3,4)\n");
    EXPLAINS(wg_sum(wg_max_axes(a, WG_AXES(1), true)), &a, 1,
        "t1 = max(A, axis=1, keepdims=true)   (3,1)\n"
        "dA = (A == t1) / sum(A == t1, axis=1, keepdims=true)   (3,4)\n");
    /* a number times a vector, though it is recorded as a product of matrices */
    wg_var w = named_variable(tape, "w", WG_DIMS(4), 70), vw[] = {v, w};
    EXPLAINS(wg_dot(v, w), vw, 2, "dv = w   (4)\ndw = v   (4)\n");
    EXPLAINS(wg_name(wg_square(wg_name(wg_dot(v, w), "z")), "E"), vw, 2,
        "dE = 1   ()\ndz = 2 * z   ()\ndv = dz * w   (4)\ndw = v * dz   (4)\n");
    EXPLAINS(wg_variance(a, 0), &a, 1, "dA = (A - mean(A)) / 6   (3,4)\n");
    EXPLAINS(wg_name(wg_norm(a), "N"), &a, 1, "dN = 1   ()\ndA = A / N   (3,4)\n");
    wg_tape_free(tape);
}

/* Of inverses and solutions nobody wants to read the factorization. */
static void test_factored(void **state)
{
    (void)state;
    wg_tape *tape = new_tape(WG_F64);
    wg_var a = wg_name(wg_variable_f64(tape, WG_DIMS(2, 2), (double[]){4, 1, 2, 3}), "A"), sign, logdet;
    wg_var b = named_variable(tape, "B", WG_DIMS(2, 3), 10), ab[] = {a, b};
    EXPLAINS(wg_sum(wg_solve(a, wg_square(b))), ab, 2,
        "dA = -solve(A.T, broadcast_to(1, shape=(2,3))) @ solve(A, B**2).T   (2,2)\n"
        "dB = 2 * solve(A.T, broadcast_to(1, shape=(2,3))) * B   (2,3)\n");
    EXPLAINS(wg_sum(wg_mul(wg_inv(a), a)), &a, 1, "dA = inv(A) - solve(A.T, A) @ inv(A).T   (2,2)\n");
    assert_int_equal(wg_slogdet(a, &sign, &logdet), WG_OK);
    EXPLAINS(logdet, &a, 1, "dA = inv(A).T   (2,2)\n");
    wg_tape_free(tape);
}

/* The textbook's formula of layer normalization; what it uses twice has a line before it. */
static void test_layer_norm(void **state)
{
    (void)state;
    wg_tape *tape = new_tape(WG_F64);
    wg_var h = named_variable(tape, "H", WG_DIMS(7, 8), 0), w = named_variable(tape, "w", WG_DIMS(8), 60);
    wg_var b = named_variable(tape, "b", WG_DIMS(8), 70), in[] = {h, w, b};
    wg_var n = wg_name(wg_layer_norm(h, w, b, 1, 1e-5), "N");
    EXPLAINS(wg_sum(wg_square(n)), in, 3,
        "dN = 2 * N   (7,8)\n"
        "t1 = (H - mean(H, axis=1, keepdims=true)) / sqrt(variance(H, axis=1, keepdims=true) + 1e-05)   (7,8)\n"
        "dH = (dN * w - mean(dN * w, axis=1, keepdims=true) - t1 * mean(dN * w * t1, axis=1, keepdims=true)) / "
        "sqrt(variance(H, axis=1, keepdims=true) + 1e-05)   (7,8)\n"
        "dw = sum(dN * t1, axis=0)   (8)\n"
        "db = sum(dN, axis=0)   (8)\n");
    wg_tape_free(tape);
}

static void test_attention(void **state)
{
    (void)state;
    wg_tape *tape = new_tape(WG_F64);
    wg_var q = named_variable(tape, "Q", WG_DIMS(6, 4), 0), k = named_variable(tape, "K", WG_DIMS(6, 4), 30);
    wg_var v = named_variable(tape, "V", WG_DIMS(6, 5), 60), in[] = {q, k, v};
    wg_var s = wg_name(wg_mul(wg_matmul(q, wg_transpose(k)), wg_scalar(tape, 0.5)), "S");
    wg_var p = wg_name(wg_softmax(s, 1), "P"), o = wg_name(wg_matmul(p, v), "O");
    EXPLAINS(wg_sum(wg_square(o)), in, 3,
        "dO = 2 * O   (6,5)\n"
        "dV = P.T @ dO   (6,5)\n"
        "dP = dO @ V.T   (6,6)\n"
        "dS = (dP - sum(dP * P, axis=1, keepdims=true)) * P   (6,6)\n"
        "dQ = 0.5 * dS @ K   (6,4)\n"
        "dK = (0.5 * dS).T @ Q   (6,4)\n");
    wg_tape_free(tape);
}

/* ---- several uses, names, parts ------------------------------------------------------------------------------------------------ */

static void test_uses(void **state)
{
    (void)state;
    wg_tape *tape = new_tape(WG_F64);
    wg_var x = named_variable(tape, "x", WG_DIMS(3), 0), a = wg_name(wg_exp(x), "a"), b = wg_name(wg_sin(x), "b");
    EXPLAINS(wg_sum(wg_mul(a, b)), &x, 1, "db = a   (3)\nda = b   (3)\ndx = db * cos(x) + da * a   (3)\n");
    /* a residual connection */
    wg_var r = wg_name(wg_add(x, a), "r");
    EXPLAINS(wg_sum(wg_square(r)), &x, 1, "dr = 2 * r   (3)\nda = dr   (3)\ndx = dr + da * a   (3)\n");
    EXPLAINS(wg_sum(wg_mul(x, x)), &x, 1, "dx = 2 * x   (3)\n");
    EXPLAINS(wg_sub(wg_sum(a), wg_sum(x)), &x, 1, "da = 1   (3)\ndx = da * a - 1   (3)\n");
    wg_tape_free(tape);
}

/* wrt may be what has no name, an intermediate, a constant, and what the scalar does not depend on. */
static void test_wrt(void **state)
{
    (void)state;
    wg_tape *tape = new_tape(WG_F64);
    wg_var x = named_variable(tape, "x", WG_DIMS(3), 0), c = wg_constant(tape, WG_DIMS(3), numbers + 5);
    wg_var other = named_variable(tape, "other", WG_DIMS(2), 9), y = wg_mul(wg_exp(x), c), loss = wg_sum(wg_square(y));
    EXPLAINS(loss, ((wg_var[]){y, c, other}), 3,
        "dwrt[0] = 2 * wrt[0]   (3)\ndwrt[1] = dwrt[0] * exp(x)   (3)\ndother = 0   (2)\n");
    EXPLAINS(loss, &y, 1, "dwrt[0] = 2 * wrt[0]   (3)\n");
    EXPLAINS(loss, &loss, 1, "dwrt[0] = 1   ()\n");
    wg_name(wg_detach(y), "cut");
    EXPLAINS(wg_sum(wg_mul(wg_detach(x), x)), &x, 1, "dx = detach(x)   (3)\n");
    text t = {0};
    assert_int_equal(wg_explain(loss, NULL, 0, text_write, &t), WG_OK);
    assert_null(t.at);
    wg_tape_free(tape);
}

/* Values that are called the same are told apart by a number. */
static void test_same_names(void **state)
{
    (void)state;
    wg_tape *tape = new_tape(WG_F64);
    wg_var w = named_variable(tape, "W", WG_DIMS(3, 3), 0), h = named_variable(tape, "h", WG_DIMS(3, 1), 20);
    wg_var first = h, in[] = {w, first};
    for (int step = 0; step < 2; step++) h = wg_name(wg_tanh(wg_matmul(w, h)), "h");
    EXPLAINS(wg_sum(h), in, 2,
        "dh#3 = 1   (3,1)\n"
        "dh#2 = W.T @ (dh#3 * (1 - h#3**2))   (3,1)\n"
        "dW = dh#3 * (1 - h#3**2) @ h#2.T + dh#2 * (1 - h#2**2) @ h.T   (3,3)\n"
        "dh = W.T @ (dh#2 * (1 - h#2**2))   (3,1)\n");
    wg_tape_free(tape);
}

/* Without names for what lies between, long formulas are taken apart. */
static void test_parts(void **state)
{
    (void)state;
    wg_tape *tape = new_tape(WG_F64);
    wg_var w = named_variable(tape, "W", WG_DIMS(3, 3), 0), v = named_variable(tape, "v", WG_DIMS(3, 1), 20), x = v;
    wg_var in[] = {w, v};
    for (int step = 0; step < 40; step++) x = wg_tanh(wg_matmul(w, x));
    wg_var loss = wg_sum(x);
    text t = {0};
    assert_int_equal(wg_explain(loss, in, 2, text_write, &t), WG_OK);
    totals_are_right(loss, in, 2, __FILE__, __LINE__);
    assert_null(strstr(t.at, "..."));
    size_t next = 1;
    for (const char *s = t.at; *s;
         s = strchr(s, '\n') + 1) { /* parts are numbered as they come, and stand before their use */
        if (*s == 't') assert_int_equal(strtoul(s + 1, NULL, 10), next++);
        const char *equals = strchr(s, '='), *end = strstr(s, "   (");
        for (const char *c = equals; c < end; c++)
            if (*c == 't' && c[-1] == ' ' && c[1] >= '0' && c[1] <= '9') assert_true(strtoul(c + 1, NULL, 10) < next);
        assert_true(end - s < 200);
    }
    text_free(&t);
    wg_tape_free(tape);
}

/* A name that a part might have had is left to the value that has it. */
static void test_part_names(void **state)
{
    (void)state;
    wg_tape *tape = new_tape(WG_F64);
    wg_var a = named_variable(tape, "t1", WG_DIMS(3, 4), 0);
    EXPLAINS(wg_sum(wg_max_axes(a, WG_AXES(1), true)), &a, 1,
        "part1 = max(t1, axis=1, keepdims=true)   (3,1)\n"
        "dt1 = (t1 == part1) / sum(t1 == part1, axis=1, keepdims=true)   (3,4)\n");
    wg_tape_free(tape);
}

/* ---- what cannot be recorded, or explained -------------------------------------------------------------------------------------- */

static wg_status own_shape(wg_call *call)
{
    call->shape = *call->in[0].shape;
    return WG_OK;
}
static wg_status own_evaluate(wg_call *call)
{
    for (size_t i = 0; i < call->in[0].size; i++) ((double *)call->out)[i] = 3 * ((const double *)call->in[0].data)[i];
    return WG_OK;
}
static void own_derivative(wg_derivation *d)
{
    bool add;
    double *out = wg_give_numbers(d, 0, &add);
    const double *g = wg_term_numbers(d, wg_cotangent(d));
    for (size_t i = 0; out && i < wg_derivation_call(d)->in[0].size; i++) out[i] = (add ? out[i] : 0) + 3 * g[i];
}
static const wg_op own_op = {
    .name = "triple_cuda", .arity = 1, .shape = own_shape, .evaluate = own_evaluate, .derivative = own_derivative};

static void test_own_derivative(void **state)
{
    (void)state;
    wg_tape *tape = new_tape(WG_F64);
    wg_var x = named_variable(tape, "x", WG_DIMS(3), 0), w = named_variable(tape, "w", WG_DIMS(3), 5), in[] = {x, w};
    wg_var y = wg_name(wg_apply(tape, &own_op, &x, 1, NULL, 0), "y");
    EXPLAINS(wg_sum(wg_mul(y, w)), in, 2, "dw = y   (3)\ndy = w   (3)\ndx = (by triple_cuda's own derivative)   (3)\n");
    EXPLAINS(wg_sum(wg_mul(wg_add(y, x), w)), in, 2,
        "dw = y + x   (3)\ndy = w   (3)\ndx = w + (by triple_cuda's own derivative)   (3)\n");
    /* beside the way of that op, others are recorded */
    wg_var z = wg_name(wg_mul(wg_apply(tape, &own_op, &x, 1, NULL, 0), w), "z");
    EXPLAINS(wg_sum(z), in, 2,
        "dz = 1   (3)\ndx = (by triple_cuda's own derivative)   (3)\ndw = dz * triple_cuda(x)   (3)\n");
    wg_tape_free(tape);
}

static wg_var checkpointed(wg_tape *tape, void *user, const wg_var *in, size_t n)
{
    (void)tape, (void)user, (void)n;
    return wg_tanh(wg_mul(in[0], in[1]));
}

static void test_checkpoint(void **state)
{
    (void)state;
    wg_tape *tape = new_tape(WG_F64);
    wg_var x = named_variable(tape, "x", WG_DIMS(3), 0), w = named_variable(tape, "w", WG_DIMS(3), 5), in[] = {x, w};
    wg_var y = wg_name(wg_checkpoint(tape, checkpointed, NULL, in, 2), "y");
    EXPLAINS(wg_sum(y), in, 2, "dy = 1   (3)\ndx = dy * (1 - y**2) * w   (3)\ndw = dy * (1 - y**2) * x   (3)\n");
    wg_tape_free(tape);
}

/* The caller's tape is as it was, gradients too. */
static void test_changes_nothing(void **state)
{
    (void)state;
    network n = make_network(WG_F64);
    text t = {0}, before = {0}, after = {0};
    assert_int_equal(wg_backward(n.loss), WG_OK);
    double gradient = wg_grad_at(n.parameters[0], 3);
    wg_dump(n.tape, WG_DUMP_JSON, text_write, &before);
    assert_int_equal(wg_explain(n.loss, n.parameters, 4, text_write, &t), WG_OK);
    wg_dump(n.tape, WG_DUMP_JSON, text_write, &after);
    TEXT_IS(&after, before.at);
    EXPECT_NUMBER(wg_grad_at(n.parameters[0], 3), gradient);
    text_free(&t);
    text_free(&before);
    text_free(&after);
    wg_tape_free(n.tape);
}

static void test_misuse(void **state)
{
    (void)state;
    network n = make_network(WG_F64);
    text t = {0};
    assert_int_equal(wg_explain(n.a2, n.parameters, 4, text_write, &t), WG_ERROR_SHAPE);
    EXPECT_ERROR(n.tape, WG_ERROR_SHAPE, "wg_explain", "A2 (2,100) where a scalar is expected");
    assert_int_equal(wg_explain(n.loss, n.parameters, 4, NULL, &t), WG_ERROR_ARGUMENT);
    EXPECT_ERROR(n.tape, WG_ERROR_ARGUMENT, "wg_explain", "writer is NULL");
    assert_int_equal(wg_explain_json(n.loss, n.parameters, 4, NULL, &t), WG_ERROR_ARGUMENT);
    EXPECT_ERROR(n.tape, WG_ERROR_ARGUMENT, "writer is NULL");
    assert_int_equal(wg_explain(n.loss, NULL, 4, text_write, &t), WG_ERROR_ARGUMENT);
    wg_tape_clear_error(n.tape);
    wg_set_value(n.parameters[0], numbers);
    assert_int_equal(wg_explain(n.loss, n.parameters, 4, text_write, &t), WG_ERROR_STALE);
    wg_tape_clear_error(n.tape);
    assert_int_equal(wg_explain((wg_var){0}, n.parameters, 4, text_write, &t), WG_ERROR_ARGUMENT);
    assert_null(t.at);
    wg_tape_free(n.tape);
}

/* The caller's tape may be full: then its error says so, and it is whole again after a clear. */
static void test_no_memory(void **state)
{
    (void)state;
    wg_stats stats;
    network n = make_network(WG_F64);
    assert_int_equal(wg_tape_stats(n.tape, &stats), WG_OK);
    wg_tape_free(n.tape);
    wg_tape *tape = new_tape_with((wg_tape_options){.dtype = WG_F64, .memory_limit = 2 * stats.bytes_in_use});
    wg_var x = named_variable(tape, "x", WG_DIMS(20, 10), 0), y = x;
    for (;;) {
        wg_var next = wg_exp(y);
        if (!wg_ok(next)) break;
        y = next;
    }
    wg_tape_clear_error(tape);
    text t = {0};
    wg_mark mark = wg_tape_mark(tape);
    wg_var loss = wg_sum(y);
    if (wg_tape_status(tape) == WG_OK) assert_int_equal(wg_explain(loss, &x, 1, text_write, &t), WG_ERROR_MEMORY);
    EXPECT_ERROR(tape, WG_ERROR_MEMORY, "bytes");
    assert_null(t.at);
    assert_int_equal(wg_tape_rewind(tape, mark), WG_OK);
    wg_tape_free(tape);
}

/* ---- as JSON -------------------------------------------------------------------------------------------------------------------- */

static void test_json(void **state)
{
    (void)state;
    wg_tape *tape = new_tape(WG_F32);
    wg_var x = wg_name(wg_variable(tape, WG_DIMS(2), (double[]){0.5, 3}), "x");
    wg_var i = wg_name(wg_indices(tape, WG_DIMS(2), (int64_t[]){1, 0}), "i");
    wg_var y = wg_name(wg_mul(wg_take(x, i, 0), wg_constant(tape, WG_DIMS(2), (double[]){2, (double)INFINITY})), "y");
    wg_var loss = wg_sum(y);
    text t = {0};
    assert_int_equal(wg_explain_json(loss, &x, 1, text_write, &t), WG_OK);
    JSON_IS_VALID(&t);
    TEXT_IS(&t,
        "{\"scalar\": \"L\", \"dtype\": \"f32\", \n"
        "\"forward\": [\n"
        "{\"name\": \"x\", \"kind\": \"variable\", \"formula\": null, \"inputs\": [], \"shape\": [2], \"value\": "
        "[0.5,3]},\n"
        "{\"name\": \"i\", \"kind\": \"indices\", \"formula\": null, \"inputs\": [], \"shape\": [2], \"value\": "
        "[1,0]},\n"
        "{\"name\": \"y\", \"kind\": \"mul\", \"formula\": \"take(x, i, axis=0) * constant\", \"inputs\": [\"x\", "
        "\"i\"], "
        "\"shape\": [2], \"value\": [6,null]},\n"
        "{\"name\": \"L\", \"kind\": \"sum\", \"formula\": \"sum(y)\", \"inputs\": [\"y\"], \"shape\": [], \"value\": "
        "[null]}],\n"
        "\"backward\": [\n"
        "{\"name\": \"dy\", \"of\": \"y\", \"formula\": \"1\", \"from\": [\"L\"], \"wrt\": false, \"shape\": [2], "
        "\"norm\": "
        "1.4142135623730951, \"adjoint\": [1,1]},\n"
        "{\"name\": \"dx\", \"of\": \"x\", \"formula\": \"put(dy * constant, i, axis=0, shape=(2))\", \"from\": "
        "[\"y\"], "
        "\"wrt\": true, \"shape\": [2], \"norm\": null, \"adjoint\": [null,2]}]}\n");
    text_free(&t);
    wg_tape_free(tape);
}

static void test_json_network(void **state)
{
    (void)state;
    network n = make_network(WG_F64);
    text t = {0};
    assert_int_equal(wg_explain_json(n.loss, n.parameters, 4, text_write, &t), WG_OK);
    JSON_IS_VALID(&t);
    TEXT_HAS(&t,
        "{\"name\": \"Z1\", \"kind\": \"add\", \"formula\": \"W1 @ X + b1\", \"inputs\": [\"W1\", \"X\", \"b1\"], "
        "\"shape\": [5, 100], \"value\": [");
    TEXT_HAS(&t, "{\"name\": \"dA1\", \"of\": \"A1\", \"formula\": \"W2.T @ dZ2\", \"from\": [\"Z2\"], \"wrt\": false, "
                 "\"shape\": [5, 100], \"norm\": ");
    text_free(&t);
    wg_tape_free(n.tape);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_network), cmocka_unit_test(test_norms),
        cmocka_unit_test(test_reductions), cmocka_unit_test(test_classes), cmocka_unit_test(test_elementwise),
        cmocka_unit_test(test_shapes), cmocka_unit_test(test_factored), cmocka_unit_test(test_layer_norm),
        cmocka_unit_test(test_attention), cmocka_unit_test(test_uses), cmocka_unit_test(test_wrt),
        cmocka_unit_test(test_same_names), cmocka_unit_test(test_parts), cmocka_unit_test(test_part_names),
        cmocka_unit_test(test_own_derivative), cmocka_unit_test(test_checkpoint),
        cmocka_unit_test(test_changes_nothing), cmocka_unit_test(test_misuse), cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_json), cmocka_unit_test(test_json_network)};
    return cmocka_run_group_tests(tests, fill_numbers, NULL);
}
