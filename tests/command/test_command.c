/* The command from its arguments to its output: statuses, reports, JSON, files written and read again. The gradients in
 * slips/ are NumPy's (data/make_slips.py), of a forward in this file's words. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "command/command.h"
#include "command/inflate.h"
#include "wengert.h"

#define SLIPS   COMMAND_DATA "/../slips/"
#define FORWARD "mse(sigmoid(W2 @ sigmoid(W1 @ X + b1) + b2), Y, batch_mean)"

/* ---- running it ----------------------------------------------------------------------------------------------------------- */

static char out[1 << 16], err[1 << 14];

static void read_back(FILE *file, char *text, size_t size)
{
    rewind(file);
    size_t length = fread(text, 1, size - 1, file);
    text[length] = '\0';
    (void)fclose(file);
}

/* Runs it with words, the last of which is NULL; what it writes is in out and err. */
static int run_words(char **words)
{
    int count = 0;
    FILE *to = tmpfile(), *complaints = tmpfile();
    assert_non_null(to);
    assert_non_null(complaints);
    while (words[count]) count++;
    int status = command_run(count, words, to, complaints);
    read_back(to, out, sizeof out);
    read_back(complaints, err, sizeof err);
    return status;
}

#define RUN(...) run_words((char *[]){"wengert", __VA_ARGS__, NULL})

static void has(const char *text, const char *words)
{
    if (!strstr(text, words)) fail_msg("\"%s\" does not say \"%s\"", text, words);
}

/* Status 2: nothing on out, and words on err. */
static void unusable(int status, const char *words)
{
    assert_int_equal(status, COMMAND_UNUSABLE);
    assert_string_equal(out, "");
    has(err, words);
}

/* Names of files beside the program. */
static char scratch[64], scratch_bare[64];

static int scratch_begin(void **state)
{
    (void)state;
    (void)snprintf(scratch, sizeof scratch, "test_command_%p.npz", (void *)scratch);
    (void)snprintf(scratch_bare, sizeof scratch_bare, "test_command_%p.bin", (void *)scratch);
    return 0;
}

static int scratch_end(void **state)
{
    (void)state;
    (void)remove(scratch);
    (void)remove(scratch_bare);
    return 0;
}

/* Without zlib the compressed archives of slips/ cannot be read. */
static void needs_zlib(void)
{
    if (!inflate_is_there()) skip();
}

/* ---- a reader of JSON, which says whether it is ----------------------------------------------------------------------------- */

static const char *json_space(const char *at) { return at + strspn(at, " \n\t\r"); }

static const char *json_string(const char *at)
{
    if (*at != '"') return NULL;
    for (at++; *at != '"'; at++) {
        if ((unsigned char)*at < 0x20) return NULL;
        if (*at == '\\' && !strchr("\"\\/bfnrtu", *++at)) return NULL;
    }
    return at + 1;
}

static const char *json_value(const char *at);

static const char *json_members(const char *at, char closing, bool names)
{
    at = json_space(at + 1);
    if (*at == closing) return at + 1;
    for (;;) {
        if (names) {
            at = json_string(at);
            if (!at || *(at = json_space(at)) != ':') return NULL;
            at++;
        }
        at = json_value(at);
        if (!at) return NULL;
        if (*at == closing) return at + 1;
        if (*at != ',') return NULL;
        at = json_space(at + 1);
    }
}

/* Past a value and the space behind it; NULL: there is none. */
static const char *json_value(const char *at)
{
    static const char *const words[] = {"null", "true", "false"};
    char *end;
    at = json_space(at);
    if (*at == '{')
        at = json_members(at, '}', true);
    else if (*at == '[')
        at = json_members(at, ']', false);
    else if (*at == '"')
        at = json_string(at);
    else {
        const char *from = at;
        for (size_t i = 0; i < 3; i++)
            if (!strncmp(at, words[i], strlen(words[i]))) return json_space(at + strlen(words[i]));
        if (*at != '-' && (*at < '0' || *at > '9')) return NULL;
        (void)strtod(at, &end);
        at = end == from ? NULL : end;
    }
    return at ? json_space(at) : NULL;
}

