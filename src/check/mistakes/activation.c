/* Mistakes at functions that work element by element, y = f(z): the right contribution is u f'(z), u the adjoint of y.
 *
 * Hand-written code leaves f' out; takes it at y although it is written for z, or the other way round, since many
 * derivatives are shortest as a formula of the result, such as y (1 - y); masks by the adjoint instead of the value;
 * or takes another function's derivative. */
#include "check/mistakes/numbers.h"

#include "wengert/ops.h"

#include <math.h>
#include <stdio.h>

/* One edge to the input of an elementwise function of one input; u and y are of z's shape. */
typedef struct activation_at {
    check_offers offers;
    const check_edge *edge;
    size_t n;
    const double *u, *z, *y;
    const char *kind;
    char input[128], output[128]; /* names */
} activation_at;

/* ---- functions and their derivatives ----------------------------------------------------------------------------------- */

static wg_var activation_leaky_hundredth(wg_var x) { return wg_leaky_relu(x, 0.01); }
static wg_var activation_leaky_tenth(wg_var x) { return wg_leaky_relu(x, 0.1); }
static wg_var activation_leaky_fifth(wg_var x) { return wg_leaky_relu(x, 0.2); }
static wg_var activation_elu_one(wg_var x) { return wg_elu(x, 1); }

/* Derivatives as they are written with the result. */
static double activation_by_sigmoid(double y) { return y * (1 - y); }
static double activation_by_tanh(double y) { return 1 - y * y; }
static double activation_without_square(double y) { return 1 - y; }
static double activation_by_relu(double y) { return y > 0; }
static double activation_by_softplus(double y) { return 1 - exp(-y); }
static double activation_by_logsigmoid(double y) { return 1 - exp(y); }
static double activation_by_softsign(double y) { return (1 - fabs(y)) * (1 - fabs(y)); }
static double activation_by_elu(double y) { return y > 0 ? 1 : y + 1; }
static double activation_by_exp(double y) { return y; }
static double activation_by_exp2(double y) { return y * log(2.0); }
static double activation_by_expm1(double y) { return y + 1; }
static double activation_by_sqrt(double y) { return 1 / (2 * y); }
static double activation_by_rsqrt(double y) { return -y * y * y / 2; }
static double activation_by_cbrt(double y) { return 1 / (3 * y * y); }
static double activation_by_reciprocal(double y) { return -y * y; }
static double activation_by_tan(double y) { return 1 + y * y; }

/* Functions that are taken for one another have the same kin. */
enum { ACTIVATION_KIN_NETWORK, ACTIVATION_KIN_EXP, ACTIVATION_KIN_LOG, ACTIVATION_KIN_ROOT, ACTIVATION_KIN_TURN };

typedef struct activation_function {
    const char *kind, *says;
    int kin;
    wg_var (*f)(wg_var x);
    double (*by_result)(double y); /* NULL: the derivative is not written so */
    const char *formula;           /* in y */
} activation_function;

