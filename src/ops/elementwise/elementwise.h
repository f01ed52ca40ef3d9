/* The elementwise room from inside: what its files share. */
#ifndef WG_OPS_ELEMENTWISE_ELEMENTWISE_H
#define WG_OPS_ELEMENTWISE_ELEMENTWISE_H

#include "ops/elementwise/roster.h"
#include "tape/list.h"

#if defined(__GNUC__)
#define EW_MAYBE             __attribute__((unused)) /* a rule need not use all that it is given */
#define EW_RULE              static inline __attribute__((unused))
#define EW_INNER             static inline __attribute__((always_inline)) /* the body of a hot loop */
#define EW_COLD              __attribute__((noinline, cold))
#define EW_APART             __attribute__((noinline)) /* not cold: the hot code around the call would be moved away too */
#define EW_RARELY(condition) __builtin_expect(!!(condition), 0)
#else
#define EW_COLD
#define EW_APART
#define EW_RARELY(condition) (condition)
#define EW_MAYBE
#define EW_RULE  static inline
#define EW_INNER static inline
#endif

/* file_type_name, the parts expanded: the names of what is compiled once per real type. */
#define EW_JOIN_(file, type, name) file##_##type##_##name
#define EW_JOIN(file, type, name)  EW_JOIN_(file, type, name)

/* Every rule's number. */
enum {
    EW_NO_RULE,
#define EW_NUMBER(...)        EW_NUMBER_(__VA_ARGS__, )
#define EW_NUMBER_(name, ...) EW_##name,
    EW_ROSTER_2(EW_NUMBER) EW_ROSTER_1(EW_NUMBER) EW_ROSTER_3(EW_NUMBER) EW_ROSTER_P(EW_NUMBER)
        EW_ROSTER_CUT_1(EW_NUMBER) EW_ROSTER_CUT_2(EW_NUMBER)
#undef EW_NUMBER
#undef EW_NUMBER_
            EW_RULES
};

#define EW_MAX_ARITY 3

/* What a rule's derivative with respect to input a, b or c reads, as a constant: EW_NEEDS_name_a. */
enum {
#define EW_READS_1(name, na)         EW_NEEDS_##name##_a = (na),
#define EW_READS_2(name, na, nb)     EW_READS_1(name, na) EW_NEEDS_##name##_b = (nb),
#define EW_READS_3(name, na, nb, nc) EW_READS_2(name, na, nb) EW_NEEDS_##name##_c = (nc),
    EW_ROSTER_1(EW_READS_1) EW_ROSTER_2(EW_READS_2) EW_ROSTER_3(EW_READS_3) EW_ROSTER_P(EW_READS_1)
#undef EW_READS_1
#undef EW_READS_2
#undef EW_READS_3
        EW_NEEDS_NOTHING = 0
};

/* An op's parameters: its attributes. */
typedef struct wg_ew_parameters {
    double p, q;
} wg_ew_parameters;

/* A fused loop over n contiguous elements: out = value(in...). parameters may be NULL where the rule has none. */
typedef void wg_ew_value_loop(size_t n, void *out, const void *const *in, const wg_ew_parameters *parameters);
/* out = the slope with respect to one input, an exact 0 where g is 0 unless ieee_zero. What the roster says is not read
 * may be NULL. */
typedef void wg_ew_slope_loop(size_t n, void *out, bool ieee_zero, const void *g, const void *const *in, const void *y,
    const wg_ew_parameters *parameters);
/* Writes elements [start, start + count) of data, stretched to the shape with the strides given, to buffer. */
typedef void wg_ew_stretch_loop(
    void *buffer, const void *data, const wg_shape *shape, const ptrdiff_t *strides, size_t start, size_t count);

typedef struct wg_ew_loops {
    wg_ew_value_loop *value;
    wg_ew_slope_loop *slope[EW_MAX_ARITY];
} wg_ew_loops;
extern const wg_ew_loops wg_ew_loops_f64[EW_RULES], wg_ew_loops_f32[EW_RULES];
wg_ew_stretch_loop wg_ew_stretch_f64, wg_ew_stretch_f32;

/* The derivative with respect to input k, recorded. in, y and parameters are the op's own. */
wg_var wg_ew_slope_recorded(
    uint32_t rule, size_t k, wg_var g, const wg_var *in, wg_var y, const wg_ew_parameters *parameters);

/* What a rule's derivative with respect to input k reads: the roster's column. */
unsigned wg_ew_needs(uint32_t rule, size_t k);

/* The scalar path (scalar_f64.c, scalar_f32.c). */
uint32_t wg_ew_replay_f64(wg_tape *tape, uint32_t index, uint32_t end);
uint32_t wg_ew_replay_f32(wg_tape *tape, uint32_t index, uint32_t end);
int64_t wg_ew_sweep_f64(wg_tape *tape, uint32_t index, uint32_t low);
int64_t wg_ew_sweep_f32(wg_tape *tape, uint32_t index, uint32_t low);

/* Every op, by name. */
#define EW_DECLARE(...)        EW_DECLARE_(__VA_ARGS__, )
#define EW_DECLARE_(name, ...) extern const wg_op wg_ew_op_##name;
EW_ROSTER_1(EW_DECLARE)
EW_ROSTER_2(EW_DECLARE)
EW_ROSTER_3(EW_DECLARE)
EW_ROSTER_P(EW_DECLARE)
EW_ROSTER_CUT_1(EW_DECLARE)
EW_ROSTER_CUT_2(EW_DECLARE)
#undef EW_DECLARE
#undef EW_DECLARE_

/* The steps that have no public function, applied, on the scalars' short path too. */
#define EW_DECLARE_1(name, na)     wg_var wg_ew_step_##name(wg_var x);
#define EW_DECLARE_2(name, na, nb) wg_var wg_ew_step_##name(wg_var a, wg_var b);
EW_STEPS_1(EW_DECLARE_1)
EW_STEPS_2(EW_DECLARE_2)
#undef EW_DECLARE_1
#undef EW_DECLARE_2

/* Records an op without attributes on the tape of its first operand that has one. */
wg_var wg_ew_apply(const wg_op *op, const wg_var *in, size_t n);
/* Records an op of one input with parameters. */
wg_var wg_ew_apply_with(const wg_op *op, wg_var x, double p, double q);

#endif
