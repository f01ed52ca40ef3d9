/* One run of a check from inside: the forward in double precision, what the caller supplied, and what the parts of the
 * search share.
 *
 *     supply.c    the caller's numbers
 *     model.c     the forward recorded again on a tape of our own, in double where the ops allow
 *     flow.c      reverse sweeps over it: the right one, with the caller's adjoints in it, with a mistake in it
 *     noise.c     what rounding does to each entry
 *     jumps.c     what it does where there are kinks
 *     judge.c     is an array what it should be, within that noise
 *     margin.c    is it so but for its margin
 *     mistakes/   the families of mistakes, a file each, and what they share
 *     services.c  what the families may ask for (mistakes/mistakes.h)
 *     search.c    asks the families, and keeps what explains something
 *     choose.c    which mistakes explain it all
 *     everywhere.c  suggests the same mistake in several places
 *     doubt.c     which of them are likelier to be no such mistake
 *     report.c    causes into words
 *     probe.c     what this probe cannot see
 *     propose.c   better extents
 *     check.c     the order of things */
#ifndef WG_CHECK_RUN_H
#define WG_CHECK_RUN_H

#include "check/mistakes/mistakes.h"
#include "wengert/grad.h"
#include "wengert/ops.h"
#include "wengert/tape.h"

/* ---- memory ------------------------------------------------------------------------------------------------------------ */

/* Blocks that are freed together. */
typedef struct check_block check_block;
typedef struct check_memory {
    check_block *last;
    bool failed; /* an allocation did */
} check_memory;

void *check_take(check_memory *memory, size_t count, size_t size); /* zeros; NULL: failed is set */
/* Room for twice as many as *capacity, which it sets, with the count old ones. NULL: failed is set. */
void *check_take_more(check_memory *memory, const void *old, size_t count, size_t *capacity, size_t size);
double *check_take_copy(check_memory *memory, const double *numbers, size_t n);
void check_release(check_memory *memory);

/* ---- what the caller supplied ------------------------------------------------------------------------------------------- */

typedef struct check_supplied {
    wg_var var; /* on the caller's tape */
    wg_shape shape;
    size_t size;
    double *numbers;
    unsigned bits; /* of the type that they came in */

    /* for one run */
    size_t node;      /* of the copy */
    size_t order;     /* the larger, the earlier a sweep arrives at it */
    unsigned carries; /* bits that the numbers make use of */
    bool fits;        /* of the var's shape, but for extents of one */
    bool leaf;
    bool right;       /* as it should be */
    bool kink;        /* right by another convention */
    bool rounded;     /* right, with more difference than double precision explains */
    bool stands_in;   /* its numbers replace the adjoint in the sweep, so that what is below is judged by them */
    bool shown;       /* wrong, yet what is below is right: only what was shown is wrong */
    bool fault;       /* wrong, not because of one that stands in, and not explained yet */
    bool own;         /* was one before the search */
    bool margin;      /* wrong at a margin alone, and nothing else explains it */
    size_t wanted;    /* elements of the var */
    double *exact;    /* the right gradient */
    double *expected; /* what follows from what stands in and the mistakes found so far */
    double *moved;    /* by a suggestion, from what is expected */
    double *noise;    /* what rounding every step by a relative 1 does to each entry */
    double *jump;     /* by how much it may differ because rounding passes a kink */
    double noise_rms, exact_rms;
} check_supplied;

/* ---- the forward --------------------------------------------------------------------------------------------------------- */

/* An edge of the copy that the sweep passes. One with position SIZE_MAX and from = to stands for all that arrives at a
 * node: for the loss, where the sweep begins, and for nodes with several uses. */
typedef struct check_link {
    size_t from, to, position;
    double *contribution; /* in the present sweep */
    double *replaced;     /* by a mistake that was found; NULL: none */
} check_link;

typedef struct check_node {
    wg_var var;
    size_t size;
    size_t original; /* its index on the caller's tape; of several steps that are one op there, all have that */
    double *adjoint; /* in the present sweep; NULL: nothing arrives */
    size_t uses;     /* in the graph as a whole */
    size_t user;     /* the last of them */
    size_t live;     /* links that arrive at it in the sweep */
    size_t supplied; /* its place among the supplied, or SIZE_MAX */
    bool numbers;    /* not indices */
    size_t sum;      /* the link that stands for all that arrives; SIZE_MAX: none */
} check_node;

typedef struct check_model {
    wg_tape *tape;
    check_memory memory;
    size_t count, capacity, links_count, links_capacity;
    check_node *nodes;   /* in the copy's order of recording; the node's number is its place here */
    check_link *links;   /* in the order in which the sweep passes them */
    size_t *of_original; /* by index on the caller's tape: number, or SIZE_MAX */
    size_t originals;
    size_t loss;
    wg_var *candidates;
    size_t candidates_count;
    size_t *number_of; /* by index on the copy's tape */
    size_t indices;    /* how many of those */
    double weight;     /* of one sweep: its elements, and some for each node */
} check_model;