static const activation_function activation_functions[] = {
    {"sigmoid", "sigmoid", ACTIVATION_KIN_NETWORK, wg_sigmoid, activation_by_sigmoid, "y (1 - y)"},
    {"tanh", "tanh", ACTIVATION_KIN_NETWORK, wg_tanh, activation_by_tanh, "1 - y^2"},
    {"relu", "relu", ACTIVATION_KIN_NETWORK, wg_relu, activation_by_relu, "y > 0"},
    {"leaky_relu", "leaky_relu with slope 0.01", ACTIVATION_KIN_NETWORK, activation_leaky_hundredth, NULL, NULL},
    {"leaky_relu", "leaky_relu with slope 0.1", ACTIVATION_KIN_NETWORK, activation_leaky_tenth, NULL, NULL},
    {"leaky_relu", "leaky_relu with slope 0.2", ACTIVATION_KIN_NETWORK, activation_leaky_fifth, NULL, NULL},
    {"gelu", "gelu", ACTIVATION_KIN_NETWORK, wg_gelu, NULL, NULL},
    {"gelu_tanh", "gelu_tanh", ACTIVATION_KIN_NETWORK, wg_gelu_tanh, NULL, NULL},
    {"silu", "silu", ACTIVATION_KIN_NETWORK, wg_silu, NULL, NULL},
    {"softplus", "softplus", ACTIVATION_KIN_NETWORK, wg_softplus, activation_by_softplus, "1 - exp(-y)"},
    {"elu", "elu", ACTIVATION_KIN_NETWORK, activation_elu_one, activation_by_elu, "y + 1 where y <= 0"},
    {"selu", "selu", ACTIVATION_KIN_NETWORK, wg_selu, NULL, NULL},
    {"mish", "mish", ACTIVATION_KIN_NETWORK, wg_mish, NULL, NULL},
    {"softsign", "softsign", ACTIVATION_KIN_NETWORK, wg_softsign, activation_by_softsign, "(1 - |y|)^2"},
    {"relu6", "relu6", ACTIVATION_KIN_NETWORK, wg_relu6, NULL, NULL},
    {"hardsigmoid", "hardsigmoid", ACTIVATION_KIN_NETWORK, wg_hardsigmoid, NULL, NULL},
    {"hardswish", "hardswish", ACTIVATION_KIN_NETWORK, wg_hardswish, NULL, NULL},
    {"logsigmoid", "logsigmoid", ACTIVATION_KIN_NETWORK, wg_logsigmoid, activation_by_logsigmoid, "1 - exp(y)"},
    {"exp", "exp", ACTIVATION_KIN_EXP, wg_exp, activation_by_exp, "y"},
    {"exp2", "exp2", ACTIVATION_KIN_EXP, wg_exp2, activation_by_exp2, "y log 2"},
    {"expm1", "expm1", ACTIVATION_KIN_EXP, wg_expm1, activation_by_expm1, "y + 1"},
    {"log", "log", ACTIVATION_KIN_LOG, wg_log, NULL, NULL},
    {"log2", "log2", ACTIVATION_KIN_LOG, wg_log2, NULL, NULL},
    {"log10", "log10", ACTIVATION_KIN_LOG, wg_log10, NULL, NULL},
    {"log1p", "log1p", ACTIVATION_KIN_LOG, wg_log1p, NULL, NULL},
    {"square", "square", ACTIVATION_KIN_ROOT, wg_square, NULL, NULL},
    {"sqrt", "sqrt", ACTIVATION_KIN_ROOT, wg_sqrt, activation_by_sqrt, "1 / (2 y)"},
    {"rsqrt", "rsqrt", ACTIVATION_KIN_ROOT, wg_rsqrt, activation_by_rsqrt, "-y^3 / 2"},
    {"cbrt", "cbrt", ACTIVATION_KIN_ROOT, wg_cbrt, activation_by_cbrt, "1 / (3 y^2)"},
    {"reciprocal", "reciprocal", ACTIVATION_KIN_ROOT, wg_reciprocal, activation_by_reciprocal, "-y^2"},
    {"sin", "sin", ACTIVATION_KIN_TURN, wg_sin, NULL, NULL},
    {"cos", "cos", ACTIVATION_KIN_TURN, wg_cos, NULL, NULL},
    {"tan", "tan", ACTIVATION_KIN_TURN, wg_tan, activation_by_tan, "1 + y^2"},
};
#define ACTIVATION_FUNCTIONS (sizeof activation_functions / sizeof *activation_functions)

/* Activations that are in the table above by no name of theirs, but are taken for those that are. */
static bool activation_is_network(const check_edge *edge)
{
    static const char *const others[] = {
        "celu", "hardtanh", "clamp", "threshold", "hardshrink", "softshrink", "tanhshrink"};
    return check_is_among(&edge->op, others, sizeof others / sizeof *others);
}

static const activation_function *activation_find(const check_edge *edge)
{
    for (size_t k = 0; k < ACTIVATION_FUNCTIONS; k++)
        if (check_is(&edge->op, activation_functions[k].kind)) return &activation_functions[k];
    return NULL;
}

/* u times a formula of the numbers. */
static const double *activation_formula(const activation_at *a, double (*formula)(double), const double *numbers)
{
    double *out = check_array(a->edge, a->n);
    for (size_t i = 0; out && i < a->n; i++) out[i] = a->u[i] * formula(numbers[i]);
    return out;
}

/* ---- left out ---------------------------------------------------------------------------------------------------------- */

/* Whether an elementwise op takes nothing but one value and constants. */
static bool activation_is_of_one_value(wg_var node, const wg_node_info *info, wg_var value)
{
    if (!check_is_elementwise(info)) return false;
    for (size_t k = 0; k < info->inputs; k++) {
        wg_node_info input;
        wg_var in = wg_node_input(node, k);
        if (wg_node_read(in, &input) != WG_OK) return false;
        if (!check_same_node(in, value) && input.flags & WG_DEPENDS) return false;
    }
    return true;
}

/* Functions made of several ops, such as 1 / (1 + exp(-z)), are passed over whole: from this edge's result up, each the
 * only use of the one below. One that is linear has no derivative to forget but a factor. */
