/* Operators. Of plain numbers they are Python's, so that 1/3, -1 and 2**10 can stand where an op takes a number;
 * otherwise they record an op. */
#include "evaluation.h"

#include <math.h>
#include <string.h>

/* An operator as a number: '+', '-', '*', '/', '@', '%', and 'p' for **, 'q' for //. */
static char operator_of(const evaluation *e, const tree *t)
{
    const char *text = evaluation_text(e) + t->at;
    if (t->length == 2) return text[0] == '*' ? 'p' : 'q';
    return text[0];
}

/* ---- plain numbers ------------------------------------------------------------------------------------------------------- */

static bool operator_fits(double exact) { return exact > -9.2e18 && exact < 9.2e18; }

/* An integer to the power of one that is not negative. False: too large. */
static bool operator_power(int64_t base, int64_t exponent, int64_t *result)
{
    if (!operator_fits(pow((double)base, (double)exponent))) return false;
    *result = 1;
    if (base == 0 || base == 1) {
        *result = exponent ? base : 1;
    } else if (base == -1) {
        *result = exponent % 2 ? -1 : 1;
    } else {
        for (int64_t i = 0; i < exponent; i++) *result *= base;
    }
    return true;
}

/* Of two integers, where the result is one that fits. */
static bool operator_integers(char mark, int64_t a, int64_t b, int64_t *result)
{
    switch (mark) {
    case '+':
        return operator_fits((double)a + (double)b) && (*result = a + b, true);
    case '-':
        return operator_fits((double)a - (double)b) && (*result = a - b, true);
    case '*':
        return operator_fits((double)a * (double)b) && (*result = a * b, true);
    case 'p':
        return b >= 0 && operator_power(a, b, result);
    case '%':
    case 'q':
        if (b == 0 || (b == -1 && a == INT64_MIN)) return false;
        *result = mark == '%' ? a % b : a / b;
        if (a % b && (a < 0) != (b < 0)) *result += mark == '%' ? b : -1;
        return true;
    default:
        return false;
    }
}

/* The remainder has the sign of b; the quotient comes from the exact remainder, since a / b may round up to an integer. */
static double operator_divide(char mark, double a, double b)
{
    double rest = fmod(a, b), multiple = rint((a - rest) / b);
    bool turned = rest != 0 && (rest < 0) != (b < 0);
    if (mark == '%') return turned ? rest + b : rest;
    if (b == 0) return a / b;
    return turned ? multiple - 1 : multiple;
}

static double operator_floats(char mark, double a, double b)
{
    switch (mark) {
    case '+':
        return a + b;
    case '-':
        return a - b;
    case '*':
        return a * b;
    case '/':
        return a / b;
    case 'p':
        return pow(a, b);
    default:
        return operator_divide(mark, a, b);
    }
}

/* ---- arrays ------------------------------------------------------------------------------------------------------------- */

static wg_var operator_record(char mark, wg_var a, wg_var b)
{
    switch (mark) {
    case '+':
        return wg_add(a, b);
    case '-':
        return wg_sub(a, b);
    case '*':
        return wg_mul(a, b);
    case '/':
        return wg_div(a, b);
    case '@':
        return wg_matmul(a, b);
    case 'p':
        return wg_pow(a, b);
    case 'q':
        return wg_floor_divide(a, b);
    default:
        return wg_remainder(a, b);
    }
}

static bool operator_binary(evaluation *e, const tree *t, value *v)
{
    const tree *left = t->first, *right = left->next;
    char mark = operator_of(e, t);
    value a, b;
    if (!evaluation_value(e, left, &a) || !evaluation_value(e, right, &b)) return false;
    if (a.kind == VALUE_NUMBER && b.kind == VALUE_NUMBER && mark != '@') {
        int64_t whole;
        bool integer = a.integer && b.integer && operator_integers(mark, a.whole, b.whole, &whole);
        *v = integer ? value_of_integer(whole) : value_of_number(operator_floats(mark, a.number, b.number));
        return true;
    }
    wg_var x, y;
    if (!value_numbers(e, left, &a, &x)) return false;
    if (mark == 'p' && b.kind == VALUE_NUMBER && !b.source && b.number == 2) {
        *v = value_of_var(wg_square(x));
        return evaluation_healthy(e, t);
    }
    if (!value_numbers(e, right, &b, &y)) return false;
    *v = value_of_var(operator_record(mark, x, y));
    return evaluation_healthy(e, t);
}

static bool operator_sign(evaluation *e, const tree *t, value *v)
{
    value x;
    wg_var var;
    if (!evaluation_value(e, t->first, &x)) return false;
    if (x.kind == VALUE_NUMBER) {
        *v = x;
        if (t->kind == TREE_POSITIVE) return true;
        *v = x.integer && x.whole != INT64_MIN ? value_of_integer(-x.whole) : value_of_number(-x.number);
        return true;
    }
    if (!value_numbers(e, t->first, &x, &var)) return false;
    *v = t->kind == TREE_POSITIVE ? x : value_of_var(wg_neg(var));
    return evaluation_healthy(e, t);
}

/* The last two axes swapped; of fewer, as in NumPy, the value itself. */
static bool operator_transpose(evaluation *e, const tree *t, value *v)
{
    wg_var var;
    if (!evaluation_value(e, t->first, v)) return false;
    if (v->kind != VALUE_NOTHING && v->kind != VALUE_SEVERAL && value_rank(v) < 2) return true;
    if (!value_either(e, t->first, v, &var)) return false;
    *v = value_of_var(wg_transpose(var));
    return evaluation_healthy(e, t);
}

bool evaluation_operator(evaluation *e, const tree *t, value *v)
{
    if (t->kind == TREE_BINARY) return operator_binary(e, t, v);
    return t->kind == TREE_TRANSPOSE ? operator_transpose(e, t, v) : operator_sign(e, t, v);
}
