/* Layer normalisation of a linear layer, samples in rows, as one op:
 *
 *     Z = A V, N = layer_norm(Z, gamma, beta), O = N W + c, L = mse(O, Y)
 *
 * and taken apart into its statistics:
 *
 *     mu = mean(X), Xc = X - mu, var = mean(Xc Xc), sd = sqrt(var + 1e-5), N = Xc / sd, O = N gamma + beta */
#include "suite.h"

#include <math.h>

#define EPSILON 1e-5

/* ---- as one op -------------------------------------------------------------------------------------------------------------- */

enum { A, T, Z, GAMMA, BETA, N, W, C, O, Y }; /* T: the weight V */

enum {
    NONE,
    DO_BY_SAMPLES,
    DW_OF_Z,
    DC_OVER_UNITS,
    DN_W_AS_IT_LIES,
    DZ_STATISTICS_CONSTANT,
    DZ_VARIANCE_CONSTANT,
    DZ_MEAN_CONSTANT,
    DZ_WITHOUT_GAMMA,
    DZ_BY_VARIANCE,
    DZ_SUMS_FOR_MEANS,
    DZ_OVER_SAMPLES,
    DGAMMA_OF_SAMPLES,
    DGAMMA_OVER_UNITS,
    DGAMMA_MEAN,
    DGAMMA_OF_Z,
    DGAMMA_OF_N,
    DGAMMA_FIRST,
    DBETA_OF_SAMPLES,
    DBETA_MEAN,
    DBETA_LAST,
    DV_A_AS_IT_LIES,
    DV_OF_DN
};

static void declare_op(suite *s)
{
    size_t m = s->size[0], q = s->size[1], d = s->size[2], k = s->size[3];
    suite_declare(s, A, "A", SUITE_DATA, WG_DIMS(m, q), 1);
    suite_declare(s, T, "V", SUITE_VARIABLE, WG_DIMS(q, d), 0.8);
    suite_declare(s, Z, "Z", SUITE_STEP, WG_DIMS(m, d), 0);
    suite_declare(s, GAMMA, "gamma", SUITE_VARIABLE, WG_DIMS(d), 1);
    suite_declare(s, BETA, "beta", SUITE_VARIABLE, WG_DIMS(d), 0.5);
    suite_declare(s, N, "N", SUITE_STEP, WG_DIMS(m, d), 0);
    suite_declare(s, W, "W", SUITE_VARIABLE, WG_DIMS(d, k), 0.8);
    suite_declare(s, C, "c", SUITE_VARIABLE, WG_DIMS(k), 0.5);
    suite_declare(s, O, "O", SUITE_STEP, WG_DIMS(m, k), 0);
    suite_declare(s, Y, "Y", SUITE_DATA, WG_DIMS(m, k), 1);
}

static double mean_of(const double *x, size_t n)
{
    double sum = 0;
    EACH(i, n) sum += x[i];
    return sum / (double)n;
}

static double variance_of(const double *x, size_t n)
{
    double sum = 0, mean = mean_of(x, n);
    EACH(i, n) sum += (x[i] - mean) * (x[i] - mean);
    return sum / (double)n;
}

/* The element j of row i of Z, normalised. */
static double hat(const suite *s, size_t i, size_t j)
{
    size_t d = s->size[2];
    const double *row = V(Z) + i * d;
    return (row[j] - mean_of(row, d)) / sqrt(variance_of(row, d) + EPSILON);
}

static void run_op(suite *s)
{
    size_t m = s->size[0], q = s->size[1], d = s->size[2], k = s->size[3];
    suite_multiply(V(Z), m, d, q, V(A), AS_IT_IS, V(T), AS_IT_IS);
    suite_value(s, Z);
    EACH(i, m) EACH(j, d) V(N)[i * d + j] = hat(s, i, j) * V(GAMMA)[j] + V(BETA)[j];
    suite_value(s, N);
    suite_multiply(V(O), m, k, d, V(N), AS_IT_IS, V(W), AS_IT_IS);
    EACH(i, m) EACH(j, k) V(O)[i * k + j] += V(C)[j];
    suite_value(s, O);
}

