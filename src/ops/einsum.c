/* einsum: sums of products in Einstein's notation, with NumPy's syntax.
 *
 * A label is a number: a letter is one, and an axis of the ellipsis, counted from its end, is one. Every operand is
 * first made plain: a repeated label becomes a diagonal, an axis that only stretches is dropped, and labels that no
 * one else mentions are summed. Then pairs are contracted until one array is left: next is the pair whose product
 * saves the most elements, size(result) - size(a) - size(b) (D. G. A. Smith and J. Gray, opt_einsum, Journal of Open
 * Source Software 3(26), 2018). Shapes alone decide. */
#include "ops/contract.h"

#include "ops/compose.h"
#include "shape/shape.h"
#include "wengert/ops.h"

#include <stdio.h>
#include <string.h>

/* ---- what is being read and done --------------------------------------------------------------------------------- */

enum { EINSUM_LETTERS = WG_CONTRACT_LABELS - WG_MAX_RANK };

typedef struct einsum_sum {
    wg_composition c;
    const char *text;
    const wg_var *in;
    wg_labelled *operands;
    size_t n;
    size_t extent[WG_CONTRACT_LABELS];  /* SIZE_MAX: not seen yet */
    size_t seen_in[WG_CONTRACT_LABELS]; /* the operand that gave it, from 0 */
    unsigned uses[WG_CONTRACT_LABELS];  /* in operands; more than one is 2 */
    uint32_t broadcast;                 /* axes of the longest ellipsis */
    wg_labels output;
} einsum_sum;

/* ---- reading the subscripts -------------------------------------------------------------------------------------- */

static bool einsum_fail(einsum_sum *s, wg_status status, const char *what)
{
    return wg_tape_fail(s->c.tape, status, "einsum: \"%.80s\": %s", s->text, what), false;
}

/* A message about operand k, with its name and shape. */
static bool einsum_fail_operand(einsum_sum *s, size_t k, const char *what)
{
    return wg_tape_fail(s->c.tape, WG_ERROR_SHAPE, "einsum: \"%.80s\": operand %zu, %s, %s", s->text, k + 1,
               wg_list_describe(s->c.tape, s->in[k].index), what),
           false;
}

static const char einsum_letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/* A letter's number, in the order of ASCII; WG_CONTRACT_LABELS for anything else. */
static unsigned einsum_letter(char c)
{
    const char *found = c ? strchr(einsum_letters, c) : NULL;
    return found ? (unsigned)(found - einsum_letters) : WG_CONTRACT_LABELS;
}

/* One term of the subscripts: letters, and where among them the ellipsis stands. */
typedef struct einsum_term {
    unsigned char at[EINSUM_LETTERS];
    uint32_t n, ellipsis; /* UINT32_MAX: there is none */
} einsum_term;

/* Reads up to a comma, an arrow or the end, and moves past it to there. */
static bool einsum_read_term(einsum_sum *s, const char **from, einsum_term *term)
{
    *term = (einsum_term){.ellipsis = UINT32_MAX};
    const char *p = *from;
    for (; *p && *p != ',' && *p != '-'; p++) {
        if (*p == ' ') continue;
        unsigned letter = einsum_letter(*p);
        if (strncmp(p, "...", 3) == 0 && term->ellipsis == UINT32_MAX) {
            term->ellipsis = term->n;
            p += 2;
        } else if (*p == '.') {
            return einsum_fail(s, WG_ERROR_ARGUMENT, "a '.' that is not part of the one ellipsis \"...\" of a term");
        } else if (letter == WG_CONTRACT_LABELS) {
            char what[] = "'?' is not a label: letters, spaces, commas, \"...\" and one \"->\" are expected";
            what[1] = *p >= 32 && *p < 127 ? *p : '?';
            return einsum_fail(s, WG_ERROR_ARGUMENT, what);
        } else if (term->n == EINSUM_LETTERS) {
            return einsum_fail(s, WG_ERROR_ARGUMENT, "a term has more labels than an array can have axes");
        } else {
            term->at[term->n++] = (unsigned char)letter;
        }
    }
    *from = p;
    return true;
}

