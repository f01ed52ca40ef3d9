/* R = double: what the files compiled once per real type need to know. Undone by real_undefine.h. */
#define R                  double
#define EW(name)           ew_f64_##name
#define EW_LIBM(libm_name) libm_name
#define EW_PUBLIC(name)    wg_ew_##name##_f64
#define EW_IN_NODE         f64
