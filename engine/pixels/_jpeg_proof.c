/* Prove that a frame of JPEG Baseline or Extended was blanked, coefficient by coefficient, of all its blocks.

   Reads the original and what was written side by side, each from its first marker to its last (ITU-T T.81 Annexes B, C
   and F). It knows nothing of `_jpeg.c`, which blanks, and takes no tables from anybody: a mistake there cannot prove
   itself right. Optional: without a compiler jpeg_proof compares what libjpeg-turbo decodes.

   What is proven: all segments a decoder needs are the same bytes in the same order, Huffman tables apart, and nothing
   else is in what was written. Outside the boxes the DC coefficient of each block is the same number, and its AC
   coefficients are the same bits under the same table. Inside, a component has one DC coefficient in all its blocks,
   which is mid-scale or an end of the scale, and no AC coefficient. What was written ends with its last block.

   Every read is checked against the length of the data; the GIL is released. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { PROVEN, CHANGED, LEFT, ANOTHER, SURPLUS, DAMAGED, BROKEN, NO_MEMORY };
/* DAMAGED: the original cannot be read; BROKEN: what was written cannot. */

enum { SOF0 = 0xC0, SOF1 = 0xC1, DHT = 0xC4, RST0 = 0xD0, EOI = 0xD9, SOS = 0xDA, DQT = 0xDB, DRI = 0xDD, APP0 = 0xE0,
       APP14 = 0xEE, APP15 = 0xEF, COM = 0xFE };

#define COMPONENTS 3
#define SLOTS 4
#define WINDOW 57        /* bits that are looked at together */
#define QUICK 12         /* bits of a window that find codes at once; longer ones are rare */
#define FEW 15           /* bits that a quick step takes at most, so that four of them are in any window */
#define END_OF_BLOCK 128 /* as a step among the coefficients: further than any other leads */
#define MISS 0xFF00      /* no quick step begins with this window */
#define LONGEST_BLOCK 1985 /* bits: 16 + 16 for DC, 63 times 16 + 15 for AC */
#define BEHIND (LONGEST_BLOCK / 8 + 16) /* bytes that may be read behind the data before its end is noticed */

typedef struct {
    int defined, symbols;
    uint8_t counts[16], symbol[256];
} Table;

/* A table as steps: bits taken | what they mean << 8. That is the size of a DC difference, or how many coefficients are
   passed, of as many AC codes as the window has. */
typedef struct {
    Table table;   /* that it was made of */
    unsigned made; /* how often it was */
    int ac;
    uint16_t quick[1 << QUICK];
    uint32_t first[17], end[17]; /* codes of each length: the first, and the first 16 bits behind the last */
    int before[17];              /* symbols of shorter codes */
} Steps;

/* Whole blocks that are shorter than a window: bits taken | DC difference << 5; 0 for the longer ones. Black ones are. */
typedef struct {
    unsigned of_dc, of_ac; /* which steps they were made of, as counted */
    const Steps *dc, *ac;
    int16_t whole[1 << QUICK];
} Short;

typedef struct {
    const uint8_t *start, *end, *at;
    int wrong;   /* what it is called if this stream cannot be read */
    int written; /* it is ours: nothing may be in it that is not needed */
    Table dc[SLOTS], ac[SLOTS];
    const uint8_t *jfif, *adobe; /* what decides about colours, 12 bytes each */
    const uint8_t *body;         /* of the segment at hand */
    size_t length;
    uint8_t *plain; /* one restart interval, its stuffing taken out */
    int64_t bits;   /* and how many it has */
} Stream;

typedef struct {
    int identifier, horizontal, vertical, quantisation;
    int seen, has_black;
    int64_t black;
} Component;

/* What is known of the object, and behind it what is read of one frame. */
typedef struct {
    int rows, columns, samples, bits_allocated; /* as the header of the object says */
    const int32_t *boxes;
    Py_ssize_t many_boxes;
    Steps dc_before[SLOTS], dc_after[SLOTS], ac[SLOTS];
    Short shorts[COMPONENTS];
    uint8_t *plain[2]; /* room for the intervals of both streams */
    size_t room[2];
    Stream before, after;
    int precision, components, horizontal, vertical, interval;
    Component component[COMPONENTS];
    int dc_quantum[SLOTS];
    int64_t across, down; /* MCUs */
    uint8_t *inside;      /* for each of them */
} Proof;

static int quotient_up(int number, int divisor) { return (number + divisor - 1) / divisor; }