/* Records the forward again. noise, unless 0: every value is multiplied by 1 + noise r, r of mean square 1, drawn by seed. */
wg_status check_model_open(
    check_model *model, wg_var loss, const wg_var *also, size_t also_count, double noise, uint64_t seed);
void check_model_close(check_model *model);
/* The number of the copy of a node of the caller's, or SIZE_MAX. */
size_t check_model_find(const check_model *model, wg_var original);
/* The number of a node of the copy, or SIZE_MAX (of those that noise added). */
size_t check_model_number(const check_model *model, wg_var copy);

/* ---- the check ------------------------------------------------------------------------------------------------------------ */

/* A suggestion that explains something. */
typedef struct check_find {
    wg_cause cause;
    size_t link, last_link; /* one edge, or from the first to the last of a stretch */
    double factor, misfit;  /* misfit: mean square of what remains, in units of the noise */
    double residual;
    double *contribution;    /* what the mistake puts there; NULL when it is of another shape than the input */
    unsigned char *explains; /* by supplied */
    size_t explained, refuted, compared; /* how many supplied it explains, and gets wrong; entries compared */
    double evidence;                     /* in bits: how unlikely it is to fit by chance */
    char *detail;
    unsigned mistake, rank;
} check_find;

struct wg_check {
    wg_var loss;
    double tolerance;
    check_supplied *supplied;
    size_t count, capacity;
    char message[256];

    /* of the last run */
    double work;       /* elements and nodes that the search's sweeps have passed */
    bool cut;          /* the search stopped because that was too much */
    check_memory kept; /* the report and what it points to */
    check_model model;
    wg_check_report report;
};

/* splitmix64: G. L. Steele, D. Lea, C. H. Flood, Fast splittable pseudorandom number generators, OOPSLA 2014. */
uint64_t check_random(uint64_t *state);
/* Whether two shapes have the same extents, but for those of one. */
bool check_same_extents(const wg_shape *a, const wg_shape *b);
/* Sets the message of a call that failed. */
void check_say(wg_check *check, const char *message);

/* ---- sweeps (flow.c) --------------------------------------------------------------------------------------------------------- */

/* The right sweep: fills in the nodes' adjoints, the links, and each supplied's exact. */
wg_status check_flow_exact(wg_check *check);
/* The sweep with what stands in and the mistakes found so far: adjoints, contributions, each supplied's expected. */
wg_status check_flow_base(wg_check *check);
/* The same with contributions that visit writes; until the next base sweep adjoints and contributions are those. */
typedef wg_status (*check_visit)(void *user, size_t link, const wg_edge *edge);
wg_status check_flow_mistaken(wg_check *check, check_visit visit, void *user);
/* What a change of a node's adjoint does to the supplied gradients: each one's moved. */
wg_status check_flow_change(wg_check *check, size_t node, const double *change);

/* ---- noise and judgement ------------------------------------------------------------------------------------------------------ */

wg_status check_noise(wg_check *check);
/* One run with noise of that size; to: the gradients, one after the other. */
wg_status check_noise_run(wg_check *check, double step, uint64_t seed, double *to);
/* Measures each supplied's jumps; what is wrong for no other reason is right. */
wg_status check_jumps(wg_check *check);
/* The relative unit of rounding of a supplied gradient's numbers, or the tolerance if there is one. */
double check_unit(const wg_check *check, const check_supplied *s);
/* What entry i may differ by from what is expected there. ratio: how much larger than the right gradient the expected one
 * is as a whole, at least 1. */
double check_floor(const wg_check *check, const check_supplied *s, size_t i, double expected, double ratio);

/* Whether entry i is what is expected, within that; never when it is not a number. */
bool check_close(const wg_check *check, const check_supplied *s, size_t i, double expected, double ratio);

typedef struct check_judgement {
    bool fits; /* every entry within its floor */
    size_t wrong, worst;
    double misfit;  /* sum of squares of differences over floors */
    double squares; /* sum of squares of differences */
    double ratio;   /* how much larger what is expected is as a whole than what is right */
} check_judgement;
check_judgement check_judge(const wg_check *check, const check_supplied *s, const double *expected);
/* expected + moved */
check_judgement check_judge_moved(const wg_check *check, const check_supplied *s);
/* Whether n differences within their floors are rounding as a whole; misfit as above. */
bool check_like_rounding(const wg_check *check, double misfit, size_t n);
/* What is lost on the way to 0: a few of the smallest numbers of binary16; of the other types what is subnormal, which is
 * often taken for 0. */