/* Gives operand k's axes their labels. */
static bool einsum_label(einsum_sum *s, size_t k, const einsum_term *term)
{
    char what[80];
    wg_shape shape = wg_shape_of(s->in[k]);
    wg_labelled *x = &s->operands[k];
    bool ellipsis = term->ellipsis != UINT32_MAX;
    *x = (wg_labelled){.var = s->in[k], .labels = {.n = shape.rank}};
    if (term->n > shape.rank || (!ellipsis && term->n != shape.rank)) {
        snprintf(what, sizeof what, "has %u axes, but its subscripts name %u", (unsigned)shape.rank, (unsigned)term->n);
        return einsum_fail_operand(s, k, what);
    }
    uint32_t stretch = shape.rank - term->n, at = 0;
    for (uint32_t j = 0; j <= term->n; j++) {
        if (j == term->ellipsis)
            for (uint32_t e = stretch; e-- > 0;) x->labels.at[at++] = (unsigned char)(EINSUM_LETTERS + e);
        if (j < term->n) x->labels.at[at++] = term->at[j];
    }
    if (ellipsis && stretch > s->broadcast) s->broadcast = stretch;
    return true;
}

/* Enters the extents of operand k. Of two that differ, one is 1 and stretches. */
static bool einsum_measure(einsum_sum *s, size_t k)
{
    char what[160];
    wg_shape shape = wg_shape_of(s->in[k]);
    const wg_labels *labels = &s->operands[k].labels;
    size_t own[WG_CONTRACT_LABELS];
    uint64_t seen = 0;
    for (uint32_t j = 0; j < labels->n; j++) {
        unsigned label = labels->at[j];
        size_t extent = shape.dim[j], *known = &s->extent[label];
        bool repeated = wg_labels_have(seen, label);
        s->uses[label] = s->uses[label] ? 2 : 1;
        if (repeated && own[label] != extent) {
            snprintf(what, sizeof what, "gives its repeated label '%c' the extents %zu and %zu", einsum_letters[label],
                own[label], extent);
            return einsum_fail_operand(s, k, what);
        }
        seen |= wg_label_bit(label);
        own[label] = extent;
        if (*known == SIZE_MAX || (*known == 1 && extent != 1)) {
            *known = extent;
            s->seen_in[label] = k;
        } else if (extent != *known && extent != 1) {
            char label_text[] = "label '?'";
            if (label < EINSUM_LETTERS) label_text[7] = einsum_letters[label];
            snprintf(what, sizeof what, "gives %s the extent %zu, but in operand %zu it is %zu",
                label < EINSUM_LETTERS ? label_text : "an axis of '...'", extent, s->seen_in[label] + 1, *known);
            return einsum_fail_operand(s, k, what);
        }
    }
    return true;
}

/* The labels that occur once, in alphabetical order, after the axes of the ellipsis. */
static bool einsum_implicit_output(einsum_sum *s)
{
    for (uint32_t e = s->broadcast; e-- > 0;) s->output.at[s->output.n++] = (unsigned char)(EINSUM_LETTERS + e);
    for (unsigned label = 0; label < EINSUM_LETTERS; label++) {
        if (s->uses[label] != 1) continue;
        if (s->output.n == WG_MAX_RANK) return einsum_fail(s, WG_ERROR_SHAPE, "the result would have more than 8 axes");
        s->output.at[s->output.n++] = (unsigned char)label;
    }
    return true;
}

