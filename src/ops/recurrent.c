/* Cells of recurrent networks: one step of an LSTM (S. Hochreiter, J. Schmidhuber, Long short-term memory, Neural
 * Computation 9, 1997; with the forget gate of F. A. Gers et al., Learning to forget, 2000) and of a GRU (K. Cho et al.,
 * Learning phrase representations using RNN encoder-decoder, 2014).
 *
 * All gates of a cell come out of one product with x and one with h, and are parts of their sum. The loop over time is
 * the caller's; the same weights in every step add up in their gradients. */
#include "ops/compose.h"
#include "shape/shape.h"
#include "wengert/ops.h"

/* ---- arguments ----------------------------------------------------------------------------------------------------------- */

typedef struct recurrent_cell {
    wg_var x, h, w_ih, w_hh, b_ih, b_hh;
    size_t gates, hidden;
} recurrent_cell;

static const char *recurrent_describe(wg_var v) { return wg_list_describe(v.tape, v.index); }

static bool recurrent_fits_weight(const wg_composition *c, const recurrent_cell *cell, wg_var w, wg_var of)
{
    wg_shape shape = wg_shape_of(w), from = wg_shape_of(of);
    size_t rows = cell->gates * cell->hidden, columns = from.dim[from.rank - 1];
    if (shape.rank == 2 && shape.dim[0] == rows && shape.dim[1] == columns) return true;
    wg_tape_fail(c->tape, WG_ERROR_SHAPE, "%s: the weight %s is not (%zu,%zu): %zu gates of %zu features, for %s",
        c->name, recurrent_describe(w), rows, columns, cell->gates, cell->hidden, recurrent_describe(of));
    return false;
}

static bool recurrent_fits_bias(const wg_composition *c, const recurrent_cell *cell, wg_var b)
{
    if (!wg_compose_given(b)) return true;
    wg_shape shape = wg_shape_of(b);
    size_t rows = cell->gates * cell->hidden;
    if (shape.rank == 1 && shape.dim[0] == rows) return true;
    wg_tape_fail(c->tape, WG_ERROR_SHAPE, "%s: the bias %s is not (%zu): %zu gates of %zu features", c->name,
        recurrent_describe(b), rows, cell->gates, cell->hidden);
    return false;
}

/* x is (..., inputs) and h (..., hidden), alike before the last axis. */
static bool recurrent_fits(const wg_composition *c, recurrent_cell *cell)
{
    wg_shape x = wg_shape_of(cell->x), h = wg_shape_of(cell->h);
    bool alike = x.rank == h.rank && x.rank > 0;
    for (uint32_t d = 0; alike && d + 1 < x.rank; d++) alike = x.dim[d] == h.dim[d];
    if (!alike) {
        wg_tape_fail(c->tape, WG_ERROR_SHAPE, "%s: x %s and h %s are not (batch, features) of one batch", c->name,
            recurrent_describe(cell->x), recurrent_describe(cell->h));
        return false;
    }
    cell->hidden = h.dim[h.rank - 1];
    if (cell->hidden > SIZE_MAX / cell->gates) {
        wg_tape_fail(c->tape, WG_ERROR_SHAPE, "%s: %zu gates of h %s overflow", c->name, cell->gates,
            recurrent_describe(cell->h));
        return false;
    }
    return recurrent_fits_weight(c, cell, cell->w_ih, cell->x) && recurrent_fits_weight(c, cell, cell->w_hh, cell->h) &&
           recurrent_fits_bias(c, cell, cell->b_ih) && recurrent_fits_bias(c, cell, cell->b_hh);
}

/* ---- steps --------------------------------------------------------------------------------------------------------------- */

/* x w^T + b */
static wg_var recurrent_linear(wg_var x, wg_var w, wg_var b)
{
    wg_var product = wg_matmul(x, wg_transpose(w));
    return wg_compose_given(b) ? wg_add(product, b) : product;
}

/* Gates from up to to, which are parts of the last axis. */
static wg_var recurrent_gates(const recurrent_cell *cell, wg_var x, size_t from, size_t to)
{
    return wg_slice(x, -1, (ptrdiff_t)(from * cell->hidden), (ptrdiff_t)(to * cell->hidden), 1);
}