static wg_var record_op(suite *s)
{
    wg_var a = suite_leaf(s, A), v = suite_leaf(s, T), gamma = suite_leaf(s, GAMMA), beta = suite_leaf(s, BETA),
           w = suite_leaf(s, W), c = suite_leaf(s, C), y = suite_leaf(s, Y);
    wg_var z = suite_step(s, Z, wg_matmul(a, v));
    wg_var n = suite_step(s, N, wg_layer_norm(z, gamma, beta, 1, EPSILON));
    wg_var o = suite_step(s, O, wg_add(wg_matmul(n, w), c));
    return wg_mse(o, y, WG_MEAN);
}

/* dO = 2/(m k) (O - Y), dW = N^T dO, dc = column sums of dO, dN = dO W^T */
static void through_linear(suite *s)
{
    size_t m = s->size[0], d = s->size[2], k = s->size[3];
    double scale = 2 / (double)(MADE(DO_BY_SAMPLES) ? m : m * k);
    EACH(i, m * k) D(O)[i] = scale * (V(O)[i] - V(Y)[i]);
    suite_done(s, O);
    suite_multiply(D(W), d, k, m, MADE(DW_OF_Z) ? V(Z) : V(N), TRANSPOSE, D(O), AS_IT_IS);
    suite_done(s, W);
    suite_sum_columns(D(C), D(O), m, k);
    if (MADE(DC_OVER_UNITS)) {
        suite_sum_rows(D(C), D(O), m, k);
        SHAPE(C) = WG_DIMS(m);
    }
    suite_done(s, C);
    suite_multiply(D(N), m, d, k, D(O), AS_IT_IS, V(W), MADE(DN_W_AS_IT_LIES) ? AS_IT_IS : TRANSPOSE);
    suite_done(s, N);
}

/* dgamma = column sums of dN hat(Z), dbeta = column sums of dN */
static void scale_and_shift(suite *s)
{
    size_t m = s->size[0], d = s->size[2];
    EACH(j, MADE(DGAMMA_OVER_UNITS) ? m : d) D(GAMMA)[j] = 0;
    EACH(i, m)
    EACH(j, d)
    {
        size_t at = i * d + j;
        double z = MADE(DGAMMA_OF_Z) ? V(Z)[at] : MADE(DGAMMA_OF_N) ? V(N)[at] : hat(s, i, j);
        if (MADE(DGAMMA_OF_SAMPLES))
            D(GAMMA)[at] = D(N)[at] * z;
        else if (MADE(DGAMMA_OVER_UNITS))
            D(GAMMA)[i] += D(N)[at] * z;
        else if (!MADE(DGAMMA_FIRST) || i == 0)
            D(GAMMA)[j] += D(N)[at] * z / (MADE(DGAMMA_MEAN) ? (double)m : 1);
    }
    if (MADE(DGAMMA_OF_SAMPLES)) SHAPE(GAMMA) = WG_DIMS(m, d);
    if (MADE(DGAMMA_OVER_UNITS)) SHAPE(GAMMA) = WG_DIMS(m);
    suite_done(s, GAMMA);
    suite_sum_columns(D(BETA), D(N), m, d);
    if (MADE(DBETA_MEAN)) EACH(j, d) D(BETA)[j] /= (double)m;
    if (MADE(DBETA_LAST)) EACH(j, d) D(BETA)[j] = D(N)[(m - 1) * d + j];
    if (MADE(DBETA_OF_SAMPLES)) {
        EACH(i, m * d) D(BETA)[i] = D(N)[i];
        SHAPE(BETA) = WG_DIMS(m, d);
    }
    suite_done(s, BETA);
}

/* dZ = (h - mean h - hat(Z) mean(h hat(Z))) / sd, h = dN gamma, along each row */
static void through_norm(suite *s)
{
    size_t m = s->size[0], d = s->size[2];
    double count = MADE(DZ_SUMS_FOR_MEANS) ? 1 : (double)d;
    EACH(i, m)
    {
        double sum = 0, sum_hat = 0, variance = variance_of(V(Z) + i * d, d) + EPSILON;
        double below = MADE(DZ_BY_VARIANCE) ? variance : sqrt(variance);
        for (size_t j = 0; j < d; j++) {
            double h = D(N)[i * d + j] * (MADE(DZ_WITHOUT_GAMMA) ? 1 : V(GAMMA)[j]);
            sum += h;
            sum_hat += h * hat(s, i, j);
        }
        if (MADE(DZ_STATISTICS_CONSTANT) || MADE(DZ_MEAN_CONSTANT)) sum = 0;
        if (MADE(DZ_STATISTICS_CONSTANT) || MADE(DZ_VARIANCE_CONSTANT)) sum_hat = 0;
        EACH(j, d)
        {
            double h = D(N)[i * d + j] * (MADE(DZ_WITHOUT_GAMMA) ? 1 : V(GAMMA)[j]);
            D(Z)[i * d + j] = (h - sum / count - hat(s, i, j) * sum_hat / count) / below;
        }
    }
    suite_done(s, Z);
}

