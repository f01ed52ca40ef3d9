/* The page of `wengert explain --html`: that its data are whole and true. What a browser makes of them is tested by
 * browser.sh, for which this program writes pages: test_page NAME FILE. */
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
#include "command/page.h"
#include "wengert.h"

enum { MESSAGE = 256, MOST = 1 << 22 };
static char message[MESSAGE], text[MOST];
static const char *const path = "test_page.tmp.html";

/* ---- what is explained -------------------------------------------------------------------------------------------------- */

static wg_var leaf(wg_tape *tape, const char *name, wg_shape shape, bool variable)
{
    size_t size = 1;
    for (uint32_t axis = 0; axis < shape.rank; axis++) size *= shape.dim[axis];
    double *numbers = malloc((size ? size : 1) * sizeof *numbers);
    assert_non_null(numbers);
    for (size_t i = 0; i < size; i++) numbers[i] = sin((double)(i + strlen(name) + (size_t)name[0])) * 0.75;
    wg_var x = variable ? wg_variable_f64(tape, shape, numbers) : wg_constant_f64(tape, shape, numbers);
    free(numbers);
    return wg_name(x, name);
}

/* A network of two layers, with its steps named. */
static bool network(const char *file, wg_dtype dtype, size_t hidden, size_t samples)
{
    wg_tape *tape = wg_tape_new(dtype);
    wg_var x = leaf(tape, "X", WG_DIMS(3, samples), false), y = leaf(tape, "Y", WG_DIMS(2, samples), false);
    wg_var w1 = leaf(tape, "W1", WG_DIMS(hidden, 3), true), b1 = leaf(tape, "b1", WG_DIMS(hidden, 1), true);
    wg_var w2 = leaf(tape, "W2", WG_DIMS(2, hidden), true), b2 = leaf(tape, "b2", WG_DIMS(2, 1), true);
    wg_var z1 = wg_name(wg_add(wg_matmul(w1, x), b1), "Z1"), a1 = wg_name(wg_sigmoid(z1), "A1");
    wg_var z2 = wg_name(wg_add(wg_matmul(w2, a1), b2), "Z2"), a2 = wg_name(wg_sigmoid(z2), "A2");
    wg_var loss = wg_name(wg_mse(a2, y, WG_BATCH_MEAN), "L"), wrt[] = {w1, b1, w2, b2};
    bool fine = page_write(file, loss, wrt, 4, "two layers, <b>&amp;\"</b>", message, MESSAGE);
    wg_tape_free(tape);
    return fine;
}

/* Nothing but leaves is named; a weight is used at each of many steps; index arrays, 0-d, empty and three axes. */
static bool chain(const char *file, size_t steps)
{
    static const int64_t picked[] = {2, 0, 2};
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var w = leaf(tape, "W", WG_DIMS(3, 3), true), h = leaf(tape, "h", WG_DIMS(3, 4), false);
    wg_var table = leaf(tape, "E", WG_DIMS(2, 3, 5), true), scale = leaf(tape, "s", WG_SCALAR, true);
    wg_var rows = wg_name(wg_indices(tape, WG_DIMS(3), picked), "rows"), none = leaf(tape, "none", WG_DIMS(0, 3), true);
    for (size_t i = 0; i < steps; i++) h = wg_tanh(wg_matmul(wg_transpose(w), wg_matmul(w, h)));
    wg_var loss = wg_add(wg_mul(wg_sum(wg_square(h)), scale), wg_sum(wg_square(wg_take(table, rows, 2))));
    loss = wg_add(loss, wg_sum(none));
    wg_var wrt[] = {w, table, scale, none};
    bool fine = page_write(file, loss, wrt, 4, "a chain", message, MESSAGE);
    wg_tape_free(tape);
    return fine;
}