/* -- Segments ------------------------------------------------------------------------------------------------------ */

static int huffman_tables(Stream *of) {
    size_t at = 0;
    while (at < of->length) {
        if (of->length - at < 17)
            return of->wrong;
        int class = of->body[at] >> 4, slot = of->body[at] & 15;
        if (class > 1 || slot >= SLOTS)
            return of->wrong;
        Table *table = (class ? of->ac : of->dc) + slot;
        memcpy(table->counts, of->body + at + 1, 16);
        table->symbols = 0;
        int64_t room = 1;
        for (int n = 0; n < 16; n++) {
            table->symbols += table->counts[n];
            room = room * 2 - table->counts[n];
            if (room < 0)
                return of->wrong;
        }
        at += 17;
        if (table->symbols > 256 || of->length - at < (size_t)table->symbols)
            return of->wrong;
        memcpy(table->symbol, of->body + at, (size_t)table->symbols);
        uint8_t there[256] = {0};
        for (int n = 0; n < table->symbols; n++)
            if (there[table->symbol[n]]++) /* two codes for one: readers differ in what they make of that */
                return of->wrong;
        table->defined = 1;
        at += (size_t)table->symbols;
    }
    return 0;
}

/* Colours hang on the first JFIF and Adobe segments; a second one that says something else could be believed, too. */
static int application_data(Stream *of, int marker) {
    int jfif = marker == APP0 && of->length >= 14 && !memcmp(of->body, "JFIF", 5);
    int adobe = marker == APP14 && of->length >= 12 && !memcmp(of->body, "Adobe", 5);
    const uint8_t **which = jfif ? &of->jfif : &of->adobe;
    if (of->written) {
        int bare = jfif ? of->length == 14 && !of->body[12] && !of->body[13] : adobe && of->length == 12;
        if (!bare || *which)
            return SURPLUS;
    }
    if (!jfif && !adobe)
        return 0;
    if (adobe && *which && memcmp(*which, of->body, 12))
        return ANOTHER;
    if (!*which)
        *which = of->body;
    return 0;
}

/* Up to the next segment that is compared; its marker, or what is wrong, as a negative number. */
static int next_segment(Stream *of) {
    for (;;) {
        if (of->end - of->at < 2 || *of->at != 0xFF)
            return -of->wrong;
        of->at++;
        while (!of->written && of->at < of->end && *of->at == 0xFF)
            of->at++;
        if (of->at == of->end)
            return -of->wrong;
        int marker = *of->at++;
        if (marker == EOI)
            return marker;
        if (of->end - of->at < 2)
            return -of->wrong;
        size_t length = (size_t)of->at[0] << 8 | of->at[1];
        if (length < 2 || (size_t)(of->end - of->at) < length)
            return -of->wrong;
        of->body = of->at + 2;
        of->length = length - 2;
        of->at += length;
        int wrong = 0;
        if (marker == DHT)
            wrong = huffman_tables(of);
        else if ((marker >= APP0 && marker <= APP15) || marker == COM)
            wrong = application_data(of, marker);
        else if (marker == SOF0 || marker == SOF1 || marker == DQT || marker == DRI || marker == SOS)
            return marker;
        else
            return -of->wrong;
        if (wrong)
            return -wrong;
    }
}

static int frame_header(Proof *of) {
    const uint8_t *body = of->before.body;
    size_t length = of->before.length;
    if (of->components || length < 6 || length != 6 + 3 * (size_t)body[5])
        return DAMAGED;
    of->precision = body[0];
    int rows = body[1] << 8 | body[2], columns = body[3] << 8 | body[4];
    if (rows != of->rows || columns != of->columns || body[5] != of->samples || of->precision > of->bits_allocated)
        return ANOTHER;
    if ((body[5] != 1 && body[5] != 3) || (of->precision != 8 && of->precision != 12) || !rows || !columns)
        return DAMAGED;
    of->components = body[5];
    of->horizontal = of->vertical = 1;
    int blocks = 0;
    for (int n = 0; n < of->components; n++) {
        const uint8_t *said = body + 6 + 3 * n;
        int h = said[1] >> 4, v = said[1] & 15;
        if (h < 1 || h > 4 || v < 1 || v > 4)
            return DAMAGED;
        if (of->components == 1) /* never subsampled, whatever it says (T.81 A.2.2) */
            h = v = 1;
        of->component[n] = (Component){said[0], h, v, said[2], 0, 0, 0};
        for (int m = 0; m < n; m++)
            if (of->component[m].identifier == said[0])
                return DAMAGED;
        of->horizontal = h > of->horizontal ? h : of->horizontal;
        of->vertical = v > of->vertical ? v : of->vertical;
        blocks += h * v;
    }
    if (blocks > 10)
        return DAMAGED;
    for (int n = 0; n < of->components; n++)
        if (of->horizontal % of->component[n].horizontal || of->vertical % of->component[n].vertical)
            return DAMAGED;
    return 0;
}