static void backward_op(suite *s)
{
    size_t m = s->size[0], q = s->size[1], d = s->size[2];
    through_linear(s);
    scale_and_shift(s);
    through_norm(s);
    suite_multiply(
        D(T), q, d, m, V(A), MADE(DV_A_AS_IT_LIES) ? AS_IT_IS : TRANSPOSE, MADE(DV_OF_DN) ? D(N) : D(Z), AS_IT_IS);
    suite_done(s, T);
}

static const suite_mistake mistakes_op[] = {
    MISTAKE(DO_BY_SAMPLES, O, REDUCTION, OR(FACTOR), "2/m (O - Y) where the loss is a mean over elements"),
    MISTAKE(DW_OF_Z, W, WRONG_OPERAND, 0, "dW = Z^T dO, Z for N"),
    MISTAKE(DC_OVER_UNITS, C, BIAS_WRONG_AXIS, 0, "dc = row sums of dO, (m)"),
    MISTAKE(DN_W_AS_IT_LIES, N, WEIGHT_NOT_TRANSPOSED, OR(TRANSPOSED), "dN = dO W, W read as it lies"),
    MISTAKE(DZ_STATISTICS_CONSTANT, Z, STATISTICS_CONSTANT, 0, "dZ = dN gamma / sd, mean and variance constant"),
    MISTAKE(DZ_VARIANCE_CONSTANT, Z, STATISTICS_CONSTANT, 0, "dZ with the variance constant"),
    MISTAKE(DZ_MEAN_CONSTANT, Z, STATISTICS_CONSTANT, 0, "dZ with the mean constant"),
    MISTAKE(DZ_WITHOUT_GAMMA, Z, UNKNOWN, OR(WRONG_OPERAND) | OR(BRANCH_MISSING), "dZ with gamma forgotten"),
    MISTAKE(DZ_BY_VARIANCE, Z, UNKNOWN, 0, "dZ divided by the variance, the root forgotten"),
    MISTAKE(DZ_SUMS_FOR_MEANS, Z, UNKNOWN, 0, "dZ with sums where means belong"),
    MISTAKE(DGAMMA_OF_SAMPLES, GAMMA, BIAS_NOT_REDUCED, 0, "dgamma = dN hat(Z), not summed"),
    MISTAKE(DGAMMA_OVER_UNITS, GAMMA, BIAS_WRONG_AXIS, 0, "dgamma summed over the features, (m)"),
    MISTAKE(DGAMMA_MEAN, GAMMA, BIAS_AVERAGED, OR(FACTOR), "dgamma = the mean over samples"),
    MISTAKE(DGAMMA_OF_Z, GAMMA, WRONG_OPERAND, 0, "dgamma of Z, not normalised"),
    MISTAKE(DGAMMA_OF_N, GAMMA, WRONG_OPERAND, 0, "dgamma of N, scaled and shifted"),
    MISTAKE(DGAMMA_FIRST, GAMMA, BIAS_ONE_SAMPLE, OR(BATCH_PARTIAL), "dgamma = the first sample's"),
    MISTAKE(DBETA_OF_SAMPLES, BETA, BIAS_NOT_REDUCED, 0, "dbeta = dN, not summed"),
    MISTAKE(DBETA_MEAN, BETA, BIAS_AVERAGED, OR(FACTOR), "dbeta = the mean over samples"),
    MISTAKE(DBETA_LAST, BETA, BIAS_ONE_SAMPLE, OR(BATCH_PARTIAL), "dbeta = the last sample's"),
    MISTAKE(DV_A_AS_IT_LIES, T, TRANSPOSED, 0, "dV = A dZ without the transpose"),
    MISTAKE(DV_OF_DN, T, WRONG_OPERAND, OR(ACTIVATION_MISSING), "dV = A^T dN, dN for dZ"),
    SCALED(-1, 0, GAMMA, SIGN, OR(FACTOR), "dgamma of the other sign"),
    MISTAKE(SUITE_ROWS_ROLLED, Z, SHIFTED, 0, "dZ's samples rolled by one"),
    MISTAKE(SUITE_LAST_ROW_ZERO, GAMMA, UNWRITTEN, 0, "dgamma's last entry never written"),
    MISTAKE(SUITE_FIRST_ROW_ONLY, Z, BATCH_PARTIAL, OR(UNWRITTEN), "dZ of the first sample alone"),
};

