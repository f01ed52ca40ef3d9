/* Attributes in words, for people: what an op's describe writes. Each is NAME=VALUE, without spaces inside, and one space
 * between two; a list is [0,2], a shape (2,3). Names are those of the arguments of the op's public function. */
#ifndef WG_TAPE_WORDS_H
#define WG_TAPE_WORDS_H

#include "wengert/types.h"

/* Text that is cut off at size, but counted in full. Begin with {text, size, 0}; describe returns length. */
typedef struct wg_words {
    char *text;
    size_t size, length;
} wg_words;

void wg_words_add(wg_words *words, const char *format, ...) WG_PRINTF_LIKE(2, 3);

/* "name=true", or nothing. */
void wg_words_flag(wg_words *words, const char *name, bool value);
void wg_words_integer(wg_words *words, const char *name, int64_t value);
/* The shortest form that reads back as the same double, with a point in any locale. */
void wg_words_number(wg_words *words, const char *name, double value);
void wg_words_shape(wg_words *words, const char *name, const wg_shape *shape);
/* "name=[1,2]"; nothing when there are none. */
void wg_words_sizes(wg_words *words, const char *name, const size_t *values, size_t n);
/* Of rank axes those that are marked: "axis=1", "axes=[0,2]"; nothing when they are all. */
void wg_words_axes(wg_words *words, const bool *mask, uint32_t rank);
/* The same of the run of axes that splits a shape into these extents. */
void wg_words_along(wg_words *words, const wg_shape *shape, size_t outer, size_t extent, size_t inner);
/* "reduction=mean". */
void wg_words_reduction(wg_words *words, wg_reduction reduction);

#endif