/* Which MCUs are inside: the edges of a box must be those of MCUs or of the image. */
static int mark_inside(Proof *of) {
    int wide = 8 * of->horizontal, high = 8 * of->vertical;
    of->across = quotient_up(of->columns, wide);
    of->down = quotient_up(of->rows, high);
    /* A block has two bits at least; no size is believed before that. */
    if (4 * (of->before.end - of->before.start) < of->across * of->down)
        return DAMAGED;
    of->inside = calloc((size_t)(of->across * of->down), 1);
    if (of->inside == NULL)
        return NO_MEMORY;
    for (Py_ssize_t n = 0; n < of->many_boxes; n++) {
        const int32_t *box = of->boxes + 4 * n; /* x, y, and the first column and row behind it */
        if (box[0] < 0 || box[1] < 0 || box[2] <= box[0] || box[3] <= box[1] || box[2] > of->columns ||
            box[3] > of->rows || box[0] % wide || box[1] % high || (box[2] % wide && box[2] != of->columns) ||
            (box[3] % high && box[3] != of->rows))
            return ANOTHER;
        int64_t left = box[0] / wide, right = quotient_up(box[2], wide);
        for (int64_t row = box[1] / high; row < quotient_up(box[3], high); row++)
            memset(of->inside + row * of->across + left, 1, (size_t)(right - left));
    }
    return 0;
}

static int quantisation_tables(Proof *of) {
    const uint8_t *body = of->before.body;
    size_t at = 0, length = of->before.length;
    while (at < length) {
        int wide = body[at] >> 4, slot = body[at] & 15;
        if (wide > 1 || slot >= SLOTS || length - at < 1 + (wide ? 128 : 64))
            return DAMAGED;
        of->dc_quantum[slot] = wide ? body[at + 1] << 8 | body[at + 2] : body[at + 1];
        if (!of->dc_quantum[slot])
            return DAMAGED;
        at += 1 + (wide ? 128 : 64);
    }
    return 0;
}

/* -- Codes --------------------------------------------------------------------------------------------------------- */

/* One symbol: its bits | what it means << 8; 0 where sequential JPEG has no such symbol. */
static unsigned step_of(const Steps *of, int symbol, int length) {
    if (!of->ac) /* followed by as many bits as the symbol says (T.81 F.1.2.1.1) */
        return symbol > 15 ? 0 : (unsigned)((length + symbol) | symbol << 8);
    int run = symbol >> 4, size = symbol & 15;
    if (symbol == 0)
        return (unsigned)(length | END_OF_BLOCK << 8);
    if (size == 0 && run != 15)
        return 0; /* T.81 F.1.2.2.1 */
    return (unsigned)((length + size) | (run + 1) << 8);
}

/* The code that these bits begin with, in `length`, and the step that it is; 0 if there is none. */
static unsigned one_step(const Steps *of, uint64_t bits, int *length) {
    uint32_t code = (uint32_t)(bits >> 48);
    for (*length = 1; *length <= 16; ++*length) {
        uint32_t alone = code >> (16 - *length);
        if (alone >= of->first[*length] && code < of->end[*length])
            return step_of(of, of->table.symbol[of->before[*length] + (int)(alone - of->first[*length])], *length);
    }
    return 0;
}

static int same_table(const Table *one, const Table *other) {
    return one->symbols == other->symbols && !memcmp(one->counts, other->counts, 16) &&
           !memcmp(one->symbol, other->symbol, (size_t)one->symbols);
}

/* As many steps as a window has, in one. Only codes must lie in it; of the bits behind the last none is looked at. */
static uint16_t quick_step(const Steps *of, uint32_t window, const uint16_t *alone) {
    unsigned used = 0, passed = 0;
    while (used < QUICK) {
        uint16_t next = alone[window << used & ((1 << QUICK) - 1)];
        unsigned length = next & 31, bits = next >> 5 & 31, means = next >> 10;
        int ends = means == 63;
        if (!length || used + length > QUICK || used + bits > FEW || (!ends && passed + means > 63))
            break;
        used += bits;
        passed += ends ? END_OF_BLOCK : means;
        if (ends || !of->ac)
            break;
    }
    return used ? (uint16_t)(used | passed << 8) : MISS;
}

