/* Forgets the words that scalar_work.inc is written in, before they are defined for another kind of number. */
#undef NAME
#undef NUMBER
#undef TAPE
#undef CONSTANT
#undef K
#undef VALUE
#undef ADD
#undef SUB
#undef MUL
#undef SIN
#undef EXP
#undef SCALE
#undef FROM
#undef OVER