static void is_json(const char *text)
{
    const char *end = json_value(text);
    if (!end || *end) fail_msg("no JSON, from \"%.60s\" on", end ? end : text);
}

/* ---- arguments --------------------------------------------------------------------------------------------------------------- */

static void test_help(void **state)
{
    (void)state;
    assert_int_equal(RUN("--help"), COMMAND_RIGHT);
    has(out, "wengert check EXPRESSION");
    assert_string_equal(err, "");
    assert_int_equal(RUN("--version"), COMMAND_RIGHT);
    assert_string_equal(out, "wengert " WG_VERSION "\n");
    assert_int_equal(RUN("check", "--help"), COMMAND_RIGHT);
    has(out, "--tolerance");
    assert_int_equal(RUN("grad", "sum(x)", "-h"), COMMAND_RIGHT);
    has(out, "--wrt");
    assert_int_equal(RUN("explain", "--help"), COMMAND_RIGHT);
    has(out, "--html");
    assert_int_equal(RUN("ops"), COMMAND_RIGHT);
    has(out, "\nsum_axes(x, axes, keepdims)\n");
    has(out, "\nconv2d(x, weight, stride=, padding=, dilation=, output_padding=, groups=)\n");
    char *none[] = {"wengert", NULL};
    assert_int_equal(run_words(none), COMMAND_UNUSABLE);
    has(err, "wengert check EXPRESSION");
}

static void test_arguments(void **state)
{
    (void)state;
    needs_zlib();
    unusable(RUN("verify"), "there is no subcommand verify");
    unusable(RUN("check"), "the expression is missing");
    unusable(RUN("check", "--in", SLIPS "forward.npz"), "the expression is missing");
    unusable(RUN("check", FORWARD, "--in"), "--in needs a value");
    unusable(RUN("check", FORWARD, "--json=yes"), "--json takes no value");
    unusable(RUN("check", FORWARD, "--out", "x.npz"), "check has no option --out");
    unusable(RUN("check", FORWARD, "sum(W1)"), "a second expression, sum(W1)");
    unusable(RUN("check", FORWARD, "--tolerance", "much"), "--tolerance takes a number");
    unusable(RUN("check", FORWARD, "--tolerance=-1"), "--tolerance takes a number");
    unusable(RUN("check", FORWARD, "--tolerance=nan"), "--tolerance takes a number");
    unusable(RUN("check", FORWARD, "--tolerance=0"), "--tolerance takes a number above 0");
    unusable(RUN("check", FORWARD, "--tolerance=1", "--tolerance=2"), "--tolerance is given twice");
    unusable(RUN("check", FORWARD, "--in", "nowhere.npz"), "nowhere.npz: cannot be read");
    unusable(RUN("check", FORWARD, "--in", SLIPS "dW2.npy"), "needs a name");
    unusable(RUN("check", FORWARD, "--in", SLIPS "forward.npz"), "there are no gradients to check");
    unusable(RUN("grad", FORWARD, "--in", SLIPS "forward.npz"), "--out FILE.npz");
    unusable(RUN("grad", FORWARD, "--out", "a", "--out", "b"), "--out is given twice");
    unusable(RUN("grad", FORWARD, "--in", SLIPS "forward.npz", "--out", "/nowhere/a.npz"), "cannot be written");
    unusable(RUN("grad", FORWARD, "--in", SLIPS "forward.npz", "--out", "a", "--wrt", "W1,,W2"), "a name is missing");
    unusable(RUN("grad", FORWARD, "--in", SLIPS "forward.npz", "--out", "a", "--wrt", "W3"), "no array and no step W3");
    unusable(RUN("grad", FORWARD, "--in", SLIPS "forward.npz", "--out", "a", "--wrt", "W1,W2,W1"),
        "--wrt: W1 is given twice");
    unusable(RUN("grad", "sum([1])", "--out", "a"), "uses no array");
    /* Options anywhere, in either form; an expression that looks like one behind --. */
    assert_int_equal(RUN("check", "--grad=" SLIPS "right.npz", "--in=" SLIPS "forward.npz", FORWARD), COMMAND_RIGHT);
    assert_int_equal(
        RUN("check", "--in", SLIPS "forward.npz", "--grad", SLIPS "right.npz", "--", FORWARD), COMMAND_RIGHT);
    assert_int_equal(
        RUN("check", "-" FORWARD, "--in", SLIPS "forward.npz", "--grad", SLIPS "right.npz"), COMMAND_WRONG);
    assert_int_equal(
        RUN("check", "--in", SLIPS "forward.npz", "--grad", SLIPS "right.npz", "--", "--" FORWARD), COMMAND_RIGHT);
}