/* T.81 C.2: codes of one length are consecutive numbers. The frames of a cine have the same tables. */
static void make_steps(Steps *of, const Table *table, int ac) {
    if (of->made && same_table(&of->table, table))
        return;
    of->table = *table;
    of->made++;
    of->ac = ac;
    uint16_t alone[1 << QUICK] = {0}; /* length of the code | bits with those that follow << 5 | what they mean << 10 */
    uint32_t code = 0;
    int used = 0;
    for (int length = 1; length <= 16; length++) {
        of->first[length] = code;
        of->before[length] = used;
        for (int n = 0; n < table->counts[length - 1]; n++, code++, used++) {
            unsigned step = step_of(of, table->symbol[used], length);
            if (length > QUICK || !step)
                continue;
            unsigned means = step >> 8 == END_OF_BLOCK ? 63 : step >> 8;
            uint16_t entry = (uint16_t)((unsigned)length | (step & 0xFF) << 5 | means << 10);
            for (uint32_t window = code << (QUICK - length); window < (code + 1) << (QUICK - length); window++)
                alone[window] = entry;
        }
        of->end[length] = code << (16 - length);
        code <<= 1;
    }
    for (uint32_t window = 0; window < 1 << QUICK; window++)
        of->quick[window] = quick_step(of, window, alone);
}

static int16_t short_block(const Steps *dc, const Steps *ac, uint32_t window) {
    const uint32_t mask = (1 << QUICK) - 1;
    unsigned found = dc->quick[window], used = found & 0xFF, size = found >> 8, place = 1;
    if (found == MISS || used > QUICK)
        return 0;
    int value = (int)(window >> (QUICK - used) & ((1u << size) - 1));
    int difference = value < 1 << size >> 1 ? value - (1 << size) + 1 : value;
    while (used <= QUICK && place < 64) {
        found = ac->quick[window << used & mask];
        used += found & 0xFF;
        place += found >> 8 & ~(unsigned)END_OF_BLOCK;
        if (found == MISS || used > QUICK || place > 63)
            return 0;
        if (found >> 8 >= END_OF_BLOCK)
            return (int16_t)(difference * 32 + (int)used);
    }
    return 0;
}

static void make_short(Short *of, const Steps *dc, const Steps *ac) {
    if (of->dc == dc && of->ac == ac && of->of_dc == dc->made && of->of_ac == ac->made)
        return;
    *of = (Short){.of_dc = dc->made, .of_ac = ac->made, .dc = dc, .ac = ac};
    for (uint32_t window = 0; window < 1 << QUICK; window++)
        of->whole[window] = short_block(dc, ac, window);
}

/* The bits from `at` on, WINDOW of them at least. */
static inline uint64_t window(const uint8_t *plain, int64_t at) {
    const uint8_t *byte = plain + (at >> 3);
    uint64_t bits = (uint64_t)byte[0] << 56 | (uint64_t)byte[1] << 48 | (uint64_t)byte[2] << 40 |
                    (uint64_t)byte[3] << 32 | (uint64_t)byte[4] << 24 | (uint64_t)byte[5] << 16 |
                    (uint64_t)byte[6] << 8 | byte[7];
    return bits << (at & 7);
}

/* One DC difference (T.81 F.2.2.1), added to what was before it; how many bits it has, 0 where there is no such code. */
static inline int dc_difference(const Steps *of, uint64_t bits, int64_t *level) {
    unsigned found = of->quick[bits >> (64 - QUICK)];
    int length;
    if (found == MISS)
        found = one_step(of, bits, &length);
    int taken = (int)(found & 0xFF), size = (int)(found >> 8);
    if (!taken)
        return 0;
    int64_t value = (int64_t)(bits >> (64 - taken)) & ((INT64_C(1) << size) - 1);
    *level += value < (INT64_C(1) << size) >> 1 ? value - (INT64_C(1) << size) + 1 : value;
    return taken;
}