static bool einsum_explicit_output(einsum_sum *s, const char *p)
{
    char what[120];
    einsum_term term;
    uint64_t seen = 0;
    if (!einsum_read_term(s, &p, &term)) return false;
    if (*p) return einsum_fail(s, WG_ERROR_ARGUMENT, "after \"->\" there is one term, and nothing after that");
    if (term.ellipsis == UINT32_MAX && s->broadcast)
        return einsum_fail(s, WG_ERROR_ARGUMENT, "the output has no \"...\", but those of the operands hold axes");
    if (term.n + s->broadcast > WG_MAX_RANK)
        return einsum_fail(s, WG_ERROR_SHAPE, "the result would have more than 8 axes");
    for (uint32_t j = 0; j <= term.n; j++) {
        if (j == term.ellipsis)
            for (uint32_t e = s->broadcast; e-- > 0;) s->output.at[s->output.n++] = (unsigned char)(EINSUM_LETTERS + e);
        if (j == term.n) break;
        bool twice = wg_labels_have(seen, term.at[j]);
        if (twice || s->extent[term.at[j]] == SIZE_MAX) {
            snprintf(what, sizeof what, "the output's label '%c' %s", einsum_letters[term.at[j]],
                twice ? "is given twice" : "is in no operand");
            return einsum_fail(s, WG_ERROR_ARGUMENT, what);
        }
        seen |= wg_label_bit(term.at[j]);
        s->output.at[s->output.n++] = term.at[j];
    }
    return true;
}

/* Everything that the text and the shapes say. */
static bool einsum_read(einsum_sum *s)
{
    const char *p = s->text;
    size_t k = 0;
    for (unsigned label = 0; label < WG_CONTRACT_LABELS; label++) s->extent[label] = SIZE_MAX;
    for (;; p++) {
        einsum_term term;
        if (!einsum_read_term(s, &p, &term)) return false;
        if (k < s->n && (!einsum_label(s, k, &term) || !einsum_measure(s, k))) return false;
        k++;
        if (*p != ',') break;
    }
    if (k != s->n) {
        char what[100];
        snprintf(what, sizeof what, "it has %zu terms, but there are %zu operands", k, s->n);
        return einsum_fail(s, WG_ERROR_ARGUMENT, what);
    }
    if (!*p) return einsum_implicit_output(s);
    if (p[1] != '>') return einsum_fail(s, WG_ERROR_ARGUMENT, "a '-' that is not part of \"->\"");
    return einsum_explicit_output(s, p + 2);
}

/* ---- contracting ------------------------------------------------------------------------------------------------- */

/* Axes of 1 that stretch elsewhere are dropped. */
static void einsum_drop_stretched(einsum_sum *s, wg_labelled *x)
{
    wg_shape shape = wg_shape_of(x->var), kept = {0};
    wg_labels labels = {0};
    for (uint32_t k = 0; k < x->labels.n; k++) {
        if (shape.dim[k] != s->extent[x->labels.at[k]]) continue;
        labels.at[labels.n++] = x->labels.at[k];
        kept.dim[kept.rank++] = shape.dim[k];
    }
    if (labels.n == x->labels.n) return;
    x->labels = labels;
    x->var = wg_reshape(x->var, kept);
}

/* The labels of the output and of all operands but two. */
static uint64_t einsum_needed(const einsum_sum *s, size_t a, size_t b)
{
    uint64_t needed = wg_labels_set(&s->output);
    for (size_t k = 0; k < s->n; k++)
        if (k != a && k != b) needed |= wg_labels_set(&s->operands[k].labels);
    return needed;
}

static void einsum_sum_private(wg_labelled *x, uint64_t needed)
{
    int axes[WG_MAX_RANK];
    size_t n = 0;
    for (uint32_t k = 0; k < x->labels.n; k++)
        if (!wg_labels_have(needed, x->labels.at[k])) axes[n++] = (int)k;
    if (!n) return;
    wg_labels kept = {0};
    wg_labels_append(&kept, &x->labels, needed);
    x->var = wg_sum_axes(x->var, axes, n, false);
    x->labels = kept;
}

static uint32_t einsum_count(uint64_t set)
{
    uint32_t n = 0;
    for (; set; set &= set - 1) n++;
    return n;
}