/* ---- errors of the input ----------------------------------------------------------------------------------------------------- */

static void test_errors(void **state)
{
    (void)state;
    needs_zlib();
    unusable(RUN("check", "sum(W1) + tnah(b1)", "--in", SLIPS "forward.npz", "--grad", SLIPS "right.npz"),
        "expression: column 11: there is no op tnah; did you mean tanh?\n    sum(W1) + tnah(b1)\n              ^\n");
    unusable(RUN("check", "sum(W1 @ W2", "--in", SLIPS "forward.npz", "--grad", SLIPS "right.npz"),
        "expression: column 12: a comma or ) is missing at the end");
    unusable(RUN("check", "W1 @ X", "--in", SLIPS "forward.npz", "--grad", SLIPS "right.npz"),
        "one number; this has shape (5, 7)");
    unusable(RUN("check", "L = sum(log(W1 - W1))", "--in", SLIPS "forward.npz", "--grad", SLIPS "right.npz"),
        "column 5: the loss is -inf");
    unusable(RUN("check", "sum(W1) / 0 - sum(W1) / 0", "--in", SLIPS "forward.npz", "--grad", SLIPS "right.npz"),
        "the loss is nan");
    unusable(RUN("check", "sum(W3)", "--in", SLIPS "forward.npz", "--grad", SLIPS "right.npz"),
        "there is no array W3; there are: W1, b1, W2, b2, X, Y");
    unusable(RUN("check", FORWARD, "--in", SLIPS "forward.npz", "--grad", "dW3=" SLIPS "dW2.npy"),
        "dW3: there is no array and no step W3; there are: W1, b1");
    unusable(RUN("check", FORWARD, "--in", SLIPS "forward.npz", "--grad", "W2=" SLIPS "dW2.npy"),
        "W2 is no gradient's name; that of W is called dW");
    unusable(RUN("check", "A = W2; q, r = qr(b1); t = qr(b2); mse(A, W2 + 1, mean)", "--in", SLIPS "forward.npz",
                 "--grad", "dA=" SLIPS "dW2.npy", "--grad", "dW2=" SLIPS "dW2.npy"),
        "A and W2 are the same value");
    unusable(RUN("check", "t = qr(b2); sum(t[0])", "--in", SLIPS "forward.npz", "--grad", "dt=" SLIPS "dW2.npy"),
        "t is several results");
    unusable(
        RUN("check", "i = argmax(W2, 0, false); sum(W1)", "--in", SLIPS "forward.npz", "--grad", "di=" SLIPS "dW2.npy"),
        "i holds indices");
    static double hot[] = {0, 1, 1}, logits[] = {1, 2, 3, 4, 5, 6};
    static int64_t classes[] = {0, 1, 1};
    array list[] = {{.name = (char[]){"x"}, .kind = ARRAY_F64, .shape = WG_DIMS(3, 2), .size = 6, .data = logits},
        {.name = (char[]){"T"}, .kind = ARRAY_INTEGER, .shape = WG_DIMS(3), .size = 3, .data = classes}};
    array of_classes = {.name = (char[]){"dT"}, .kind = ARRAY_F64, .shape = WG_DIMS(3), .size = 3, .data = hot};
    char message[256];
    assert_true(array_set_write_npz(scratch, list, 2, message, sizeof message));
    assert_true(array_set_write_npz(scratch_bare, &of_classes, 1, message, sizeof message));
    unusable(RUN("check", "cross_entropy(x, T, 1, mean)", "--in", scratch, "--grad", scratch_bare),
        "column 18: T is used as indices, which have no gradient");
    unusable(RUN("check", "sum(x[T])", "--in", scratch, "--grad", scratch_bare),
        "column 7: T is used as indices, which have no gradient");
}