/* Passes over the AC coefficients of a block (T.81 F.2.2.2); `at` is behind them then. */
static inline int ac_coefficients(const Steps *of, const uint8_t *plain, int64_t *at) {
    unsigned place = 1;
    for (;;) {
        uint64_t bits = window(plain, *at);
        unsigned found = 0, reached = 0;
        for (int n = 0; n < 4; n++) {
            found = of->quick[bits >> (64 - QUICK)];
            reached = place + (found >> 8);
            if (reached >= 64)
                break;
            place = reached;
            *at += found & 0xFF;
            bits <<= found & 0xFF;
        }
        if (reached < 64)
            continue;
        if ((reached > 64 && reached < END_OF_BLOCK) || reached >= END_OF_BLOCK + 64) {
            /* A long code, or the block ends between the codes of the window: by one. */
            int length;
            found = one_step(of, window(plain, *at), &length);
            reached = place + (found >> 8);
            if (!found || (reached > 64 && reached < END_OF_BLOCK))
                return DAMAGED;
            place = reached;
        }
        *at += found & 0xFF;
        if (reached >= 64)
            return 0;
    }
}

static int same_bits(const uint8_t *one, int64_t at, const uint8_t *other, int64_t there, int64_t many) {
    for (; many >= 56; many -= 56, at += 56, there += 56)
        if ((window(one, at) ^ window(other, there)) >> 8)
            return 0;
    return !many || !((window(one, at) ^ window(other, there)) >> (64 - many));
}

/* -- Scans --------------------------------------------------------------------------------------------------------- */

/* Takes the stuffing (T.81 B.1.1.5) out of the data up to the next marker, at which the stream then stands. */
static int fetch(Stream *of) {
    uint8_t *to = of->plain;
    for (;;) {
        const uint8_t *mark = memchr(of->at, 0xFF, (size_t)(of->end - of->at));
        if (mark == NULL || of->end - mark < 2)
            return of->wrong;
        size_t length = (size_t)(mark - of->at);
        memcpy(to, of->at, length);
        to += length;
        of->at = mark;
        if (mark[1])
            break;
        *to++ = 0xFF;
        of->at += 2;
    }
    of->bits = 8 * (to - of->plain);
    memset(to, 0xFF, BEHIND);
    return 0;
}

/* A restart marker of this number is passed over (T.81 E.1.4). */
static int pass_restart(Stream *of, int64_t number) {
    if (of->at[1] != RST0 + (int)(number & 7))
        return of->wrong;
    of->at += 2;
    return 0;
}

typedef struct {
    int component, dc, ac; /* its index in the frame, its tables */
} Block;

typedef struct {
    Block block[10]; /* of one MCU */
    int blocks, alone;
    int same_tables; /* those for DC: the ones for AC must be */
    uint64_t still; /* in the high end: the codes of an MCU of which each block has the DC level of the one before it, */
    int still_bits; /* and no AC coefficient. So is all that is black. 0 bits: not known */
    int64_t across, mcus; /* of the scan: those of a component alone are blocks (T.81 A.2.2) */
} Scan;

/* Where reading has got to in an interval. */
typedef struct {
    int64_t at, level[COMPONENTS];
} Reading;

static int is_inside(const Proof *of, const Scan *scan, int64_t mcu) {
    if (!scan->alone)
        return of->inside[mcu];
    const Component *component = of->component + scan->block[0].component;
    int64_t row = mcu / scan->across / component->vertical, column = mcu % scan->across / component->horizontal;
    return of->inside[row * of->across + column];
}

/* Whether a DC coefficient is mid-scale or an end of the scale, as its samples are 8 times it, cut off at the ends. */
static int is_flat(const Proof *of, const Component *component, int64_t level) {
    int64_t value = level * of->dc_quantum[component->quantisation], middle = INT64_C(1) << (of->precision - 1);
    return level == 0 || value <= -8 * middle || value >= 8 * (middle - 1);
}

/* A block in both. In a box what was written must be flat there. */
static int compare_block(Proof *of, const Block *block, int inside, Reading *was, Reading *is) {
    int which = block->component;
    const Steps *ac = of->ac + block->ac;
    int taken = dc_difference(of->dc_before + block->dc, window(of->before.plain, was->at), was->level + which);
    was->at += taken;
    int64_t behind_dc = was->at;
    if (!taken || ac_coefficients(ac, of->before.plain, &was->at) || was->at > of->before.bits)
        return DAMAGED;
    taken = dc_difference(of->dc_after + block->dc, window(of->after.plain, is->at), is->level + which);
    if (!taken)
        return BROKEN;
    is->at += taken;
    if (inside) {
        Component *component = of->component + which;
        int length;
        unsigned found = one_step(ac, window(of->after.plain, is->at), &length);
        if (found >> 8 != END_OF_BLOCK || !is_flat(of, component, is->level[which]) ||
            (component->has_black && is->level[which] != component->black))
            return LEFT;
        component->black = is->level[which];
        component->has_black = 1;
        is->at += length;
    } else {
        int64_t many = was->at - behind_dc;
        if (was->level[which] != is->level[which])
            return CHANGED;
        if (many > of->after.bits - is->at || !same_bits(of->before.plain, behind_dc, of->after.plain, is->at, many))
            return CHANGED;
        is->at += many;
    }
    return is->at > of->after.bits ? BROKEN : 0;
}

