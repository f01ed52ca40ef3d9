/* The rules read as ops: R is wg_var, each word records, and the derivative of an op becomes part of the tape. */
#include "ops/elementwise/elementwise.h"

#define R        wg_var
#define EW(name) ew_var_##name

#include "ops/elementwise/words_recorded.h"

#include "ops/elementwise/rules.h"

wg_var wg_ew_slope_recorded(
    uint32_t rule, size_t k, wg_var g, const wg_var *in, wg_var y, const wg_ew_parameters *parameters)
{
    const unsigned needs = wg_ew_needs(rule, k);
    wg_var p = wg_invalid(g.tape), q = p;
    if (parameters && needs & EW_P) p = wg_list_number(g.tape, parameters->p);
    if (parameters && needs & EW_Q) q = wg_list_number(g.tape, parameters->q);
    switch (rule) {
#define EW_CASE_1(name, na)                                                                                            \
    case EW_##name:                                                                                                    \
        return EW(name##_slope_a)(g, in[0], y);
#define EW_CASE_2(name, na, nb)                                                                                        \
    case EW_##name:                                                                                                    \
        return k == 0 ? EW(name##_slope_a)(g, in[0], in[1], y) : EW(name##_slope_b)(g, in[0], in[1], y);
#define EW_CASE_3(name, na, nb, nc)                                                                                    \
    case EW_##name:                                                                                                    \
        if (k == 0) return EW(name##_slope_a)(g, in[0], in[1], in[2], y);                                              \
        return k == 1 ? EW(name##_slope_b)(g, in[0], in[1], in[2], y) : EW(name##_slope_c)(g, in[0], in[1], in[2], y);
#define EW_CASE_P(name, na)                                                                                            \
    case EW_##name:                                                                                                    \
        return EW(name##_slope_a)(g, in[0], y, p, q);
        EW_ROSTER_1(EW_CASE_1)
        EW_ROSTER_2(EW_CASE_2)
        EW_ROSTER_3(EW_CASE_3)
        EW_ROSTER_P(EW_CASE_P)
#undef EW_CASE_1
#undef EW_CASE_2
#undef EW_CASE_3
#undef EW_CASE_P
    }
    return wg_invalid(g.tape);
}

#include "ops/elementwise/words_undefine.h"
#undef R
#undef EW
