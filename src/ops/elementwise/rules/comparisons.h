/* Rules of what has no derivative: comparisons. Read by rules.h, once for each R. */

VALUE2(equal) { return EQUAL(a, b); }
VALUE2(not_equal) { return NOT_EQUAL(a, b); }
VALUE2(less) { return LESS(a, b); }
VALUE2(less_equal) { return LESS_EQUAL(a, b); }
VALUE2(greater) { return LESS(b, a); }
VALUE2(greater_equal) { return LESS_EQUAL(b, a); }
