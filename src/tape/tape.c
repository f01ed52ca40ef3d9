/* A tape's life: new, free, mark, rewind, stats. */
#include "tape/list.h"

#include <string.h>

const char *wg_version(void) { return WG_VERSION; }

/* The instruction set that is asked for; false: the machine or the library lacks it. */
static bool tape_choose_isa(wg_instructions instructions, wg_isa *isa)
{
    switch (instructions) {
    case WG_INSTRUCTIONS_BEST:
        *isa = wg_kernel_isa();
        break;
    case WG_INSTRUCTIONS_BASELINE:
        *isa = WG_ISA_BASELINE;
        break;
    case WG_INSTRUCTIONS_AVX2:
        *isa = WG_ISA_AVX2;
        break;
    case WG_INSTRUCTIONS_AVX512:
        *isa = WG_ISA_AVX512;
        break;
    default:
        return false;
    }
    return wg_kernel_isa_runs(*isa);
}

static bool tape_options_fit(const wg_tape_options *options)
{
    const wg_allocator *allocator = &options->allocator;
    if (options->dtype != WG_F32 && options->dtype != WG_F64) return false;
    if (!allocator->allocate != !allocator->release) return false;
    if (options->buffer && allocator->allocate) return false;
    return options->buffer || !options->buffer_size;
}

static void *tape_team_memory(void *user, size_t bytes) { return wg_source_take(user, bytes); }
static void tape_team_release(void *user, void *memory, size_t bytes) { wg_source_give_back(user, memory, bytes); }

wg_tape *wg_tape_new_with(const wg_tape_options *options, wg_status *why)
{
    wg_tape_options defaults = {.dtype = WG_F32};
    wg_status ignored;
    if (!why) why = &ignored;
    if (!options) options = &defaults;
    *why = WG_ERROR_ARGUMENT;
    wg_isa isa;
    if (!tape_options_fit(options) || !tape_choose_isa(options->instructions, &isa)) return NULL;

    wg_source source;
    wg_source_open(&source, options);
    *why = WG_ERROR_MEMORY;
    wg_tape *tape = wg_source_take(&source, sizeof *tape);
    if (!tape) return NULL;
    memset(tape, 0, sizeof *tape);
    tape->source = source;
    tape->isa = isa;
    tape->dtype = options->dtype;
    tape->check_finite = options->check_finite;
    tape->ieee_zero = options->ieee_zero;
    tape->same_rank = options->same_rank;
    tape->epoch = 1;
    tape->first_variable = UINT32_MAX;
    tape->scalar_shape = wg_list_intern(tape, &(wg_shape){0});
    if (!tape->scalar_shape ||
        !wg_team_new(&tape->team, options->threads, tape_team_memory, tape_team_release, &tape->source)) {
        source = tape->source;
        wg_pool_close(&tape->pool, &source);
        wg_source_give_back(&source, tape, sizeof *tape);
        return NULL;
    }
    wg_tape_update_quick(tape);
    *why = WG_OK;
    return tape;
}

wg_tape *wg_tape_new(wg_dtype dtype) { return wg_tape_new_with(&(wg_tape_options){.dtype = dtype}, NULL); }

void wg_tape_free(wg_tape *tape)
{
    if (!tape) return;
    if (tape->busy) {
        wg_tape_fail(tape, WG_ERROR_ARGUMENT, "wg_tape_free: the tape is busy");
        return;
    }
    wg_team_free(tape->team);
    wg_source source = tape->source;
    wg_arena_close(&tape->arena, &source);
    wg_pool_close(&tape->pool, &source);
    wg_source_end_growth(&source, &tape->nodes_memory);
    wg_source_end_growth(&source, &tape->adjoints_memory);
    wg_source_give_back(&source, tape, sizeof *tape);
}

wg_dtype wg_tape_dtype(const wg_tape *tape) { return tape ? tape->dtype : WG_F32; }

wg_status wg_tape_stats(const wg_tape *tape, wg_stats *stats)
{
    if (!tape || !stats) return WG_ERROR_ARGUMENT;
    *stats = (wg_stats){tape->length, tape->source.in_use, tape->source.peak, tape->source.calls};
    return WG_OK;
}

/* A mark is the node below it, by index and epoch: it can be reached as long as that node is there. */
wg_mark wg_tape_mark(wg_tape *tape)
{
    if (wg_tape_ready(tape, "wg_tape_mark") != WG_OK) return (wg_mark){tape, UINT32_MAX, 0};
    uint32_t length = tape->length;
    return (wg_mark){tape, length, length ? tape->nodes[length - 1].epoch : 0};
}

static bool tape_reaches(const wg_tape *tape, wg_mark mark)
{
    if (mark.tape != tape || mark.index > tape->length) return false;
    return mark.index == 0 ? mark.epoch == 0 : tape->nodes[mark.index - 1].epoch == mark.epoch;
}

/* What a record holds in the pool. */
static void tape_release_record(wg_tape *tape, wg_record *record)
{
    size_t elements = record->shape->size;
    size_t bytes = elements * wg_node_element_size(tape, &tape->nodes[record->index]);
    if (record->flags & WG_RECORD_POOL_VALUE) wg_pool_give_back(&tape->pool, record->value, bytes);
    if (record->flags & WG_RECORD_POOL_GRAD) wg_pool_give_back(&tape->pool, record->grad, bytes);
    if (record->name) wg_pool_give_back(&tape->pool, record->name, strlen(record->name) + 1);
}

static void tape_drop_holders(wg_tape *tape, uint32_t length)
{
    wg_record **link = &tape->holders;
    while (*link) {
        if ((*link)->index >= length)
            *link = (*link)->holder;
        else
            link = &(*link)->holder;
    }
}

static void tape_drop_boxes(wg_tape *tape, uint32_t length)
{
    wg_record **link = &tape->boxes;
    while (*link) {
        wg_record *box = *link;
        if (box->index < length) {
            link = &box->previous;
            continue;
        }
        *link = box->previous;
        tape_release_record(tape, box);
        wg_pool_give_back(&tape->pool, box, sizeof *box + sizeof(double));
    }
}

void wg_list_cut(wg_tape *tape, uint32_t length)
{
    if (length == tape->length) return;
    tape_drop_holders(tape, length);
    tape_drop_boxes(tape, length);
    while (tape->last && tape->last->index >= length) {
        wg_record *record = tape->last;
        tape_release_record(tape, record);
        tape->last = record->previous;
        wg_arena_return(&tape->arena, record->arena_position);
    }
    tape->length = length;
    tape->epoch++;
    if (tape->first_variable >= length) tape->first_variable = UINT32_MAX;
}

wg_status wg_tape_rewind(wg_tape *tape, wg_mark mark)
{
    if (!tape) return WG_ERROR_ARGUMENT;
    if (tape->busy) return wg_tape_fail(tape, WG_ERROR_ARGUMENT, "wg_tape_rewind: the tape is busy");
    if (mark.tape != tape)
        return wg_tape_fail(tape, WG_ERROR_ARGUMENT, "wg_tape_rewind: the mark was set on another tape");
    if (mark.index == UINT32_MAX)
        return wg_tape_fail(
            tape, WG_ERROR_ARGUMENT, "wg_tape_rewind: the mark was not set: the tape was in error then");
    if (!tape_reaches(tape, mark))
        return wg_tape_fail(tape, WG_ERROR_ARGUMENT,
            "wg_tape_rewind: the mark can no longer be reached: the tape was rewound to before it");
    wg_list_cut(tape, mark.index);
    return WG_OK;
}