/* keep s(a) + new s(-a), s the sigmoid. 1 - s(a) would lose a closed gate's digits. */
static wg_var recurrent_blend(wg_var keep, wg_var new, wg_var a)
{
    wg_var opposite = wg_sigmoid(wg_neg(a));
    wg_var entering = wg_mul(new, opposite);
    wg_var gate = wg_sigmoid(a);
    return wg_fma(keep, gate, entering);
}

wg_var wg_gru_cell(wg_var x, wg_var h, wg_var w_ih, wg_var w_hh, wg_var b_ih, wg_var b_hh)
{
    wg_composition c;
    recurrent_cell cell = {x, h, w_ih, w_hh, b_ih, b_hh, .gates = 3};
    wg_var in[] = {x, h, w_ih, w_hh, wg_compose_given(b_ih) ? b_ih : x, wg_compose_given(b_hh) ? b_hh : x};
    if (!wg_compose_open(&c, "gru_cell", in, 6, 0) || !recurrent_fits(&c, &cell)) return wg_invalid(c.tape);
    wg_var from_x = recurrent_linear(x, w_ih, b_ih);
    wg_var from_h = recurrent_linear(h, w_hh, b_hh);
    wg_var gates_x = recurrent_gates(&cell, from_x, 0, 2);
    wg_var gates_h = recurrent_gates(&cell, from_h, 0, 2);
    wg_var gates = wg_add(gates_x, gates_h);
    wg_var reset = wg_sigmoid(recurrent_gates(&cell, gates, 0, 1));
    wg_var new_x = recurrent_gates(&cell, from_x, 2, 3);
    wg_var new_h = recurrent_gates(&cell, from_h, 2, 3);
    wg_var new = wg_tanh(wg_fma(reset, new_h, new_x));
    wg_var update = recurrent_gates(&cell, gates, 1, 2);
    return wg_compose_close(&c, recurrent_blend(h, new, update));
}

/* out[0] = the next h, out[1] = the next c. */
static void recurrent_lstm(const recurrent_cell *cell, wg_var c, wg_var *out)
{
    wg_var from_x = recurrent_linear(cell->x, cell->w_ih, cell->b_ih);
    wg_var from_h = recurrent_linear(cell->h, cell->w_hh, cell->b_hh);
    wg_var gates = wg_add(from_x, from_h);
    wg_var input_forget = wg_sigmoid(recurrent_gates(cell, gates, 0, 2));
    wg_var input = recurrent_gates(cell, input_forget, 0, 1);
    wg_var forget = recurrent_gates(cell, input_forget, 1, 2);
    wg_var candidate = wg_tanh(recurrent_gates(cell, gates, 2, 3));
    wg_var output = wg_sigmoid(recurrent_gates(cell, gates, 3, 4));
    wg_var entering = wg_mul(input, candidate);
    out[1] = wg_fma(forget, c, entering);
    out[0] = wg_mul(output, wg_tanh(out[1]));
}

wg_status wg_lstm_cell(
    wg_var x, wg_var h, wg_var c, wg_var w_ih, wg_var w_hh, wg_var b_ih, wg_var b_hh, wg_var *h_out, wg_var *c_out)
{
    wg_composition steps;
    recurrent_cell cell = {x, h, w_ih, w_hh, b_ih, b_hh, .gates = 4};
    wg_var in[] = {x, h, c, w_ih, w_hh, wg_compose_given(b_ih) ? b_ih : x, wg_compose_given(b_hh) ? b_hh : x};
    bool fits = wg_compose_open(&steps, "lstm_cell", in, 7, 0) && recurrent_fits(&steps, &cell);
    wg_tape *tape = steps.tape;
    wg_var out[2] = {wg_invalid(tape), wg_invalid(tape)};
    wg_shape of_h = wg_shape_of(h), of_c = wg_shape_of(c);
    if (fits && !wg_shape_equal(&of_h, &of_c))
        wg_tape_fail(tape, WG_ERROR_SHAPE, "lstm_cell: h %s and c %s differ in shape", recurrent_describe(h),
            recurrent_describe(c));
    else if (fits && (!h_out || !c_out))
        wg_tape_fail(tape, WG_ERROR_ARGUMENT, "lstm_cell: the place for the next %s is NULL", h_out ? "c" : "h");
    else if (fits) {
        recurrent_lstm(&cell, c, out);
        wg_compose_close_all(&steps, out, 2);
    }
    if (h_out) *h_out = out[0];
    if (c_out) *c_out = out[1];
    return tape ? tape->status : WG_ERROR_ARGUMENT;
}