/* Numbers that are not finite. */
static bool infinite(const char *file)
{
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var x = wg_name(wg_variable(tape, WG_DIMS(4), ((double[]){0, 1, -1, 1e308})), "x");
    wg_var y = wg_name(wg_sqrt(x), "y"), z = wg_name(wg_mul(x, wg_scalar(tape, 10)), "z");
    bool fine = page_write(file, wg_sum(wg_add(y, z)), &x, 1, "not finite", message, MESSAGE);
    wg_tape_free(tape);
    return fine;
}

static bool page_of(const char *name, const char *file)
{
    if (!strcmp(name, "network")) return network(file, WG_F64, 4, 5);
    if (!strcmp(name, "large")) return network(file, WG_F32, 300, 100);
    if (!strcmp(name, "chain")) return chain(file, 12);
    if (!strcmp(name, "infinite")) return infinite(file);
    return false;
}

/* ---- what is in the file ------------------------------------------------------------------------------------------------ */

static void read_page(void)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t length = fread(text, 1, MOST - 1, file);
    assert_int_equal(fclose(file), 0);
    assert_true(length < MOST - 1);
    text[length] = '\0';
}

static size_t times(const char *word)
{
    size_t n = 0;
    for (const char *at = text; (at = strstr(at, word)); at += strlen(word)) n++;
    return n;
}

static void has(const char *word)
{
    if (!strstr(text, word)) fail_msg("the page does not have %s", word);
}

/* A whole page around data that end where they should, and nothing that is fetched. */
static void is_a_page(void)
{
    read_page();
    assert_memory_equal(text, "<!DOCTYPE html>", 15);
    const char *data = strstr(text, "id=\"data\">{"), *end = data ? strstr(data, "</script>") : NULL;
    assert_non_null(end);
    assert_true(end[-1] == '}');
    for (const char *c = data + 10; c < end; c++) assert_false(*c == '<' || *c == '&');
    assert_string_equal(text + strlen(text) - 8, "</html>\n");
    assert_null(strstr(text, "src="));
    assert_null(strstr(text, "href="));
    assert_null(strstr(text, "@import"));
    assert_null(strstr(text, "url(h"));
}

static void networks(void **state)
{
    (void)state;
    assert_true(page_of("network", path));
    is_a_page();
    has("{\"title\":\"two layers, "
        "\\u003cb\\u003e\\u0026amp;\\u0022\\u003c/b\\u003e\",\"dtype\":\"f64\",\"scalar\":12,\"wrt\":[2,3,4,5]");
    has("{\"kind\":\"variable\",\"name\":\"W1\",\"shape\":[4,3],\"leaf\":true,\"inputs\":[],\"value\":{\"size\":12,"
        "\"nonfinite\":0,");
    has("{\"kind\":\"add\",\"name\":\"Z1\",\"shape\":[4,5],\"leaf\":false,\"inputs\":[6,3],\"attributes\":\"\","
        "\"formula\":\"W1 @ X + b1\"");
    assert_int_equal(times("{\"kind\":"), 13);
    assert_int_equal(times("{\"node\":"), 11); /* without X and Y */
    assert_int_equal(times("{\"from\":"), 10);
    has("{\"node\":12,\"adjoint\":{\"size\":1,\"nonfinite\":0,\"zeros\":0,\"min\":1,\"max\":1,\"mean\":1,\"norm\":1,"
        "\"slices\":1,"
        "\"rows\":1,\"columns\":1,\"numbers\":[1]}}");
    has("\\ndZ2 = dA2 * A2 * (1 - A2)   (2,5)   |dZ2| = ");
    assert_int_equal(times("picture\":{"), 0);
}

/* Of large arrays the first rows and columns, and a picture of the whole. */
static void large_arrays(void **state)
{
    (void)state;
    assert_true(page_of("large", path));
    is_a_page();
    has("\"dtype\":\"f32\"");
    has("\"size\":30000,");
    has("\"slices\":1,\"rows\":24,\"columns\":24,\"numbers\":[");
    has("\"picture\":{\"rows\":40,\"columns\":40,\"numbers\":[");
    assert_true(strlen(text) < 600000);
}

