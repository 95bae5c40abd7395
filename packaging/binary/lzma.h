/*
 * A decoder of LZMA streams (.lzma, "alone" format) into memory.
 *
 * Follows the description of the format in the LZMA specification of the LZMA SDK (Igor Pavlov, 2015-06-14,
 * public domain): a range coder over adaptive bit models, literals, matches and four repeated distances.
 */

#ifndef ALYA_LZMA_H
#define ALYA_LZMA_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

enum {
    LZ_HEADER = 13,
    LZ_STATES = 12,
    LZ_MODEL_BITS = 11,
    LZ_MOVE_BITS = 5,
    LZ_EVEN = 1 << (LZ_MODEL_BITS - 1),
    LZ_MIN_MATCH = 2,
    LZ_LENGTH_SLOTS = 4,
    LZ_DIRECT_FROM = 14, /* distance slots from here on have bits without a model */
    LZ_MODELLED = 1 << (LZ_DIRECT_FROM / 2),
    LZ_ALIGN_BITS = 4,
    LZ_LITERAL = 0x300,
};

typedef uint16_t LzModel;

typedef struct {
    const uint8_t *at, *end;
    uint32_t range, code;
} LzCoder;

typedef struct {
    LzModel choice[2], low[16][8], mid[16][8], high[256];
} LzLength;

typedef struct {
    LzModel match[LZ_STATES][16], repeat[LZ_STATES], repeat0[LZ_STATES], repeat1[LZ_STATES];
    LzModel repeat2[LZ_STATES], repeat0_long[LZ_STATES][16];
    LzModel slot[LZ_LENGTH_SLOTS][64], distance[1 + LZ_MODELLED - LZ_DIRECT_FROM];
    LzModel align[1 << LZ_ALIGN_BITS];
    LzLength match_length, repeat_length;
    LzModel literal[];
} LzModels;

static void lz_fill(LzCoder *coder)
{
    if (coder->range < 1u << 24) {
        coder->range <<= 8;
        coder->code = coder->code << 8 | (coder->at < coder->end ? *coder->at : 0u);
        coder->at++; /* past the end: the caller sees it */
    }
}

static unsigned lz_bit(LzCoder *coder, LzModel *model)
{
    lz_fill(coder);
    uint32_t bound = (coder->range >> LZ_MODEL_BITS) * *model;
    if (coder->code < bound) {
        coder->range = bound;
        *model = (LzModel)(*model + (((1 << LZ_MODEL_BITS) - *model) >> LZ_MOVE_BITS));
        return 0;
    }
    coder->range -= bound;
    coder->code -= bound;
    *model = (LzModel)(*model - (*model >> LZ_MOVE_BITS));
    return 1;
}

static uint32_t lz_direct(LzCoder *coder, int bits)
{
    uint32_t value = 0;
    while (bits-- > 0) {
        lz_fill(coder);
        coder->range >>= 1;
        unsigned bit = coder->code >= coder->range;
        if (bit)
            coder->code -= coder->range;
        value = value << 1 | bit;
    }
    return value;
}

static uint32_t lz_tree(LzCoder *coder, LzModel *models, int bits)
{
    uint32_t node = 1;
    for (int n = 0; n < bits; n++)
        node = node << 1 | lz_bit(coder, models + node);
    return node - (1u << bits);
}

static uint32_t lz_reverse_tree(LzCoder *coder, LzModel *models, int bits)
{
    uint32_t node = 1, value = 0;
    for (int n = 0; n < bits; n++) {
        unsigned bit = lz_bit(coder, models + node);
        node = node << 1 | bit;
        value |= (uint32_t)bit << n;
    }
    return value;
}

static uint32_t lz_length(LzCoder *coder, LzLength *models, unsigned position)
{
    if (!lz_bit(coder, &models->choice[0]))
        return lz_tree(coder, models->low[position], 3);
    if (!lz_bit(coder, &models->choice[1]))
        return 8 + lz_tree(coder, models->mid[position], 3);
    return 16 + lz_tree(coder, models->high, 8);
}

