/* A tape written out: every format exactly for a small tape, and whatever names may hold. */
#include "inspect/text.h"

static text dumped(wg_tape *tape, wg_dump_format format)
{
    text t = {0};
    assert_int_equal(wg_dump(tape, format, text_write, &t), WG_OK);
    return t;
}

/* x (2,3), constant; w (3), variable; y = sum(x w, axis 1); label (2); its first row. */
static wg_tape *small_tape(wg_dtype dtype)
{
    wg_tape *tape = new_tape(dtype);
    wg_var x = wg_name(wg_constant(tape, WG_DIMS(2, 3), (double[]){1, 2, 3, 4, 5, 6}), "x");
    wg_var w = wg_name(wg_variable(tape, WG_DIMS(3), (double[]){1, 1, 1}), "w");
    wg_var product = wg_mul(x, w);
    wg_var y = wg_name(wg_sum_axes(product, WG_AXES(1), true), "y");
    assert_int_equal(wg_retain_grad(y), WG_OK);
    wg_indices(tape, WG_DIMS(2), (int64_t[]){0, 1});
    wg_slice(x, 0, 0, 1, 1);
    wg_square(wg_scalar_variable(tape, 3));
    HEALTHY(tape);
    return tape;
}

static void test_text(void **state)
{
    (void)state;
    wg_tape *tape = small_tape(WG_F64);
    text t = dumped(tape, WG_DUMP_TEXT);
    TEXT_IS(&t, "%0  x  constant                           (2,3)\n"
                "%1  w  variable                           (3)    variable depends\n"
                "%2     mul                          x, w  (2,3)  depends\n"
                "%3  y  sum axis=1 keepdims=true     %2    (2,1)  depends retained\n"
                "%4     indices                            (2)    indices\n"
                "%5     slice axis=0 start=0 stop=1  x     (1,3)  view\n"
                "%6     variable                           ()     variable depends\n"
                "%7     square                       %6    ()     depends\n");
    text_free(&t);
    wg_tape_free(tape);
}

static void test_json(void **state)
{
    (void)state;
    wg_tape *tape = small_tape(WG_F32);
    text t = dumped(tape, WG_DUMP_JSON);
    JSON_IS_VALID(&t);
    TEXT_IS(&t,
        "{\"dtype\": \"f32\", \"nodes\": [\n"
        "{\"index\": 0, \"kind\": \"constant\", \"name\": \"x\", \"shape\": [2, 3], \"inputs\": [], \"attributes\": "
        "\"\", "
        "\"flags\": [\"leaf\"]},\n"
        "{\"index\": 1, \"kind\": \"variable\", \"name\": \"w\", \"shape\": [3], \"inputs\": [], \"attributes\": \"\", "
        "\"flags\": [\"leaf\", \"variable\", \"depends\"]},\n"
        "{\"index\": 2, \"kind\": \"mul\", \"name\": null, \"shape\": [2, 3], \"inputs\": [0, 1], \"attributes\": "
        "\"\", "
        "\"flags\": [\"depends\"]},\n"
        "{\"index\": 3, \"kind\": \"sum\", \"name\": \"y\", \"shape\": [2, 1], \"inputs\": [2], \"attributes\": "
        "\"axis=1 "
        "keepdims=true\", \"flags\": [\"depends\", \"retained\"]},\n"
        "{\"index\": 4, \"kind\": \"indices\", \"name\": null, \"shape\": [2], \"inputs\": [], \"attributes\": \"\", "
        "\"flags\": [\"leaf\", \"indices\"]},\n"
        "{\"index\": 5, \"kind\": \"slice\", \"name\": null, \"shape\": [1, 3], \"inputs\": [0], \"attributes\": "
        "\"axis=0 "
        "start=0 stop=1\", \"flags\": [\"view\"]},\n"
        "{\"index\": 6, \"kind\": \"variable\", \"name\": null, \"shape\": [], \"inputs\": [], \"attributes\": \"\", "
        "\"flags\": [\"leaf\", \"variable\", \"depends\"]},\n"
        "{\"index\": 7, \"kind\": \"square\", \"name\": null, \"shape\": [], \"inputs\": [6], \"attributes\": \"\", "
        "\"flags\": [\"depends\"]}\n"
        "]}\n");
    text_free(&t);
    wg_tape_free(tape);
}