/* ---- checking ------------------------------------------------------------------------------------------------------------------ */

static void test_right(void **state)
{
    (void)state;
    needs_zlib();
    assert_int_equal(RUN("check", FORWARD, "--in", SLIPS "forward.npz", "--grad", SLIPS "right.npz"), COMMAND_RIGHT);
    has(out, "All 4 gradients are right.");
    assert_string_equal(err, "");
    assert_int_equal(RUN("check", FORWARD, "--in", SLIPS "forward.npz", "--grad", "dW2=" SLIPS "dW2.npy", "--grad",
                         "db2=" SLIPS "db2.npy"),
        COMMAND_RIGHT);
    has(out, "All 2 gradients are right.");
    assert_int_equal(
        RUN("check", FORWARD, "--json", "--in", SLIPS "forward.npz", "--grad", SLIPS "right.npz"), COMMAND_RIGHT);
    is_json(out);
    has(out, "\"verdict\": \"right\"");
    has(out, "\"dW1\": {\"verdict\": \"right\", \"worst\": [");
}

/* Each of the six slips is named, at the gradient where it is. */
static void test_slips(void **state)
{
    (void)state;
    needs_zlib();
    static const struct {
        const char *reduction, *in, *grad, *cause, *gradient, *words;
    } slips[] = {
        {"batch_mean", "forward.npz", "transpose.npz", "transposed", "dW2", "transpose is right"},
        {"batch_mean", "forward.npz", "unsummed.npz", "bias_not_reduced", "db1", "not summed over axis 1"},
        {"batch_mean", "forward.npz", "wrong_axis.npz", "bias_wrong_axis", "db1", "summed over axis 0"},
        {"batch_mean", "forward.npz", "without_m.npz", "reduction", "dW2", "7"},
        {"batch_mean", "square.npz", "elementwise.npz", "elementwise_for_matmul", "dW2", "matrix product is right"},
        {"mean", "forward.npz", "right.npz", "reduction", "dW2", "28 elements"},
    };
    for (size_t i = 0; i < sizeof slips / sizeof *slips; i++) {
        char forward[200], in[400], grad[400], cause[100];
        (void)snprintf(forward, sizeof forward,
            "Z1 = W1 @ X + b1; A1 = sigmoid(Z1); Z2 = W2 @ A1 + b2; A2 = sigmoid(Z2); L = mse(A2, Y, %s)",
            slips[i].reduction);
        (void)snprintf(in, sizeof in, "%s%s", SLIPS, slips[i].in);
        (void)snprintf(grad, sizeof grad, "%s%s", SLIPS, slips[i].grad);
        (void)snprintf(cause, sizeof cause, "{\"rank\": 1, \"cause\": \"%s\", \"gradient\": \"", slips[i].cause);
        assert_int_equal(RUN("check", forward, "--in", in, "--grad", grad, "--json"), COMMAND_WRONG);
        is_json(out);
        has(out, "{\n  \"verdict\": \"wrong\"");
        has(out, cause);
        has(out, slips[i].gradient);
        assert_int_equal(RUN("check", forward, "--in", in, "--grad", grad), COMMAND_WRONG);
        has(out, slips[i].words);
        assert_string_equal(err, "");
    }
}