/* Whether what was written has the same bits as the original from `since` on, and so, after the same and under the same
   tables, the same coefficients. It stands behind them then. */
static int same_since(const Proof *of, int64_t since, const Reading *was, Reading *is) {
    int64_t many = was->at - since;
    if (many > of->after.bits - is->at || !same_bits(of->before.plain, since, of->after.plain, is->at, many))
        return CHANGED;
    is->at += many;
    return 0;
}

/* Reads so many MCUs of the original. */
static int pass_mcus(const Proof *of, const Scan *scan, int64_t many, Reading *was) {
    const uint8_t *plain = of->before.plain;
    for (; many; many--) {
        uint64_t bits = window(plain, was->at);
        if (scan->still_bits && (bits ^ scan->still) >> (64 - scan->still_bits) == 0) {
            was->at += scan->still_bits;
            if (was->at > of->before.bits)
                return DAMAGED;
            continue;
        }
        for (int n = 0; n < scan->blocks; n++) {
            const Block *block = scan->block + n;
            bits = window(plain, was->at);
            int whole = of->shorts[block->component].whole[bits >> (64 - QUICK)], taken = whole & 31;
            was->level[block->component] += whole >> 5;
            if (!whole)
                taken = dc_difference(of->dc_before + block->dc, bits, was->level + block->component);
            was->at += taken;
            if (!taken || (!whole && ac_coefficients(of->ac + block->ac, plain, &was->at)) || was->at > of->before.bits)
                return DAMAGED;
        }
    }
    return 0;
}

static int compare_interval(Proof *of, const Scan *scan, int64_t from, int64_t until) {
    Reading was = {0}, is = {0};
    int in_step = scan->same_tables, wrong = 0; /* in step: no number may differ as long as no bit does */
    for (int64_t mcu = from; mcu < until;) {
        int inside = is_inside(of, scan, mcu);
        if (in_step && !inside) {
            int64_t first = mcu, since = was.at;
            while (mcu < until && !is_inside(of, scan, mcu))
                mcu++;
            if ((wrong = pass_mcus(of, scan, mcu - first, &was)) || (wrong = same_since(of, since, &was, &is)))
                return wrong;
            memcpy(is.level, was.level, sizeof is.level);
            continue;
        }
        for (int n = 0; n < scan->blocks; n++)
            if ((wrong = compare_block(of, scan->block + n, inside, &was, &is)))
                return wrong;
        in_step = !inside && scan->same_tables;
        mcu++;
    }
    /* What was written ends here: less than a byte of ones is left (T.81 F.1.2.3). */
    int64_t left = of->after.bits - is.at;
    return left > 7 || (left && ~window(of->after.plain, is.at) >> (64 - left)) ? SURPLUS : 0;
}

/* The code of a symbol (T.81 C.2), and its bits; 0 of them if it has none. */
static uint64_t code_of(const Table *table, int symbol, int *bits) {
    uint64_t code = 0;
    int at = 0;
    for (*bits = 1; *bits <= 16; ++*bits, code <<= 1)
        for (int n = 0; n < table->counts[*bits - 1]; n++, at++, code++)
            if (table->symbol[at] == symbol)
                return code;
    *bits = 0;
    return 0;
}

static void make_still(Scan *scan, const Proof *of) {
    scan->still = 0;
    scan->still_bits = 0;
    int used = 0;
    for (int n = 0; n < scan->blocks; n++) {
        const Table *tables[2] = {of->before.dc + scan->block[n].dc, of->before.ac + scan->block[n].ac};
        for (int which = 0; which < 2; which++) {
            int bits;
            uint64_t code = code_of(tables[which], 0, &bits); /* no difference; end of block */
            used += bits;
            if (!bits || used > WINDOW)
                return;
            scan->still |= code << (64 - used);
        }
    }
    scan->still_bits = used;
}

