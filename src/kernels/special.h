/* Special functions of one number, in double, within about 3 units in the last place over their whole domain, tails
 * and neighbourhoods of zeros and poles included; a float version may compute here and round. They read and write no
 * state but errno and floating-point flags, so any number of threads may call them (C's lgamma writes a global).
 *
 * Sources: NIST Digital Library of Mathematical Functions (DLMF), dlmf.nist.gov, chapters 5 and 7; each function
 * names its own. Coefficients are made by tests/accuracy/coefficients.py. */
#ifndef WG_KERNELS_SPECIAL_H
#define WG_KERNELS_SPECIAL_H

/* special_root.c */
double wg_special_cbrt(double x);

/* special_gamma.c, special_polygamma.c */
double wg_special_lgamma(double x);           /* log |Gamma(x)| */
double wg_special_digamma(double x);          /* Gamma'(x) / Gamma(x) */
double wg_special_polygamma(int n, double x); /* the n-th derivative of digamma, n >= 0; NaN for n < 0 */

/* special_error.c */
double wg_special_erfc(double x);
double wg_special_bell(double x); /* e^(-x^2) */
double wg_special_erfinv(double x);
double wg_special_normal_cdf(double x); /* erfc(-x / sqrt 2) / 2 */
double wg_special_normal_pdf(double x); /* its derivative, e^(-x^2 / 2) / sqrt(2 pi) */
double wg_special_gelu(double x);       /* x normal_cdf(x) */

/* special_logistic.c */
double wg_special_softplus(double x);        /* log(1 + e^x) */
double wg_special_silu(double x);            /* x / (1 + e^-x) */
double wg_special_gelu_tanh(double x);       /* x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2 */
double wg_special_gelu_tanh_prime(double x); /* its derivative */
double wg_special_mish(double x);            /* x tanh(log(1 + e^x)) */
double wg_special_logit(double x);           /* log(x / (1 - x)) */
double wg_special_tanhshrink(double x);      /* x - tanh x */

/* special_sinc.c */
double wg_special_sinc(int n, double x); /* the n-th derivative of sin(pi x) / (pi x), n >= 0; NaN for n < 0 */

/* special_error.c, special_logistic.c, special_root.c: the same for floats, where double's plain functions are more
 * than enough */
float wg_special_bell_f32(float x);
float wg_special_normal_pdf_f32(float x);
float wg_special_normal_cdf_f32(float x);
float wg_special_erfc_f32(float x);
float wg_special_erfinv_f32(float x);
float wg_special_gelu_f32(float x);
float wg_special_silu_f32(float x);
float wg_special_gelu_tanh_f32(float x);
float wg_special_gelu_tanh_prime_f32(float x);
float wg_special_mish_f32(float x);
float wg_special_cbrt_f32(float x);

#endif