const suite_forward suite_layer_norm = {.name = "layer norm",
    .text = "mse(layer_norm(A @ V, gamma, beta, 1, 1e-5) @ W + c, Y, mean)",
    .sizes = {{5, 4, 6, 3}, {4, 3, 7, 5}, {9, 6, 12, 4}},
    .declare = declare_op,
    .run = run_op,
    .backward = backward_op,
    .record = record_op,
    .mistakes = mistakes_op,
    .mistakes_count = sizeof mistakes_op / sizeof *mistakes_op};

/* ---- taken apart ------------------------------------------------------------------------------------------------------------ */

enum { IX, IMU, IXC, IVAR, ISD, IN, IGAMMA, IBETA, IO, IY };

enum {
    PARTS_NONE,
    PARTS_DO_SUM,
    PARTS_DSD_SIGN,
    PARTS_DSD_ONE_OVER,
    PARTS_DVAR_WITHOUT_HALF,
    PARTS_DVAR_BARE,
    PARTS_DVAR_AT_SD,
    PARTS_DXC_WITHOUT_VARIANCE,
    PARTS_DXC_WITHOUT_N,
    PARTS_DXC_WITHOUT_D,
    PARTS_DXC_ONE_FACTOR,
    PARTS_DMU_SIGN,
    PARTS_DX_WITHOUT_MEAN,
    PARTS_DX_OVERWRITTEN,
    PARTS_DX_WITHOUT_D,
    PARTS_DN_BARE,
    PARTS_DGAMMA_OF_SAMPLES,
    PARTS_DGAMMA_OF_XC,
    PARTS_DBETA_MEAN
};

static void declare_parts(suite *s)
{
    size_t m = s->size[0], d = s->size[1];
    suite_declare(s, IX, "X", SUITE_VARIABLE, WG_DIMS(m, d), 1);
    suite_declare(s, IMU, "mu", SUITE_STEP, WG_DIMS(m, 1), 0);
    suite_declare(s, IXC, "Xc", SUITE_STEP, WG_DIMS(m, d), 0);
    suite_declare(s, IVAR, "var", SUITE_STEP, WG_DIMS(m, 1), 0);
    suite_declare(s, ISD, "sd", SUITE_STEP, WG_DIMS(m, 1), 0);
    suite_declare(s, IN, "N", SUITE_STEP, WG_DIMS(m, d), 0);
    suite_declare(s, IGAMMA, "gamma", SUITE_VARIABLE, WG_DIMS(d), 1);
    suite_declare(s, IBETA, "beta", SUITE_VARIABLE, WG_DIMS(d), 0.5);
    suite_declare(s, IO, "O", SUITE_STEP, WG_DIMS(m, d), 0);
    suite_declare(s, IY, "Y", SUITE_DATA, WG_DIMS(m, d), 1);
}

static void run_parts(suite *s)
{
    size_t m = s->size[0], d = s->size[1];
    EACH(i, m)
    {
        const double *x = V(IX) + i * d;
        V(IMU)[i] = mean_of(x, d);
        V(IVAR)[i] = variance_of(x, d);
        V(ISD)[i] = sqrt(V(IVAR)[i] + EPSILON);
        EACH(j, d) V(IXC)[i * d + j] = x[j] - V(IMU)[i];
        EACH(j, d) V(IN)[i * d + j] = V(IXC)[i * d + j] / V(ISD)[i];
        EACH(j, d) V(IO)[i * d + j] = V(IN)[i * d + j] * V(IGAMMA)[j] + V(IBETA)[j];
    }
    static const size_t steps[] = {IMU, IXC, IVAR, ISD, IN, IO};
    EACH(k, sizeof steps / sizeof *steps) suite_value(s, steps[k]);
}