/* A tolerance as large as the mistake. */
static void test_tolerance(void **state)
{
    (void)state;
    needs_zlib();
    assert_int_equal(
        RUN("check", FORWARD "* 1.001", "--in", SLIPS "forward.npz", "--grad", SLIPS "right.npz"), COMMAND_WRONG);
    assert_int_equal(RUN("check", FORWARD "* 1.001", "--in", SLIPS "forward.npz", "--grad", SLIPS "right.npz",
                         "--tolerance", "0.01"),
        COMMAND_RIGHT);
    assert_int_equal(
        RUN("check", FORWARD "* 1.001", "--in", SLIPS "forward.npz", "--grad", SLIPS "right.npz", "--tolerance=1e-6"),
        COMMAND_WRONG);
}

/* Bare numbers in float32 and bfloat16, right to as many bits as they have; x[i] y[i] summed has y as its gradient. */
static void test_precisions(void **state)
{
    (void)state;
    static const double x[] = {0.1, -2, 3, 0.7}, y[] = {1.0 / 3, -0.2, 7.7, 1e-3};
    float single[4];
    uint16_t brain[4];
    char in_x[128], in_y[128], grad[128];
    FILE *file = fopen(scratch_bare, "wb");
    assert_non_null(file);
    for (size_t i = 0; i < 4; i++) {
        uint32_t bits;
        single[i] = (float)y[i];
        memcpy(&bits, &single[i], sizeof bits);
        brain[i] = (uint16_t)((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
    }
    assert_int_equal(fwrite(x, sizeof *x, 4, file) + fwrite(y, sizeof *y, 4, file), 8);
    (void)fclose(file);
    (void)snprintf(in_x, sizeof in_x, "xy=%s:f64:2,4", scratch_bare);
    (void)snprintf(in_y, sizeof in_y, "%s", scratch);

    file = fopen(scratch, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(single, sizeof *single, 4, file), 4);
    (void)fclose(file);
    (void)snprintf(grad, sizeof grad, "dx=%s:f32:4", scratch);
    const char *sum = "x = xy[0]; sum(x * xy[1])";
    assert_int_equal(RUN("check", (char *)sum, "--in", in_x, "--grad", grad, "--json"), COMMAND_RIGHT);
    has(out, "\"bits\": 24");
    assert_int_equal(RUN("check", "x = xy[0]; sum(x * xy[1]) * 1.00001", "--in", in_x, "--grad", grad), COMMAND_WRONG);

    file = fopen(scratch, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(brain, sizeof *brain, 4, file), 4);
    (void)fclose(file);
    (void)snprintf(grad, sizeof grad, "dx=%s:bf16:4", scratch);
    assert_int_equal(RUN("check", (char *)sum, "--in", in_x, "--grad", grad, "--json"), COMMAND_RIGHT);
    has(out, "\"bits\": 8");
    assert_int_equal(RUN("check", "x = xy[0]; sum(x * xy[1]) * 1.5", "--in", in_x, "--grad", grad), COMMAND_WRONG);
}

/* What is wrong with the numbers is said in JSON too: NaN is null, another shape has no worst entry. */
static void test_odd_numbers(void **state)
{
    (void)state;
    static const double odd[] = {1, (double)NAN, (double)INFINITY, 1};
    static double ones[] = {1, 1, 1, 1};
    char grad[128];
    array x = {.name = (char[]){"x"}, .kind = ARRAY_F64, .shape = WG_DIMS(2, 2), .size = 4, .data = ones};
    char message[256];
    x.numbers = ones;
    assert_true(array_set_write_npz(scratch, &x, 1, message, sizeof message));
    FILE *file = fopen(scratch_bare, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(odd, sizeof *odd, 4, file), 4);
    (void)fclose(file);
    (void)snprintf(grad, sizeof grad, "dx=%s:f64:2,2", scratch_bare);
    assert_int_equal(RUN("check", "sum(x)", "--in", scratch, "--grad", grad, "--json"), COMMAND_WRONG);
    is_json(out);
    has(out, "\"box\": [[0, 0], [1, 1]]");
    assert_null(strstr(out, "nan"));
    assert_null(strstr(out, "inf,"));
    (void)snprintf(grad, sizeof grad, "dx=%s:f64:4", scratch_bare);
    assert_int_equal(RUN("check", "sum(x)", "--in", scratch, "--grad", grad, "--json"), COMMAND_WRONG);
    is_json(out);
    has(out, "\"worst\": [], \"box\": [], \"shape\": [4], \"shape_fits\": false");
}

/* ---- gradients and explanations --------------------------------------------------------------------------------------------------- */

/* Gradients written are those that NumPy computed, and are right by the command's own judgement. */
static void test_grad(void **state)
{
    (void)state;
    needs_zlib();
    array_set ours = {0}, numpys = {0};
    char message[256];
    assert_int_equal(RUN("grad", FORWARD, "--in", SLIPS "forward.npz", "--out", scratch), COMMAND_RIGHT);
    has(out, "dW1 db1 dW2 db2 dX dY");
    assert_int_equal(RUN("check", FORWARD, "--in", SLIPS "forward.npz", "--grad", scratch), COMMAND_RIGHT);
    has(out, "All 6 gradients are right.");
    assert_true(array_set_read(&ours, scratch, message, sizeof message));
    assert_true(array_set_read(&numpys, SLIPS "right.npz", message, sizeof message));
    for (size_t i = 0; i < numpys.count; i++) {
        const array *n = &numpys.list[i], *o = array_set_find(&ours, n->name);
        assert_non_null(o);
        assert_int_equal(o->shape.rank, n->shape.rank);
        assert_int_equal(o->size, n->size);
        for (size_t k = 0; k < n->size; k++)
            assert_true(fabs(o->numbers[k] - n->numbers[k]) <= 1e-14 * (1 + fabs(n->numbers[k])));
    }
    array_set_free(&ours);
    array_set_free(&numpys);

    /* Steps too, when they are named. */
    assert_int_equal(
        RUN("grad", "Z = W1 @ X; L = sum(Z * Z)", "--wrt", "Z, L", "--in", SLIPS "forward.npz", "--out", scratch),
        COMMAND_RIGHT);
    has(out, ": dZ dL\n");
    assert_int_equal(
        RUN("grad", FORWARD, "--wrt", "loss", "--in", SLIPS "forward.npz", "--out", scratch), COMMAND_RIGHT);
    has(out, ": dloss\n");
    assert_int_equal(RUN("check", FORWARD, "--in", SLIPS "forward.npz", "--grad", scratch), COMMAND_RIGHT);
    unusable(RUN("check", "L = " FORWARD, "--in", SLIPS "forward.npz", "--grad", scratch), "no array and no step loss");
    assert_int_equal(
        RUN("grad", "Z = W1 @ X; L = sum(Z * Z)", "--wrt", "Z, L", "--in", SLIPS "forward.npz", "--out", scratch),
        COMMAND_RIGHT);
    assert_int_equal(
        RUN("check", "Z = W1 @ X; L = sum(Z * Z)", "--in", SLIPS "forward.npz", "--grad", scratch), COMMAND_RIGHT);
}

static void test_explain(void **state)
{
    (void)state;
    needs_zlib();
    assert_int_equal(
        RUN("explain", "Z1 = W1 @ X + b1; A1 = sigmoid(Z1); L = sum(A1)", "--in", SLIPS "forward.npz"), COMMAND_RIGHT);
    has(out, "dZ1 = ");
    has(out, "(5,7)");
    has(out, "dW1 = ");
    unusable(RUN("explain", "sum(W1", "--in", SLIPS "forward.npz"), "a comma or ) is missing");
    unusable(RUN("explain", "sum(W1)", "--in", SLIPS "forward.npz", "--wrt", "W7"), "no array and no step W7");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_help),
        cmocka_unit_test(test_arguments),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_right),
        cmocka_unit_test(test_slips),
        cmocka_unit_test(test_tolerance),
        cmocka_unit_test(test_precisions),
        cmocka_unit_test(test_odd_numbers),
        cmocka_unit_test(test_grad),
        cmocka_unit_test(test_explain),
    };
    return cmocka_run_group_tests_name("command", tests, scratch_begin, scratch_end);
}
