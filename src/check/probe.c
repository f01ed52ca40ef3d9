/* What this probe cannot see, whatever the gradients: an extent of 1 makes a sum, a mean and one sample the same, equal
 * extents make a wrong shape fit, and so on. propose.c finds shapes that
 * hide nothing. */
#include "check/run.h"

#include <stdio.h>
#include <string.h>

static void probe_say(wg_check *check, const char **spots, size_t limit, const char *text)
{
    if (check->report.blind_spots_count == limit) return;
    char *copy = check_take(&check->kept, strlen(text) + 1, 1);
    if (!copy) return;
    memcpy(copy, text, strlen(text));
    spots[check->report.blind_spots_count++] = copy;
}

/* A leaf of numbers whose extents are the probe's choice. */
static bool probe_counts(const wg_check *check, size_t node, wg_shape *shape)
{
    wg_node_info info;
    if (wg_node_read(check->model.nodes[node].var, &info) != WG_OK || !(info.flags & WG_IS_LEAF)) return false;
    *shape = info.shape;
    return info.shape.rank > 0 && check->model.nodes[node].size > 0 && !(info.flags & WG_IS_INDICES);
}

bool check_is_spread(const check_model *model, size_t node)
{
    const check_node *n = &model->nodes[node];
    wg_node_info leaf, user;
    if (!n->uses || wg_node_read(n->var, &leaf) != WG_OK) return false;
    if (wg_node_read(model->nodes[n->user].var, &user) != WG_OK || !(user.op->flags & WG_OP_ELEMENTWISE)) return false;
    return leaf.flags & WG_IS_VARIABLE || model->nodes[n->user].size > n->size;
}

#define PROBE_LIMIT 16

void check_blind_spots(wg_check *check)
{
    const check_model *model = &check->model;
    const char **spots = check_take(&check->kept, PROBE_LIMIT, sizeof *spots);
    if (!spots) return;
    check->report.blind_spots = spots;
    if (check->cut)
        probe_say(check, spots, PROBE_LIMIT,
            "the graph is large, and the search was cut short: causes further down may have been missed; supply "
            "intermediate gradients, or check a smaller case");
    for (size_t node = 0; node < model->count; node++) {
        wg_shape shape;
        char axis[128], text[400];
        if (!probe_counts(check, node, &shape)) continue;
        bool spread = check_is_spread(&check->model, node);
        for (size_t k = 0; k < shape.rank; k++) {
            check_axis_title(check, node, k, axis, sizeof axis);
            if (shape.dim[k] == 1 && !spread) {
                snprintf(text, sizeof text,
                    "%s = 1: a sum along it, a mean, one sample, a missing sum, a factor of its extent, and a shift "
                    "are "
                    "all the same here: six kinds of mistake are invisible; use distinct extents of at least 3",
                    axis);
                probe_say(check, spots, PROBE_LIMIT, text);
            } else if (shape.dim[k] == 2) {
                snprintf(text, sizeof text,
                    "%s = 2: a factor of this extent looks like the 2 of a square; use distinct extents of at least 3",
                    axis);
                probe_say(check, spots, PROBE_LIMIT, text);
            }
        }
        if (shape.rank == 2 && shape.dim[0] == shape.dim[1] && shape.dim[0] > 1) {
            check_axis_title(check, node, 0, axis, sizeof axis);
            snprintf(text, sizeof text,
                "%s = its columns = %zu: a missing transpose keeps the shape; use distinct extents of at least 3", axis,
                shape.dim[0]);
            probe_say(check, spots, PROBE_LIMIT, text);
        }
    }
}
