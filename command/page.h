/* The page of `wengert explain --html`: a tape and one reverse sweep over it, to look into and to play step by step in a
 * browser. One file that needs nothing else and no network. */
#ifndef WENGERT_COMMAND_PAGE_H
#define WENGERT_COMMAND_PAGE_H

#include <stdbool.h>
#include <stddef.h>

#include "wengert/types.h"

/* The page shows no more nodes than these; a longer tape is an error that says so. */
enum { PAGE_NODES_MOST = 2000 };

/* Writes the page of a scalar and its derivatives with respect to wrt[0..n-1]. title is what it was computed from, such
 * as the expression. Intermediate values without a name are given one, v1, v2, ..., unless they are a mere part of a sum,
 * so that each step of the sweep has a short formula. Of large arrays the page has the first rows and columns, and says
 * so. False: message says what is wrong, naming the file or what the tape says. */
bool page_write(
    const char *path, wg_var scalar, const wg_var *wrt, size_t n, const char *title, char *message, size_t size);

/* The page's text around the data, made of page.html, page.css, page_layout.js and page.js. */
extern const unsigned char page_head[], page_tail[];
extern const size_t page_head_size, page_tail_size;

#endif
