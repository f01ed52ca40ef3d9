/* R = float: what the files compiled once per real type need to know. The including file has defined EW_FILE, a
 * prefix of its own for all names, so that the files can also be compiled as one. Undone by real_undefine.h. */
#define R                  float
#define EW(name)           EW_JOIN(EW_FILE, f32, name)
#define EW_LIBM(libm_name) libm_name##f
#define EW_SPECIAL(name)   wg_special_##name##_f32
#define EW_PUBLIC(name)    wg_ew_##name##_f32
#define EW_IN_NODE         f32