/* The scan header (T.81 B.2.3), which is the same in both, with the tables in force. */
static int scan_header(Proof *of, Scan *scan) {
    const uint8_t *body = of->before.body;
    size_t length = of->before.length;
    if (length < 1 || !body[0] || length != 4 + 2 * (size_t)body[0] || body[0] > of->components)
        return DAMAGED;
    scan->alone = body[0] == 1;
    scan->blocks = 0;
    scan->same_tables = 1;
    Component *component = NULL;
    for (int n = 0; n < body[0]; n++) {
        int which = 0, dc = body[2 + 2 * n] >> 4, ac = body[2 + 2 * n] & 15;
        while (which < of->components && of->component[which].identifier != body[1 + 2 * n])
            which++;
        if (which == of->components || dc >= SLOTS || ac >= SLOTS)
            return DAMAGED;
        component = of->component + which;
        if (component->seen || component->quantisation >= SLOTS || !of->dc_quantum[component->quantisation])
            return DAMAGED;
        component->seen = 1;
        if (!of->before.dc[dc].defined || !of->before.ac[ac].defined)
            return DAMAGED;
        if (!of->after.dc[dc].defined || !of->after.ac[ac].defined)
            return BROKEN;
        if (!same_table(of->before.ac + ac, of->after.ac + ac))
            return ANOTHER;
        make_steps(of->dc_before + dc, of->before.dc + dc, 0);
        make_steps(of->dc_after + dc, of->after.dc + dc, 0);
        make_steps(of->ac + ac, of->before.ac + ac, 1);
        make_short(of->shorts + which, of->dc_before + dc, of->ac + ac);
        scan->same_tables &= same_table(of->before.dc + dc, of->after.dc + dc);
        int blocks = scan->alone ? 1 : component->horizontal * component->vertical;
        while (blocks--)
            scan->block[scan->blocks++] = (Block){which, dc, ac};
    }
    make_still(scan, of);
    scan->across = of->across;
    scan->mcus = of->across * of->down;
    if (scan->alone) {
        scan->across = quotient_up(quotient_up(of->columns * component->horizontal, of->horizontal), 8);
        scan->mcus = scan->across * quotient_up(quotient_up(of->rows * component->vertical, of->vertical), 8);
    }
    return 0;
}

static int compare_scan(Proof *of) {
    Scan scan;
    int wrong = 0;
    if (!of->components)
        return DAMAGED;
    if (of->inside == NULL)
        wrong = mark_inside(of);
    if (wrong || (wrong = scan_header(of, &scan)))
        return wrong;
    int64_t length = of->interval ? of->interval : scan.mcus;
    for (int64_t number = 0, from = 0; from < scan.mcus; number++, from += length) {
        int64_t until = from + length < scan.mcus ? from + length : scan.mcus;
        if (from && ((wrong = pass_restart(&of->before, number - 1)) || (wrong = pass_restart(&of->after, number - 1))))
            return wrong;
        if ((wrong = fetch(&of->before)) || (wrong = fetch(&of->after)) ||
            (wrong = compare_interval(of, &scan, from, until)))
            return wrong;
    }
    return 0;
}

/* -- Frames -------------------------------------------------------------------------------------------------------- */

static int same_colours(const uint8_t *one, const uint8_t *other) {
    return (one == NULL) == (other == NULL) && (one == NULL || !memcmp(one, other, 12));
}

static int compare(Proof *of) {
    Stream *streams[2] = {&of->before, &of->after};
    for (int n = 0; n < 2; n++) {
        Stream *stream = streams[n];
        if (stream->end - stream->start < 2 || stream->start[0] != 0xFF || stream->start[1] != 0xD8)
            return stream->wrong;
        stream->at = stream->start + 2;
        size_t needed = (size_t)(stream->end - stream->start) + BEHIND;
        if (of->room[n] < needed) {
            free(of->plain[n]);
            of->plain[n] = malloc(needed);
            of->room[n] = of->plain[n] == NULL ? 0 : needed;
        }
        stream->plain = of->plain[n];
        if (stream->plain == NULL)
            return NO_MEMORY;
    }
    for (;;) {
        int marker = next_segment(&of->before), other = next_segment(&of->after), wrong = 0;
        if (marker < 0)
            return -marker;
        if (other < 0)
            return -other;
        if (marker != other)
            return ANOTHER;
        if (marker == EOI)
            break;
        if (of->before.length != of->after.length || memcmp(of->before.body, of->after.body, of->before.length))
            return ANOTHER;
        if (marker == DQT) {
            wrong = quantisation_tables(of);
        } else if (marker == DRI) {
            if (of->before.length != 2)
                return DAMAGED;
            of->interval = of->before.body[0] << 8 | of->before.body[1];
        } else if (marker == SOS) {
            wrong = compare_scan(of);
        } else {
            wrong = frame_header(of);
        }
        if (wrong)
            return wrong;
    }
    if (!of->components)
        return DAMAGED;
    for (int n = 0; n < of->components; n++)
        if (!of->component[n].seen)
            return DAMAGED;
    if (!same_colours(of->before.jfif, of->after.jfif) || !same_colours(of->before.adobe, of->after.adobe))
        return ANOTHER;
    /* A fragment has an even length: a byte of zero may follow. */
    Py_ssize_t behind = of->after.end - of->after.at;
    return behind > 1 || (behind && *of->after.at) ? SURPLUS : PROVEN;
}