static void test_dot(void **state)
{
    (void)state;
    wg_tape *tape = small_tape(WG_F64);
    text t = dumped(tape, WG_DUMP_DOT);
    TEXT_IS(&t, "digraph tape {\n"
                "  n0 [label=\"x\\nconstant\\n(2,3)\", shape=box];\n"
                "  n1 [label=\"w\\nvariable\\n(3)\", shape=box, style=filled, fillcolor=lightblue];\n"
                "  n2 [label=\"mul\\n(2,3)\", color=blue];\n"
                "  n0 -> n2 [label=\"0\"];\n"
                "  n1 -> n2 [label=\"1\"];\n"
                "  n3 [label=\"y\\nsum axis=1 keepdims=true\\n(2,1)\", color=blue];\n"
                "  n2 -> n3;\n"
                "  n4 [label=\"indices\\n(2)\", shape=box];\n"
                "  n5 [label=\"slice axis=0 start=0 stop=1\\n(1,3)\"];\n"
                "  n0 -> n5;\n"
                "  n6 [label=\"variable\\n()\", shape=box, style=filled, fillcolor=lightblue];\n"
                "  n7 [label=\"square\\n()\", color=blue];\n"
                "  n6 -> n7;\n"
                "}\n");
    text_free(&t);
    wg_tape_free(tape);
}

/* ---- names ----------------------------------------------------------------------------------------------------------------- */

/* Statements of the graph language: words, strings in which a quote is escaped, and signs; brackets closed. */
static void dot_is_valid(const text *t)
{
    int brackets = 0, braces = 0;
    for (const char *s = t->at; *s; s++) {
        if (*s == '"') {
            for (s++; *s != '"'; s++) {
                assert_true(*s && *s != '\n');
                if (*s == '\\') s++, assert_true(*s == 'n' || *s == '"' || *s == '\\');
            }
            assert_int_equal(brackets, 1);
        } else if (*s == '[' || *s == ']') {
            brackets += *s == '[' ? 1 : -1;
        } else if (*s == '{' || *s == '}') {
            braces += *s == '{' ? 1 : -1;
        } else {
            assert_true(strchr("abcdefghijklmnopqrstuvwxyz0123456789_=,;-> \n", *s));
        }
        assert_true(brackets >= 0 && brackets < 2 && braces >= 0 && braces < 2);
    }
    assert_int_equal(brackets + braces, 0);
}