static wg_var record_parts(suite *s)
{
    wg_var x = suite_leaf(s, IX), gamma = suite_leaf(s, IGAMMA), beta = suite_leaf(s, IBETA), y = suite_leaf(s, IY);
    wg_var mu = suite_step(s, IMU, wg_mean_axes(x, WG_AXES(1), true));
    wg_var xc = suite_step(s, IXC, wg_sub(x, mu));
    wg_var var = suite_step(s, IVAR, wg_mean_axes(wg_mul(xc, xc), WG_AXES(1), true));
    wg_var epsilon = wg_scalar(s->tape, EPSILON);
    wg_var sd = suite_step(s, ISD, wg_sqrt(wg_add(var, epsilon)));
    wg_var n = suite_step(s, IN, wg_div(xc, sd));
    wg_var o = suite_step(s, IO, wg_add(wg_mul(n, gamma), beta));
    return wg_mse(o, y, WG_MEAN);
}

/* dO = 2/(m d) (O - Y), dgamma = column sums of dO N, dbeta = column sums of dO, dN = dO gamma */
static void parts_scale_and_shift(suite *s)
{
    size_t m = s->size[0], d = s->size[1];
    double scale = MADE(PARTS_DO_SUM) ? 2 : 2 / (double)(m * d);
    EACH(i, m * d) D(IO)[i] = scale * (V(IO)[i] - V(IY)[i]);
    suite_done(s, IO);
    EACH(j, d) D(IGAMMA)[j] = 0;
    EACH(i, m * d)
    {
        double product = D(IO)[i] * (MADE(PARTS_DGAMMA_OF_XC) ? V(IXC)[i] : V(IN)[i]);
        if (MADE(PARTS_DGAMMA_OF_SAMPLES))
            D(IGAMMA)[i] = product;
        else
            D(IGAMMA)[i % d] += product;
    }
    if (MADE(PARTS_DGAMMA_OF_SAMPLES)) SHAPE(IGAMMA) = WG_DIMS(m, d);
    suite_done(s, IGAMMA);
    suite_sum_columns(D(IBETA), D(IO), m, d);
    if (MADE(PARTS_DBETA_MEAN)) EACH(j, d) D(IBETA)[j] /= (double)m;
    suite_done(s, IBETA);
    EACH(i, m * d) D(IN)[i] = D(IO)[i] * (MADE(PARTS_DN_BARE) ? 1 : V(IGAMMA)[i % d]);
    suite_done(s, IN);
}

/* dsd = -row sums of dN Xc / sd^2, dvar = dsd / (2 sd) */
static void parts_statistics(suite *s)
{
    size_t m = s->size[0], d = s->size[1];
    EACH(i, m)
    {
        double sum = 0, sd = V(ISD)[i];
        EACH(j, d) sum += D(IN)[i * d + j] * V(IXC)[i * d + j];
        D(ISD)[i] = -sum / (MADE(PARTS_DSD_ONE_OVER) ? sd : sd * sd);
        if (MADE(PARTS_DSD_SIGN)) D(ISD)[i] = -D(ISD)[i];
    }
    suite_done(s, ISD);
    EACH(i, m)
    {
        double slope = 1 / (2 * V(ISD)[i]);
        if (MADE(PARTS_DVAR_WITHOUT_HALF)) slope *= 2;
        if (MADE(PARTS_DVAR_BARE)) slope = 1;
        if (MADE(PARTS_DVAR_AT_SD)) slope = 1 / (2 * sqrt(V(ISD)[i]));
        D(IVAR)[i] = D(ISD)[i] * slope;
    }
    suite_done(s, IVAR);
}

/* dXc = dN / sd + 2/d Xc dvar, dmu = -row sums of dXc, dX = dXc + dmu / d */
static void parts_input(suite *s)
{
    size_t m = s->size[0], d = s->size[1];
    double direct = MADE(PARTS_DXC_WITHOUT_N) ? 0 : 1;
    double slope = MADE(PARTS_DXC_WITHOUT_D) ? 2 : MADE(PARTS_DXC_ONE_FACTOR) ? 1 / (double)d : 2 / (double)d;
    if (MADE(PARTS_DXC_WITHOUT_VARIANCE)) slope = 0;
    EACH(i, m * d) D(IXC)[i] = direct * D(IN)[i] / V(ISD)[i / d] + slope * V(IXC)[i] * D(IVAR)[i / d];
    suite_done(s, IXC);
    suite_sum_rows(D(IMU), D(IXC), m, d);
    EACH(i, m) D(IMU)[i] *= MADE(PARTS_DMU_SIGN) ? 1 : -1;
    suite_done(s, IMU);
    double around = MADE(PARTS_DX_OVERWRITTEN) ? 0 : 1;
    double through = MADE(PARTS_DX_WITHOUT_MEAN) ? 0 : MADE(PARTS_DX_WITHOUT_D) ? 1 : 1 / (double)d;
    EACH(i, m * d) D(IX)[i] = around * D(IXC)[i] + through * D(IMU)[i / d];
    suite_done(s, IX);
}

