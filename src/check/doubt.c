/* A name that explains only a part of what went wrong is doubtful. Where the gradient of a maximum is spread over its whole
 * window, the bias behind it is four times too large: that is so, but it is not the mistake. When gradients remain wrong
 * without an explanation, and there is one place in the sweep below which all that was supplied is wrong, among it what
 * remains and no less than what a name explains, then one unknown mistake at that place is likelier than a known and an
 * unknown one, and the name is withdrawn. */
#include "check/run.h"

#include <string.h>

/* For each node, which supplied gradients a mistake in what arrives there would change. */
static unsigned char *doubt_reach(const wg_check *check, check_memory *memory)
{
    const check_model *model = &check->model;
    size_t n = check->count;
    unsigned char *reach = check_take(memory, model->count * n + 1, 1);
    if (!reach) return NULL;
    for (size_t k = 0; k < n; k++) reach[check->supplied[k].node * n + k] = 1;
    for (size_t k = model->links_count; k-- > 0;) { /* the sweep's order, backwards: what is below comes first */
        const check_link *link = &model->links[k];
        size_t above = model->nodes[link->from].supplied;
        bool ends = above != SIZE_MAX && (check->supplied[above].stands_in || check->supplied[above].shown);
        if (link->position == SIZE_MAX || ends) continue;
        for (size_t s = 0; s < n; s++) reach[link->from * n + s] |= reach[link->to * n + s];
    }
    return reach;
}

/* Whether one unknown mistake that changes these gradients may be the cause of what a name explains. */
static bool doubt_place(const wg_check *check, const unsigned char *reached, const unsigned char *explains)
{
    size_t known = 0, here = 0, remain = 0;
    for (size_t k = 0; k < check->count; k++) {
        const check_supplied *s = &check->supplied[k];
        if (reached[k] && !s->own) return false;
        known += explains[k];
        here += explains[k] && reached[k];
        remain += s->fault && reached[k];
    }
    return remain > 0 && here == known && known <= remain;
}

/* Takes a mistake back: what it explained has no explanation. */
static void doubt_withdraw(check_search *search, unsigned mistake, const unsigned char *explains)
{
    wg_check *check = search->check;
    for (size_t k = 0; k < search->count; k++) {
        check_find *find = &search->finds[k];
        if (find->mistake == mistake) find->mistake = 0;
        if (find->mistake > mistake) find->mistake--;
    }
    for (size_t k = 0; k < check->count; k++) check->supplied[k].fault = check->supplied[k].fault || explains[k];
    search->mistakes--;
}

void check_search_doubt(check_search *search)
{
    wg_check *check = search->check;
    check_model *model = &check->model;
    check_memory memory = {0};
    unsigned char *reach = doubt_reach(check, &memory), *explains = check_take(&memory, check->count, 1);
    if (!reach || !explains) search->status = WG_ERROR_MEMORY;
    for (unsigned mistake = search->mistakes; mistake > 0 && search->status == WG_OK; mistake--) {
        bool doubtful = false, kink = false;
        for (size_t k = 0; k < search->count; k++) {
            const check_find *find = &search->finds[k];
            if (find->mistake != mistake) continue;
            memcpy(explains, find->explains, check->count);
            kink = kink || find->cause == WG_CAUSE_KINK;
        }
        for (size_t node = 0; node < model->count && !kink; node++)
            doubtful = doubtful || doubt_place(check, &reach[node * check->count], explains);
        if (doubtful) doubt_withdraw(search, mistake, explains);
    }
    check_release(&memory);
}