/* Quotes, backslashes, control characters, UTF-8 and what is none: overlong, a surrogate, cut off, above U+10FFFF. */
static void test_names(void **state)
{
    (void)state;
    static const struct {
        const char *name, *json, *dot, *plain;
    } cases[] = {{"a\"b\\c", "\"a\\\"b\\\\c\"", "a\\\"b\\\\c\\nc", "a\"b\\c"},
        {"a\nb\tc\x01\x7f", "\"a\\nb\\u0009c\\u0001\\u007f\"", "a\\nb c  \\n", "a?b?c??"},
        {"\xCE\xB1\xE2\x82\xAC\xF0\x9F\x99\x82", "\"\xCE\xB1\xE2\x82\xAC\xF0\x9F\x99\x82\"",
            "\xCE\xB1\xE2\x82\xAC\xF0\x9F\x99\x82\\n", "\xCE\xB1\xE2\x82\xAC\xF0\x9F\x99\x82"},
        {"x\xFFy", "\"x\xEF\xBF\xBDy\"", "x\xEF\xBF\xBDy\\n", "x?y"},
        {"\xC0\x80", "\"\xEF\xBF\xBD\xEF\xBF\xBD\"", "\xEF\xBF\xBD\xEF\xBF\xBD\\n", "??"},
        {"\xED\xA0\x80", "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"", "\xEF\xBF\xBD", "???"},
        {"\xF4\x90\x80\x80", "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"", "\xEF\xBF\xBD", "????"},
        {"e\xE2\x82", "\"e\xEF\xBF\xBD\xEF\xBF\xBD\"", "e\xEF\xBF\xBD", "e??"}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        wg_tape *tape = new_tape(WG_F64);
        wg_neg(wg_name(wg_scalar(tape, 1), cases[k].name));
        text json = dumped(tape, WG_DUMP_JSON), dot = dumped(tape, WG_DUMP_DOT), plain = dumped(tape, WG_DUMP_TEXT);
        JSON_IS_VALID(&json);
        TEXT_HAS(&json, cases[k].json);
        TEXT_HAS(&dot, cases[k].dot);
        dot_is_valid(&dot);
        TEXT_HAS(&plain, cases[k].plain);
        text_free(&json);
        text_free(&dot);
        text_free(&plain);
        wg_tape_free(tape);
    }
}

/* Columns stay aligned behind a name in UTF-8, and an entry that is too long sticks out alone. */
static void test_columns(void **state)
{
    (void)state;
    wg_tape *tape = new_tape(WG_F64);
    wg_name(wg_scalar(tape, 1), "\xCE\xB1");
    wg_name(wg_scalar(tape, 1), "ab");
    text t = dumped(tape, WG_DUMP_TEXT);
    TEXT_IS(&t, "%0  \xCE\xB1   constant  ()\n%1  ab  constant  ()\n");
    text_free(&t);
    wg_name(wg_scalar(tape, 1), "a name of more than forty characters, which is too wide");
    t = dumped(tape, WG_DUMP_TEXT);
    TEXT_HAS(&t, "%1  ab                                        constant  ()\n");
    TEXT_HAS(&t, "too wide  constant  ()\n");
    text_free(&t);
    wg_tape_free(tape);
}

/* ---- tapes ------------------------------------------------------------------------------------------------------------------ */

static void test_empty(void **state)
{
    (void)state;
    wg_tape *tape = new_tape(WG_F64);
    text json = dumped(tape, WG_DUMP_JSON), dot = dumped(tape, WG_DUMP_DOT), plain = {0};
    assert_int_equal(wg_dump(tape, WG_DUMP_TEXT, text_write, &plain), WG_OK);
    JSON_IS_VALID(&json);
    TEXT_IS(&json, "{\"dtype\": \"f64\", \"nodes\": [\n]}\n");
    TEXT_IS(&dot, "digraph tape {\n}\n");
    assert_int_equal(plain.length, 0);
    text_free(&json);
    text_free(&dot);
    wg_tape_free(tape);
}

/* A tape in error, and one with stale values, can be written out; nothing is evaluated or changed by it. */
static void test_any_state(void **state)
{
    (void)state;
    wg_tape *tape = new_tape(WG_F64);
    wg_var x = wg_variable(tape, WG_DIMS(2), (double[]){1, 2}), y = wg_exp(x);
    wg_set_value(x, (double[]){3, 4});
    text t = dumped(tape, WG_DUMP_TEXT);
    TEXT_HAS(&t, "depends stale");
    text_free(&t);
    wg_add(y, wg_constant(tape, WG_DIMS(3), (double[]){1, 2, 3}));
    assert_int_equal(wg_tape_status(tape), WG_ERROR_STALE);
    t = dumped(tape, WG_DUMP_TEXT);
    TEXT_HAS(&t, "depends stale");
    text_free(&t);
    EXPECT_ERROR(tape, WG_ERROR_STALE, "add");
    assert_int_equal(wg_tape_replay(tape), WG_OK);
    t = dumped(tape, WG_DUMP_TEXT);
    assert_null(strstr(t.at, "stale"));
    text_free(&t);
    wg_tape_free(tape);
}

static void test_misuse(void **state)
{
    (void)state;
    wg_tape *tape = new_tape(WG_F64);
    text t = {0};
    assert_int_equal(wg_dump(NULL, WG_DUMP_TEXT, text_write, &t), WG_ERROR_ARGUMENT);
    assert_int_equal(wg_dump(tape, WG_DUMP_TEXT, NULL, &t), WG_ERROR_ARGUMENT);
    EXPECT_ERROR(tape, WG_ERROR_ARGUMENT, "wg_dump", "writer is NULL");
    assert_int_equal(wg_dump(tape, (wg_dump_format)3, text_write, &t), WG_ERROR_ARGUMENT);
    EXPECT_ERROR(tape, WG_ERROR_ARGUMENT, "wg_dump", "no format 3");
    assert_null(t.at);
    wg_tape_free(tape);
}

static void test_file(void **state)
{
    (void)state;
    wg_tape *tape = new_tape(WG_F64);
    FILE *file = tmpfile();
    char line[64];
    wg_name(wg_scalar(tape, 1), "s");
    assert_non_null(file);
    assert_int_equal(wg_dump(tape, WG_DUMP_TEXT, wg_write_to_file, file), WG_OK);
    rewind(file);
    assert_non_null(fgets(line, sizeof line, file));
    assert_string_equal(line, "%0  s  constant  ()\n");
    fclose(file);
    wg_tape_free(tape);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_text), cmocka_unit_test(test_json),
        cmocka_unit_test(test_dot), cmocka_unit_test(test_names), cmocka_unit_test(test_columns),
        cmocka_unit_test(test_empty), cmocka_unit_test(test_any_state), cmocka_unit_test(test_misuse),
        cmocka_unit_test(test_file)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