double check_least(const check_supplied *s);
/* Whether the wrong entries are just some last rows, or columns, or the end of the memory, or the first row: what was never
 * written, and what was in that memory is anybody's guess. Says which. */
bool check_margin(const wg_check *check, const check_supplied *s, char *text, size_t size);
/* How many bits of a significand the supplied numbers use; sets each carries. */
void check_precisions(wg_check *check);

/* ---- the search ----------------------------------------------------------------------------------------------------------------- */

/* Hears suggestions in the search's place, of to's shape alone. */
typedef void (*check_hear)(
    void *user, const check_edge *edge, wg_cause cause, const double *numbers, const char *words);
typedef struct check_listener {
    check_hear hear;
    void *user;
    bool anonymous; /* names are places, seen from the edge */
    bool hurried;   /* only the likeliest suggestions are wanted */
    bool done;      /* nothing more is */
} check_listener;

struct check_search {
    wg_check *check;
    check_listener *listener; /* NULL: suggestions are considered */
    size_t link;              /* the edge under consideration */
    check_memory scratch;     /* for one family's call */
    check_memory memory;      /* for what is found */
    check_find *finds;
    size_t count, capacity;
    unsigned mistakes; /* told apart so far */
    wg_tape *local;    /* where single ops are applied to other operands */
    wg_status status;
    bool kinks;     /* only these are looked for; else never */
    double *change; /* what a suggestion changes; of change_room numbers */
    size_t change_room;
    char names[4][128];
    unsigned next_name;
};

/* Looks for the causes of all faults. What it found, by mistake and rank, is in finds; close it afterwards. */
wg_status check_search_run(wg_check *check, check_search *search);
void check_search_close(check_search *search);
/* Fills in the edge of a link; false where the sweep does not pass. Asks one of so many families about it. */
bool check_search_edge(check_search *search, size_t link, check_edge *edge);
size_t check_search_families(void);
void check_search_ask(check_search *search, size_t family, const check_edge *edge);
/* Marks the nodes from which a fault can be reached by the sweep. NULL: out of memory. */
unsigned char *check_search_reach(check_search *search);
/* Runs all families over all edges above a fault. Returns where in the finds the new ones begin. */
size_t check_search_all(check_search *search);
/* Whether the search has done as much as it may. */
bool check_search_is_cut(check_search *search);
/* Suggestions made at all edges alike (everywhere.c): those that explain a part at one edge, among the finds from begin to
 * end; or all that can be made twice. What explains something becomes a find. */
wg_status check_everywhere_of_finds(check_search *search, size_t begin, size_t end);
wg_status check_everywhere_of_all(check_search *search, const unsigned char *reaches);
/* Withdraws the mistakes that explain no more than what remains unexplained, where one unknown mistake may be both. */
void check_search_doubt(check_search *search);

/* A suggestion of any kind, with its words. moved holds what it does to each supplied gradient; judged and kept if it
 * explains one. contribution may be NULL. fitted: a number in it was chosen to fit. */
void check_search_consider(
    check_search *search, wg_cause cause, double factor, const double *contribution, bool fitted, const char *detail);
/* The same for numbers of the supplied shape, where that is not the value's. */
void check_search_consider_shape(check_search *search, wg_cause cause, double factor, const check_supplied *s,
    const double *numbers, const char *detail);
/* The contribution plus t times a direction, for the t that fits; as a factor 1 + t where the direction is the
 * contribution itself. */
void check_search_fit(const check_edge *edge, wg_cause cause, const double *direction, const char *detail);

/* Suggests factors and the like; sees every link, the standing-for-all ones included. */
void check_mistakes_general(const check_edge *edge);

/* The number k as the extent or constant it equals, "100 = columns of X"; false: it is nothing notable. *exactly is the
 * notable number. */
bool check_notable(const wg_check *check, double k, double uncertainty, double *exactly, char *words, size_t size);

/* ---- the report ------------------------------------------------------------------------------------------------------------------- */

wg_status check_report_make(wg_check *check, const check_find *finds, size_t count);
/* What a node is called: its name, or its formula. */
void check_title(const wg_check *check, size_t node, char *text, size_t size);
/* One of its axes: "columns of X", "axis 2 of K". */
void check_axis_title(const wg_check *check, size_t node, size_t axis, char *text, size_t size);
/* "Z2 -> W2" */
void check_edge_title(const wg_check *check, size_t from, size_t to, char *text, size_t size);
/* Whether a leaf is spread over another operand, as a bias is: then extents of 1 are meant. */
bool check_is_spread(const check_model *model, size_t node);
/* Mistakes that the shapes of this probe hide. */
void check_blind_spots(wg_check *check);

#endif
