/* The language of expressions: how texts are cut into tokens and trees, and where their errors are. A tree is written
 * with all of its parentheses, as Python groups it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "command/expression.h"

static char written[4096];

static void write_text(const char *text, size_t length)
{
    size_t used = strlen(written);
    assert_true(used + length < sizeof written);
    memcpy(written + used, text, length);
    written[used + length] = '\0';
}

static void write_tree(const char *text, const tree *t);

static void write_children(const char *text, const tree *t, const char *open, const char *comma, const char *close)
{
    write_text(open, strlen(open));
    for (const tree *c = t; c; c = c->next) {
        if (c != t) write_text(comma, strlen(comma));
        write_tree(text, c);
    }
    write_text(close, strlen(close));
}

static void write_tree(const char *text, const tree *t)
{
    switch (t->kind) {
    case TREE_BINARY:
        write_text("(", 1);
        write_tree(text, t->first);
        write_text(text + t->at, t->length);
        write_tree(text, t->first->next);
        write_text(")", 1);
        break;
    case TREE_NEGATIVE:
    case TREE_POSITIVE:
        write_text("(", 1);
        write_text(text + t->at, t->length);
        write_tree(text, t->first);
        write_text(")", 1);
        break;
    case TREE_TRANSPOSE:
        write_tree(text, t->first);
        write_text(".T", 2);
        break;
    case TREE_LIST:
        write_children(text, t->first, "[", ",", "]");
        break;
    case TREE_CALL:
        write_text(text + t->at, t->length);
        write_children(text, t->first, "(", ",", ")");
        break;
    case TREE_ARGUMENT:
        write_text(text + t->at, t->length);
        write_children(text, t->first, "=", "", "");
        break;
    case TREE_SUBSCRIPT:
        write_tree(text, t->first);
        write_children(text, t->first->next, "[", ",", "]");
        break;
    case TREE_SLICE:
        write_children(text, t->first, "", ":", "");
        break;
    default:
        write_text(text + t->at, t->length);
    }
}

/* The steps of a text, each as NAMES=TREE, separated by spaces. */
static void parses(const char *text, const char *as)
{
    expression e;
    expression_error error;
    written[0] = '\0';
    if (!expression_parse(&e, text, &error)) fail_msg("%s: at %zu: %s", text, error.at, error.text);
    for (size_t i = 0; i < e.count; i++) {
        const expression_step *s = &e.steps[i];
        if (i) write_text(" ", 1);
        for (size_t k = 0; k < s->names_count; k++) {
            write_text(text + s->names[k].at, s->names[k].length);
            write_text(k + 1 < s->names_count ? "," : "=", 1);
        }
        write_tree(text, s->value);
    }
    assert_string_equal(written, as);
    expression_free(&e);
}

/* A text is refused at a place, which is given by its column from 1, in words. */
static void refuses(const char *text, size_t column, const char *words)
{
    expression e;
    expression_error error;
    if (expression_parse(&e, text, &error)) fail_msg("%s is accepted", text);
    if (error.at + 1 != column) fail_msg("%s: column %zu, not %zu: %s", text, error.at + 1, column, error.text);
    if (!strstr(error.text, words)) fail_msg("\"%s\" does not say \"%s\"", error.text, words);
}

static void test_precedence(void **state)
{
    (void)state;
    /* As Python's ast.unparse groups them. */
    parses("a + b * c", "(a+(b*c))");
    parses("a * b + c", "((a*b)+c)");
    parses("a - b - c", "((a-b)-c)");
    parses("a / b / c", "((a/b)/c)");
    parses("a / b * c", "((a/b)*c)");
    parses("a * b @ c", "((a*b)@c)");
    parses("a @ b * c", "((a@b)*c)");
    parses("a @ b @ c", "((a@b)@c)");
    parses("a @ b + c", "((a@b)+c)");
    parses("a // b % c", "((a//b)%c)");
    parses("-x**2", "(-(x**2))");
    parses("(-x)**2", "((-x)**2)");
    parses("2**-1", "(2**(-1))");
    parses("2**-x**2", "(2**(-(x**2)))");
    parses("a ** b ** c", "(a**(b**c))");
    parses("(a ** b) ** c", "((a**b)**c)");
    parses("-a * b", "((-a)*b)");
    parses("-a @ b", "((-a)@b)");
    parses("-a + b", "((-a)+b)");
    parses("a * -b", "(a*(-b))");
    parses("a - -b", "(a-(-b))");
    parses("--a", "(-(-a))");
    parses("+-a", "(+(-a))");
    parses("a * b ** c", "(a*(b**c))");
    parses("a ** b * c", "((a**b)*c)");
    parses("-x.T", "(-x.T)");
    parses("x.T ** 2", "(x.T**2)");
    parses("x ** y.T", "(x**y.T)");
    parses("-x[0]", "(-x[0])");
    parses("x[0] ** 2", "(x[0]**2)");
    parses("2 ** x[0].T", "(2**x[0].T)");
    parses("f(x).T[0]", "f(x).T[0]");
    parses("a @ (b + c)", "(a@(b+c))");
    parses("(((a)))", "a");
}

