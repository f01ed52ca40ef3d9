/* R = float: what the files compiled once per real type need to know. Undone by real_undefine.h. */
#define R                  float
#define EW(name)           ew_f32_##name
#define EW_LIBM(libm_name) libm_name##f
#define EW_PUBLIC(name)    wg_ew_##name##_f32
#define EW_IN_NODE         f32