static uint32_t lz_distance(LzCoder *coder, LzModels *models, uint32_t length)
{
    uint32_t state = length < LZ_LENGTH_SLOTS ? length : LZ_LENGTH_SLOTS - 1;
    uint32_t slot = lz_tree(coder, models->slot[state], 6);
    if (slot < 4)
        return slot;
    int bits = (int)(slot >> 1) - 1;
    uint32_t distance = (2 | (slot & 1)) << bits;
    if (slot < LZ_DIRECT_FROM)
        return distance + lz_reverse_tree(coder, models->distance + distance - slot, bits);
    distance += lz_direct(coder, bits - LZ_ALIGN_BITS) << LZ_ALIGN_BITS;
    return distance + lz_reverse_tree(coder, models->align, LZ_ALIGN_BITS);
}

/* Decode `packed` into `out`; the number of bytes, 0 when it is damaged or doesn't fit into `room`. */
static size_t lzma_decode(const uint8_t *packed, size_t size, uint8_t *out, size_t room)
{
    if (size < LZ_HEADER + 5 || packed[0] >= 9 * 5 * 5)
        return 0;
    unsigned lc = packed[0] % 9, lp = packed[0] / 9 % 5, pb = packed[0] / 45;
    size_t count = sizeof(LzModels) / sizeof(LzModel) + ((size_t)LZ_LITERAL << (lc + lp));
    LzModels *models = malloc(count * sizeof(LzModel));
    if (models == NULL)
        return 0;
    for (size_t n = 0; n < count; n++)
        ((LzModel *)models)[n] = LZ_EVEN;

    LzCoder coder = {packed + LZ_HEADER + 1, packed + size, 0xFFFFFFFFu, 0};
    for (int n = 0; n < 4; n++)
        coder.code = coder.code << 8 | *coder.at++;
    size_t at = 0;
    uint32_t repeated[4] = {0, 0, 0, 0}, length;
    unsigned state = 0;
    int ended = 0;

    while (coder.at <= coder.end) {
        unsigned position = (unsigned)at & ((1u << pb) - 1);
        if (!lz_bit(&coder, &models->match[state][position])) {
            if (at == room)
                break;
            unsigned before = at ? out[at - 1] : 0;
            unsigned context = (((unsigned)at & ((1u << lp) - 1)) << lc) + (before >> (8 - lc));
            LzModel *literal = models->literal + (size_t)LZ_LITERAL * context;
            unsigned symbol = 1;
            if (state >= 7) {
                if (repeated[0] >= at)
                    break;
                unsigned match = out[at - repeated[0] - 1];
                while (symbol < 0x100) {
                    unsigned expected = match >> 7 & 1;
                    match <<= 1;
                    unsigned bit = lz_bit(&coder, literal + ((1 + expected) << 8) + symbol);
                    symbol = symbol << 1 | bit;
                    if (bit != expected)
                        break;
                }
            }
            while (symbol < 0x100)
                symbol = symbol << 1 | lz_bit(&coder, literal + symbol);
            out[at++] = (uint8_t)symbol;
            state = state < 4 ? 0 : state < 10 ? state - 3 : state - 6;
            continue;
        }
        if (lz_bit(&coder, &models->repeat[state])) {
            if (!lz_bit(&coder, &models->repeat0[state])) {
                if (!lz_bit(&coder, &models->repeat0_long[state][position])) {
                    if (at == room || repeated[0] >= at)
                        break;
                    state = state < 7 ? 9 : 11;
                    out[at] = out[at - repeated[0] - 1];
                    at++;
                    continue;
                }
            } else {
                uint32_t distance = repeated[1];
                if (lz_bit(&coder, &models->repeat1[state])) {
                    distance = repeated[2];
                    if (lz_bit(&coder, &models->repeat2[state])) {
                        distance = repeated[3];
                        repeated[3] = repeated[2];
                    }
                    repeated[2] = repeated[1];
                }
                repeated[1] = repeated[0];
                repeated[0] = distance;
            }
            length = lz_length(&coder, &models->repeat_length, position);
            state = state < 7 ? 8 : 11;
        } else {
            repeated[3] = repeated[2];
            repeated[2] = repeated[1];
            repeated[1] = repeated[0];
            length = lz_length(&coder, &models->match_length, position);
            state = state < 7 ? 7 : 10;
            repeated[0] = lz_distance(&coder, models, length);
            if (repeated[0] == 0xFFFFFFFFu) { /* the marker of the end */
                ended = 1;
                break;
            }
        }
        length += LZ_MIN_MATCH;
        if (repeated[0] >= at || length > room - at)
            break;
        for (uint32_t n = 0; n < length; n++, at++)
            out[at] = out[at - repeated[0] - 1];
    }
    free(models);
    return ended && coder.at <= coder.end ? at : 0;
}

#endif