static double einsum_size(const einsum_sum *s, uint64_t set)
{
    double size = 1;
    for (unsigned label = 0; label < WG_CONTRACT_LABELS; label++)
        if (wg_labels_have(set, label)) size *= (double)s->extent[label];
    return size;
}

/* The pair to contract next; the first of those that are equally good. False when each would have too many axes. */
static bool einsum_choose(const einsum_sum *s, size_t *a, size_t *b)
{
    bool found = false;
    double best = 0;
    for (size_t i = 0; i < s->n; i++)
        for (size_t j = i + 1; j < s->n; j++) {
            uint64_t first = wg_labels_set(&s->operands[i].labels), second = wg_labels_set(&s->operands[j].labels);
            uint64_t result = (first | second) & einsum_needed(s, i, j);
            if (einsum_count(result) > WG_MAX_RANK) continue;
            double cost = einsum_size(s, result) - einsum_size(s, first) - einsum_size(s, second);
            if (found && cost >= best) continue;
            found = true;
            best = cost;
            *a = i;
            *b = j;
        }
    return found;
}

/* Contracts two operands into the place of the first. The one that holds the output's first free label goes first, so
 * that the last product need not be rearranged. */
static void einsum_merge(einsum_sum *s, size_t a, size_t b)
{
    uint64_t needed = einsum_needed(s, a, b);
    uint64_t in_a = wg_labels_set(&s->operands[a].labels), in_b = wg_labels_set(&s->operands[b].labels);
    bool swap = false;
    for (uint32_t k = s->output.n; k-- > 0;)
        if (wg_labels_have(in_a ^ in_b, s->output.at[k])) swap = wg_labels_have(in_b, s->output.at[k]);
    s->operands[a] = wg_contract_pair(&s->operands[swap ? b : a], &s->operands[swap ? a : b], needed, s->extent);
    for (size_t k = b + 1; k < s->n; k++) s->operands[k - 1] = s->operands[k];
    s->n--;
}

static wg_var einsum_run(einsum_sum *s)
{
    wg_tape *tape = s->c.tape;
    for (size_t k = 0; k < s->n; k++) {
        wg_contract_diagonal(&s->operands[k]);
        if (tape->status != WG_OK) return wg_invalid(tape);
        einsum_drop_stretched(s, &s->operands[k]);
    }
    for (size_t k = 0; k < s->n; k++) einsum_sum_private(&s->operands[k], einsum_needed(s, k, k));
    while (s->n > 1 && tape->status == WG_OK) {
        size_t a, b;
        if (!einsum_choose(s, &a, &b)) {
            einsum_fail(s, WG_ERROR_SHAPE, "whichever pair is contracted next would have more than 8 axes");
            return wg_invalid(tape);
        }
        einsum_merge(s, a, b);
    }
    wg_var result = wg_contract_arrange(&s->operands[0], &s->output);
    return result.index < s->c.length ? wg_reshape(result, wg_shape_of(result)) : result;
}

wg_var wg_einsum(const char *subscripts, const wg_var *in, size_t n)
{
    einsum_sum s = {.text = subscripts, .in = in, .n = n};
    if (!in || !wg_compose_open(&s.c, "einsum", in, n, 0)) return wg_invalid(in ? s.c.tape : NULL);
    wg_tape *tape = s.c.tape;
    if (!subscripts) {
        wg_tape_fail(tape, WG_ERROR_ARGUMENT, "einsum: the subscripts are NULL");
        return wg_invalid(tape);
    }
    size_t bytes = n * sizeof *s.operands;
    s.operands = n <= SIZE_MAX / sizeof *s.operands ? wg_pool_take(&tape->pool, &tape->source, bytes) : NULL;
    if (!s.operands) {
        wg_tape_fail_memory(tape, "einsum", bytes);
        return wg_invalid(tape);
    }
    wg_var result = einsum_read(&s) ? einsum_run(&s) : wg_invalid(tape);
    wg_pool_give_back(&tape->pool, s.operands, bytes);
    return wg_compose_close(&s.c, result);
}
