/* Undoes real_f64.h or real_f32.h. */
#undef R
#undef EW
#undef EW_LIBM
#undef EW_PUBLIC
#undef EW_SPECIAL
#undef EW_IN_NODE
