/* Rules of the trigonometric and hyperbolic functions and their inverses (DLMF 4.14 to 4.40). Read by rules.h, once for
 * each R. */

VALUE1(sin) { return SIN(x); }
SLOPE1(sin) { return MUL(g, COS(x)); }

VALUE1(cos) { return COS(x); }
SLOPE1(cos) { return NEG(MUL(g, SIN(x))); }
