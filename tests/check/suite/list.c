/* The forwards, in the order in which they are reported. */
#include "suite.h"

extern const suite_forward suite_mlp, suite_mlp_square, suite_residual, suite_cross_entropy, suite_softmax, suite_nll,
    suite_layer_norm, suite_layer_norm_parts, suite_conv, suite_attention, suite_embedding, suite_kinks;

const suite_forward *const suite_forwards[] = {&suite_mlp, &suite_mlp_square, &suite_residual, &suite_cross_entropy,
    &suite_softmax, &suite_nll, &suite_layer_norm, &suite_layer_norm_parts, &suite_conv, &suite_attention,
    &suite_embedding, &suite_kinks};
const size_t suite_forwards_count = sizeof suite_forwards / sizeof *suite_forwards;