static void activation_skip_chain(const check_edge *edge)
{
    check_offers offers = {.edge = edge};
    wg_node_info info = edge->op;
    wg_var top = edge->from, below = edge->to;
    bool linear = true;
    for (int length = 1; length < 8; length++) {
        static const char *const straight[] = {"neg", "add", "sub", "mul", "fma"};
        if (!activation_is_of_one_value(top, &info, below)) return;
        if (!check_shapes_equal(&info.shape, &edge->to_shape)) return;
        linear = linear && check_is_among(&info, straight, sizeof straight / sizeof *straight);
        const double *u = check_adjoint(edge, top);
        if (!u) return;
        if (length > 1 && !linear)
            check_offer(&offers, WG_CAUSE_ACTIVATION_MISSING, u, NAN,
                "the derivative of %s with respect to %s is left out", check_name(edge, top),
                check_name(edge, edge->to));
        wg_var next[2];
        if (check_consumers(edge, top, next, 2) != 1 || wg_node_read(next[0], &info) != WG_OK) return;
        below = top;
        top = next[0];
    }
}

static void activation_missing(activation_at *a)
{
    check_offer(&a->offers, WG_CAUSE_ACTIVATION_MISSING, a->u, NAN, "the derivative of %s at %s is left out", a->kind,
        a->input);
}

/* z h(z), such as silu: a product of two functions of z, of which one is taken as a constant. */
static void activation_half_product(activation_at *a)
{
    static const char *const kinds[] = {"silu", "gelu", "gelu_tanh", "mish", "hardswish"};
    if (!check_is_among(&a->edge->op, kinds, sizeof kinds / sizeof *kinds)) return;
    double *first = check_array(a->edge, a->n), *second = check_array(a->edge, a->n);
    if (!first || !second) return;
    for (size_t i = 0; i < a->n; i++) {
        first[i] = a->z[i] != 0 ? a->u[i] * (a->y[i] / a->z[i]) : a->edge->contribution[i];
        second[i] = a->edge->contribution[i] - first[i];
    }
    check_offer(&a->offers, WG_CAUSE_BRANCH_MISSING, first, NAN,
        "%s is a product of %s and a function of it, whose derivative is left out", a->kind, a->input);
    check_offer(&a->offers, WG_CAUSE_BRANCH_MISSING, second, NAN,
        "%s is a product of %s and a function of it, which is left out", a->kind, a->input);
}

/* ---- at the wrong value ------------------------------------------------------------------------------------------------ */

/* elu's derivative where x <= 0 is y + alpha; alpha is what makes the right contribution so. */
static const double *activation_elu_at_input(const activation_at *a)
{
    double alpha = NAN;
    for (size_t i = 0; i < a->n; i++)
        if (a->z[i] < 0 && a->u[i] != 0) alpha = a->edge->contribution[i] / a->u[i] - a->y[i];
    double *out = isnan(alpha) ? NULL : check_array(a->edge, a->n);
    for (size_t i = 0; out && i < a->n; i++) out[i] = a->u[i] * (a->z[i] > 0 ? 1 : a->z[i] + alpha);
    return out;
}

static void activation_wrong_value(activation_at *a, const activation_function *own)
{
    const wg_cause cause = WG_CAUSE_ACTIVATION_AT_WRONG_VALUE;
    const double *at_result = check_derive(a->edge, (const double *[]){a->y}, NULL);
    check_offer(&a->offers, cause, at_result, NAN, "the derivative of %s is taken at its result %s instead of at %s",
        a->kind, a->output, a->input);
    bool elu = check_is(&a->edge->op, "elu");
    if (own && own->by_result) {
        const double *at_input = elu ? activation_elu_at_input(a) : activation_formula(a, own->by_result, a->z);
        check_offer(&a->offers, cause, at_input, NAN,
            "the derivative of %s, %s of the result y, is taken at %s instead of at %s", a->kind,
            elu ? "y + alpha where y <= 0" : own->formula, a->input, a->output);
    }
    check_offer(&a->offers, cause, check_product(a->edge, a->u, a->y, a->n), NAN,
        "multiplied by %s itself where its derivative at %s is right", a->output, a->input);
    if (!activation_is_network(a->edge) && !(own && own->kin == ACTIVATION_KIN_NETWORK)) return;
    const double *at_adjoint = check_derive(a->edge, (const double *[]){a->u}, NULL);
    check_offer(&a->offers, cause, at_adjoint, NAN,
        "the derivative of %s is taken at the adjoint of %s instead of at %s", a->kind, a->output, a->input);
}