static void test_parts(void **state)
{
    (void)state;
    parses("f()", "f()");
    parses("f(a, b=1, )", "f(a,b=1)");
    parses("f([0, -1], true)", "f([0,(-1)],true)");
    parses("[]", "[]");
    parses("[[1, 2], [3, 4],]", "[[1,2],[3,4]]");
    parses("x[1]", "x[1]");
    parses("x[:]", "x[::]");
    parses("x[1:]", "x[1::]");
    parses("x[:-1]", "x[:(-1):]");
    parses("x[::2]", "x[::2]");
    parses("x[1:n+1:2]", "x[1:(n+1):2]");
    parses("x[1::-1, ..., 2]", "x[1::(-1),...,2]");
    parses("x[...]", "x[...]");
    parses("x[none, :]", "x[none,::]");
    parses("f(\"ij,jk->ik\", 'b')", "f(ij,jk->ik,b)");
    parses("1 + 1. + .5 + 1e3 + 1.5E-3 + 1_000", "(((((1+1.)+.5)+1e3)+1.5E-3)+1_000)");
    parses("1.e3", "1.e3");
    parses("0 * 00", "(0*00)");
    /* Names as keys of state dicts have them. */
    parses("fc1.weight.T @ layers.0.bias", "(fc1.weight.T@layers.0.bias)");
    parses("x.T.T", "x.T.T");
    parses("x.Tail", "x.Tail");
    parses("\xce\xb1 + \xce\xb2", "(\xce\xb1+\xce\xb2)");
}

static void test_steps(void **state)
{
    (void)state;
    parses("Z = W @ X; sum(Z)", "Z=(W@X) sum(Z)");
    parses("Z = W @ X\nsum(Z)\n", "Z=(W@X) sum(Z)");
    parses(";; Z = W;\n\n ; L = Z ;", "Z=W L=Z");
    parses("q, r = qr(A); sum(q)", "q,r=qr(A) sum(q)");
    parses("Z = f(a,\n      b) # a comment; with a step\nL = Z", "Z=f(a,b) L=Z");
    parses("a[0,\n1]\r\n", "a[0,1]");
    parses("# nothing\na", "a");
}

static void test_errors(void **state)
{
    (void)state;
    refuses("", 1, "empty");
    refuses(" ; \n", 5, "empty");
    refuses("a +", 4, "a value is missing at the end");
    refuses("a + ; b", 5, "a value is missing before the end of the step");
    refuses("a + )", 5, "a value is missing before )");
    refuses("* a", 1, "a value is missing before *");
    refuses("a b", 3, "missing before b");
    refuses("a 2", 3, "missing before 2");
    refuses("(a + b", 7, ") is missing at the end");
    refuses("(a; b)", 3, ") is missing before the end of the step");
    refuses("a)", 2, "missing before )");
    refuses("f(a", 4, "a comma or ) is missing");
    refuses("f(a b)", 5, "a comma or ) is missing before b");
    refuses("f(,)", 3, "a value is missing before ,");
    refuses("f(a=)", 5, "a value is missing before )");
    refuses("[1, 2", 6, "a comma or ] is missing");
    refuses("[1 2]", 4, "a comma or ] is missing before 2");
    refuses("x[", 3, "a value is missing at the end");
    refuses("x[]", 3, "an index is missing before ]");
    refuses("x[1:2:3:4]", 8, "a comma or ] is missing before :");
    refuses("x[1,,2]", 5, "an index is missing before ,");
    refuses("(a, b)", 3, "no tuples");
    refuses("a, b", 2, "a comma outside");
    refuses("a = b = c", 7, "= stands behind");
    refuses("f(x) = 2", 6, "= stands behind");
    refuses("1 = a", 3, "= stands behind");
    refuses("a[0] = b", 6, "= stands behind");
    refuses("f(x)(y)", 5, "only an op's name can be called");
    refuses("2x", 1, "no number");
    refuses("1.2.3", 1, "no number");
    refuses("1__0", 1, "no number");
    refuses("1.e", 1, "no number");
    refuses("a + 012", 5, "begins with a 0");
    refuses("a ^ 2", 3, "a power is written **");
    refuses("a < b", 3, "comparisons are calls");
    refuses("a == b", 3, "comparisons are calls");
    refuses("a != b", 3, "comparisons are calls");
    refuses("a & b", 3, "logic is calls");
    refuses("a $ b", 3, "$ is not used here");
    refuses("{a}", 1, "braces");
    refuses("a \x01", 3, "control character");
    refuses("f(x).sum()", 5, "there is .T alone");
    refuses("f('ab)", 3, "the quote does not end");
    refuses("f(\"a\nb\")", 3, "the quote does not end");
    refuses("a = ", 5, "a value is missing at the end");
}