static void backward_parts(suite *s)
{
    parts_scale_and_shift(s);
    parts_statistics(s);
    parts_input(s);
}

/* A statistic taken as a constant is a branch that is missing, and of two branches one that the other overwrites. */
#define CONSTANT (OR(BRANCH_MISSING) | OR(OVERWRITTEN) | OR(STATISTICS_CONSTANT))

static const suite_mistake mistakes_parts[] = {
    MISTAKE(PARTS_DO_SUM, IO, REDUCTION, OR(FACTOR), "2 (O - Y), the sum instead of the mean"),
    MISTAKE(PARTS_DSD_SIGN, ISD, SIGN, OR(FACTOR), "dsd of the other sign"),
    MISTAKE(PARTS_DSD_ONE_OVER, ISD, UNKNOWN, 0, "dsd divided by sd, the square forgotten"),
    MISTAKE(PARTS_DVAR_WITHOUT_HALF, IVAR, FACTOR, 0, "dvar = dsd / sd, the 2 forgotten"),
    MISTAKE(PARTS_DVAR_BARE, IVAR, ACTIVATION_MISSING, 0, "dvar = dsd, the root's slope forgotten"),
    MISTAKE(PARTS_DVAR_AT_SD, IVAR, ACTIVATION_AT_WRONG_VALUE, 0, "dvar = dsd / (2 sqrt(sd))"),
    MISTAKE(PARTS_DXC_WITHOUT_VARIANCE, IXC, STATISTICS_CONSTANT, CONSTANT, "dXc = dN / sd, the variance constant"),
    MISTAKE(PARTS_DXC_WITHOUT_N, IXC, BRANCH_MISSING, CONSTANT, "dXc of the variance alone"),
    MISTAKE(PARTS_DXC_WITHOUT_D, IXC, FACTOR, OR(REDUCTION), "dXc with 2 Xc dvar, the mean's 1/d forgotten"),
    MISTAKE(PARTS_DXC_ONE_FACTOR, IXC, FACTOR, OR(BRANCH_MISSING) | OR(OVERWRITTEN),
        "dXc with Xc dvar / d, the 2 forgotten"),
    MISTAKE(PARTS_DMU_SIGN, IMU, SIGN, OR(FACTOR), "dmu of the other sign"),
    MISTAKE(PARTS_DX_WITHOUT_MEAN, IX, STATISTICS_CONSTANT, CONSTANT, "dX = dXc, the mean constant"),
    MISTAKE(PARTS_DX_OVERWRITTEN, IX, OVERWRITTEN, CONSTANT, "dX = dmu / d alone"),
    MISTAKE(PARTS_DX_WITHOUT_D, IX, FACTOR, OR(REDUCTION), "dX with dmu, its 1/d forgotten"),
    MISTAKE(PARTS_DN_BARE, IN, WRONG_OPERAND, OR(ACTIVATION_MISSING) | OR(UNKNOWN), "dN = dO, gamma forgotten"),
    MISTAKE(PARTS_DGAMMA_OF_SAMPLES, IGAMMA, BIAS_NOT_REDUCED, 0, "dgamma = dO N, not summed"),
    MISTAKE(PARTS_DGAMMA_OF_XC, IGAMMA, WRONG_OPERAND, 0, "dgamma of Xc, not divided"),
    MISTAKE(PARTS_DBETA_MEAN, IBETA, BIAS_AVERAGED, OR(FACTOR), "dbeta = the mean over samples"),
    MISTAKE(SUITE_SINE, IXC, UNKNOWN, 0, "dXc the sine of 20 times the right one"),
};

const suite_forward suite_layer_norm_parts = {.name = "layer norm, taken apart",
    .text =
        "mu = mean(X); Xc = X - mu; var = mean(Xc * Xc); sd = sqrt(var + 1e-5); mse(Xc / sd * gamma + beta, Y, mean)",
    .sizes = {{4, 5}, {3, 7}, {10, 8}},
    .declare = declare_parts,
    .run = run_parts,
    .backward = backward_parts,
    .record = record_parts,
    .mistakes = mistakes_parts,
    .mistakes_count = sizeof mistakes_parts / sizeof *mistakes_parts};