static int prove_frame(Proof *of, PyObject *before, PyObject *after) {
    memset(&of->before, 0, sizeof *of - offsetof(Proof, before));
    of->before.start = (const uint8_t *)PyBytes_AS_STRING(before);
    of->before.end = of->before.start + PyBytes_GET_SIZE(before);
    of->before.wrong = DAMAGED;
    of->after.start = (const uint8_t *)PyBytes_AS_STRING(after);
    of->after.end = of->after.start + PyBytes_GET_SIZE(after);
    of->after.wrong = BROKEN;
    of->after.written = 1;
    int found = compare(of);
    free(of->inside);
    return found;
}

static PyObject *prove(PyObject *self, PyObject *args) {
    PyObject *before, *after;
    Py_buffer boxes;
    int rows, columns, samples, bits_allocated, found = PROVEN;
    (void)self;
    if (!PyArg_ParseTuple(args, "O!O!y*iiii", &PyTuple_Type, &before, &PyTuple_Type, &after, &boxes, &rows, &columns,
                          &samples, &bits_allocated))
        return NULL;
    Py_ssize_t frames = PyTuple_GET_SIZE(before);
    int fit = frames == PyTuple_GET_SIZE(after) && boxes.len % (4 * (Py_ssize_t)sizeof(int32_t)) == 0;
    for (Py_ssize_t n = 0; fit && n < frames; n++)
        fit = PyBytes_Check(PyTuple_GET_ITEM(before, n)) && PyBytes_Check(PyTuple_GET_ITEM(after, n));
    Proof *of = fit ? calloc(1, sizeof *of) : NULL;
    if (of != NULL) {
        of->rows = rows;
        of->columns = columns;
        of->samples = samples;
        of->bits_allocated = bits_allocated;
        of->boxes = boxes.buf;
        of->many_boxes = boxes.len / (4 * (Py_ssize_t)sizeof(int32_t));
        Py_BEGIN_ALLOW_THREADS /* the tuples hold their bytes */
        for (Py_ssize_t n = 0; found == PROVEN && n < frames; n++)
            found = prove_frame(of, PyTuple_GET_ITEM(before, n), PyTuple_GET_ITEM(after, n));
        free(of->plain[0]);
        free(of->plain[1]);
        free(of);
        Py_END_ALLOW_THREADS
    }
    PyBuffer_Release(&boxes);
    if (!fit) {
        PyErr_SetString(PyExc_ValueError, "as many frames before as after, and four numbers for each box");
        return NULL;
    }
    return of == NULL || found == NO_MEMORY ? PyErr_NoMemory() : PyLong_FromLong(found);
}

static PyMethodDef methods[] = {
    {"prove", prove, METH_VARARGS,
     "prove(before, after, boxes, rows, columns, samples, bits_allocated): PROVEN, or what was found first.\n\n"
     "before, after: tuples of frames. boxes: four 32-bit numbers each, the left column, the top row, and the first ones\n"
     "behind, grown to MCUs."},
    {NULL, NULL, 0, NULL}};

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_jpeg_proof", NULL, -1, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__jpeg_proof(void) {
    PyObject *made = PyModule_Create(&module);
    if (made != NULL && (PyModule_AddIntMacro(made, PROVEN) < 0 || PyModule_AddIntMacro(made, CHANGED) < 0 ||
                         PyModule_AddIntMacro(made, LEFT) < 0 || PyModule_AddIntMacro(made, ANOTHER) < 0 ||
                         PyModule_AddIntMacro(made, SURPLUS) < 0 || PyModule_AddIntMacro(made, DAMAGED) < 0 ||
                         PyModule_AddIntMacro(made, BROKEN) < 0)) {
        Py_DECREF(made);
        return NULL;
    }
    return made;
}