static void unnamed_values(void **state)
{
    (void)state;
    assert_true(page_of("chain", path));
    is_a_page();
    has("\"name\":\"L\"");
    has("\"name\":\"v1\"");
    has("{\"kind\":\"indices\",\"name\":\"rows\"");
    has("\"numbers\":[2,0,2]");
    has("\"name\":\"none\",\"shape\":[0,3],\"leaf\":true,\"inputs\":[],\"value\":{\"size\":0,\"nonfinite\":0,\"zeros\":"
        "0,\"slices\":1,");
    has("\"slices\":2,\"rows\":3,\"columns\":5,");
}

static void not_finite(void **state)
{
    (void)state;
    assert_true(page_of("infinite", path));
    is_a_page();
    has("\"numbers\":[0,1,\"nan\",1e+154]");
    has("\"numbers\":[0,10,-10,\"inf\"]");
    has("\"nonfinite\":1");
}

/* By the command. */
static int explain(const char *file)
{
    char *words[] = {(char *)"wengert", (char *)"explain", (char *)"S = c * 2\nsum(S ** 2)", (char *)"--in",
        (char *)COMMAND_DATA "/shapes.npz", (char *)"--html", (char *)file};
    FILE *out = tmpfile(), *err = tmpfile();
    assert_true(out && err);
    int status = command_run(7, words, out, err);
    assert_int_equal(ftell(out), 0);
    rewind(err);
    size_t length = fread(message, 1, MESSAGE - 1, err);
    message[length] = '\0';
    assert_int_equal(fclose(out), 0);
    assert_int_equal(fclose(err), 0);
    return status;
}

static void command(void **state)
{
    (void)state;
    int status = explain(path);
    assert_string_equal(message, "");
    assert_int_equal(status, COMMAND_RIGHT);
    is_a_page();
    has("{\"title\":\"S = c * 2\\u000asum(S ** 2)\"");
    has("\"name\":\"S\",\"shape\":[2,3,4],\"leaf\":false,");
    has("\\ndS = 2 * dv1 * S   (2,3,4)   |dS| = ");
    has("\\ndc = 2 * dS   (2,3,4)   |dc| = ");
    has("\"slices\":2,\"rows\":3,\"columns\":4,\"numbers\":[0,1,2,3,10,");
    assert_int_equal(explain("no/such/place.html"), COMMAND_UNUSABLE);
    assert_non_null(strstr(message, "wengert: no/such/place.html: cannot be written: "));
}

static void mistakes(void **state)
{
    (void)state;
    assert_false(network("no/such/place.html", WG_F64, 2, 2));
    assert_non_null(strstr(message, "no/such/place.html: cannot be written: "));
    assert_false(chain(path, 600));
    assert_string_equal(message, "test_page.tmp.html: the tape has 2415 nodes, and a page shows at most 2000");
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var x = leaf(tape, "x", WG_DIMS(2), true);
    assert_false(page_write(path, x, &x, 1, "", message, MESSAGE));
    assert_string_equal(message, "test_page.tmp.html: there is no scalar to explain");
    assert_false(page_write(path, (wg_var){0}, &x, 1, "", message, MESSAGE));
    wg_var loss = wg_sum(x), other = {0};
    assert_false(page_write(path, loss, &other, 1, "", message, MESSAGE));
    assert_non_null(strstr(message, "test_page.tmp.html: "));
    wg_tape_free(tape);
}

static int clean(void **state)
{
    (void)state;
    (void)remove(path);
    return 0;
}

int main(int count, char **words)
{
    if (count == 3) {
        bool fine = page_of(words[1], words[2]);
        if (!fine) print_error("%s\n", message);
        return !fine;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(networks),
        cmocka_unit_test(large_arrays),
        cmocka_unit_test(unnamed_values),
        cmocka_unit_test(not_finite),
        cmocka_unit_test(command),
        cmocka_unit_test(mistakes),
    };
    return cmocka_run_group_tests(tests, NULL, clean);
}