/* No text, however deep or long, is more than an error. */
static void test_depth(void **state)
{
    (void)state;
    static const struct {
        const char *unit, *words;
    } deep[] = {{"(", "nested more than"}, {"-", "nested more than"}, {"+", "nested more than"}, {"a+", "levels deep"},
        {"a@", "levels deep"}, {"a**", "nested more than"}, {"[", "nested more than"}, {"f(", "nested more than"},
        {"x[", "nested more than"}, {"f(a=", "nested more than"}, {"2**-", "nested more than"}};
    enum { LENGTH = 60000 };
    char *text = malloc(LENGTH + 8);
    assert_non_null(text);
    expression e;
    expression_error error;
    for (size_t k = 0; k < sizeof deep / sizeof *deep; k++) {
        size_t n = strlen(deep[k].unit), used = 0;
        while (used + n <= LENGTH) memcpy(text + used, deep[k].unit, n), used += n;
        memcpy(text + used, "a", 2);
        assert_false(expression_parse(&e, text, &error));
        if (!strstr(error.text, deep[k].words)) fail_msg("%s: %s", deep[k].unit, error.text);
    }
    memcpy(text, "x", 1);
    for (size_t i = 0; i < 15000; i++) memcpy(text + 1 + 3 * i, "[0]", 4);
    assert_false(expression_parse(&e, text, &error));
    assert_non_null(strstr(error.text, "levels deep"));
    /* Long, but not deep. */
    memcpy(text, "[", 1);
    for (size_t i = 0; i < 20000; i++) memcpy(text + 1 + 2 * i, "1,", 2);
    memcpy(text + 40001, "]", 2);
    assert_true(expression_parse(&e, text, &error));
    expression_free(&e);
    for (size_t i = 0; i < 20000; i++) memcpy(text + 2 * i, "a;", 3);
    assert_true(expression_parse(&e, text, &error));
    assert_int_equal(e.count, 20000);
    expression_free(&e);
    /* Terms up to the limit are fine. */
    for (size_t i = 0; i < 900; i++) memcpy(text + 2 * i, "a+", 2);
    memcpy(text + 1800, "a", 2);
    assert_true(expression_parse(&e, text, &error));
    expression_free(&e);
    free(text);
}

static void shows(const char *text, size_t at, const char *words, const char *as)
{
    expression_error error;
    char shown[2048];
    (void)expression_fail(&error, at, "%s", words);
    expression_show_error(text, &error, shown, sizeof shown);
    assert_string_equal(shown, as);
}

static void test_show(void **state)
{
    (void)state;
    shows("a + b", 4, "wrong", "expression: column 5: wrong\n    a + b\n        ^\n");
    shows("a +", 3, "wrong", "expression: column 4: wrong\n    a +\n       ^\n");
    shows("a\n\tb + c\nd", 4, "wrong", "expression: line 2, column 3: wrong\n     b + c\n      ^\n");
    shows("\xce\xb1 + b", 5, "wrong", "expression: column 5: wrong\n    \xce\xb1 + b\n        ^\n");
    shows("", 0, "wrong", "expression: column 1: wrong\n    \n    ^\n");
    /* Of a long line, what is around the place; the caret stands 60 characters in. */
    char text[301], shown[2048];
    memset(text, 'a', 300);
    text[300] = '\0';
    text[200] = 'X';
    expression_error error;
    (void)expression_fail(&error, 200, "wrong");
    expression_show_error(text, &error, shown, sizeof shown);
    const char *line = strchr(shown, '\n') + 1, *caret = strchr(line, '\n') + 1;
    assert_memory_equal(line, "    ...aaaa", 11);
    assert_int_equal(strchr(line, 'X') - line, strchr(caret, '^') - caret);
    assert_int_equal(strchr(line, 'X') - line, 67);
    /* A buffer too small is filled. */
    char small[20];
    expression_show_error(text, &error, small, sizeof small);
    assert_string_equal(small, "expression: column ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_precedence),
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_steps),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_show),
    };
    return cmocka_run_group_tests_name("expression", tests, NULL, NULL);
}