/* ---- another's --------------------------------------------------------------------------------------------------------- */

/* A derivative that is 1 everywhere is left out, and has that name. */
static void activation_offer_another(activation_at *a, const double *numbers, const char *says, const char *formula)
{
    if (!numbers || check_agree(numbers, a->u, a->n)) return;
    if (!formula)
        check_offer(&a->offers, WG_CAUSE_ACTIVATION_OF_ANOTHER, numbers, NAN,
            "the derivative of %s is taken where that of %s is right", says, a->kind);
    else
        check_offer(&a->offers, WG_CAUSE_ACTIVATION_OF_ANOTHER, numbers, NAN,
            "the derivative of %s, %s of the result y = %s, is taken where that of %s is right", says, formula,
            a->output, a->kind);
}

static void activation_another(activation_at *a, const activation_function *own)
{
    const wg_cause cause = WG_CAUSE_ACTIVATION_OF_ANOTHER;
    if (check_is(&a->edge->op, "tanh"))
        check_offer(&a->offers, cause, activation_formula(a, activation_without_square, a->y), NAN,
            "1 - %s is taken for the derivative of tanh, 1 - %s^2", a->output, a->output);
    int kin = own ? own->kin : activation_is_network(a->edge) ? ACTIVATION_KIN_NETWORK : -1;
    for (size_t k = 0; k < ACTIVATION_FUNCTIONS; k++) {
        const activation_function *other = &activation_functions[k];
        if (other->kin != kin) continue;
        activation_offer_another(a, check_derive_function(a->edge, other->f, a->z, NULL), other->says, NULL);
        if (other->by_result && !check_is(&a->edge->op, other->kind))
            activation_offer_another(a, activation_formula(a, other->by_result, a->y), other->says, other->formula);
    }
}

/* ---- masks ------------------------------------------------------------------------------------------------------------- */

/* Ops of several inputs that pass their adjoint on where a condition says so, or with a mask that was drawn. */
static void activation_mask(const check_edge *edge)
{
    static const char *const kinds[] = {"where", "masked_fill", "maximum", "minimum", "fmax", "fmin", "prelu",
        "dropout", "causal_mask", "tril", "triu"};
    check_offers offers = {.edge = edge};
    if (!check_is_among(&edge->op, kinds, sizeof kinds / sizeof *kinds)) return;
    check_offer(&offers, WG_CAUSE_ACTIVATION_MISSING, check_summed(edge, edge->adjoint), NAN,
        "the mask of %s is left out", edge->op.kind);
    if (!check_is(&edge->op, "dropout")) return;
    double scale = 0;
    for (size_t i = 0; i < edge->to_size && scale == 0; i++)
        if (edge->contribution[i] != 0) scale = edge->contribution[i] / edge->adjoint[i];
    if (scale != 0 && isfinite(scale))
        check_offer(&offers, WG_CAUSE_ACTIVATION_MISSING, check_scaled(edge, edge->adjoint, scale, edge->to_size), NAN,
            "the mask of dropout is left out");
}

/* ---- the family -------------------------------------------------------------------------------------------------------- */

static bool activation_is_one(const check_edge *edge)
{
    static const char *const none[] = {"neg", "frac"};
    return check_is_elementwise(&edge->op) && edge->op.inputs == 1 && !(edge->op.op->flags & WG_OP_CUTS) &&
           edge->from_size == edge->to_size && !check_is_among(&edge->op, none, 2);
}

void check_mistakes_activation(const check_edge *edge)
{
    static const char *const softmaxes[] = {"softmax", "log_softmax"};
    activation_mask(edge);
    activation_skip_chain(edge);
    bool softmax = check_is_among(&edge->op, softmaxes, 2);
    if (!softmax && !activation_is_one(edge)) return;
    activation_at a = {.edge = edge, .n = edge->to_size, .u = edge->adjoint, .kind = edge->op.kind};
    a.offers.edge = edge;
    a.z = check_value(edge, edge->to);
    a.y = check_value(edge, edge->from);
    if (!a.z || !a.y) return;
    snprintf(a.input, sizeof a.input, "%s", check_name(edge, edge->to));
    snprintf(a.output, sizeof a.output, "%s", check_name(edge, edge->from));
    if (softmax) {
        check_offer(&a.offers, WG_CAUSE_ACTIVATION_MISSING, a.u, NAN, "the derivative of %s at %s is left out", a.kind,
            a.input);
        return;
    }
    const activation_function *own = activation_find(edge);
    activation_missing(&a);
    activation_half_product(&a);
    activation_wrong_value(&a, own);
    activation_another(&a, own);
}
